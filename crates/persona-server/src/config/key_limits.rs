//! The settings of how many requests a client may make.

use super::value_kind::{Default, Key, PLAIN, ValueKind};

/// Most requests a second, and at once, that can be chosen. A larger number would limit nothing.
pub const RATE_MAX: u64 = 1_000_000;

/// The settings of budgets. A rate of 0 means no limit.
pub const LIMITS: &[Key] = &[
    Key {
        name: "rate_reads",
        section: "limits",
        member: "reads",
        shape: ValueKind::Number { min: 0, max: RATE_MAX },
        default: Default::Text("0"),
        unit: Some("requests a second"),
        help: "Reads that a token, or an address without one, may make in a second on average, \
               over all workers; 0 for no limit. More are answered 429.",
        ..PLAIN
    },
    Key {
        name: "rate_reads_burst",
        section: "limits",
        member: "reads_burst",
        shape: ValueKind::Number { min: 0, max: RATE_MAX },
        default: Default::Text("0"),
        unit: Some("requests"),
        help: "Reads that may be made at once after a pause; 0 for as many as in one second.",
        ..PLAIN
    },
    Key {
        name: "rate_writes",
        section: "limits",
        member: "writes",
        shape: ValueKind::Number { min: 0, max: RATE_MAX },
        default: Default::Text("0"),
        unit: Some("requests a second"),
        help: "The same for writes; a batch or an import is one.",
        ..PLAIN
    },
    Key {
        name: "rate_writes_burst",
        section: "limits",
        member: "writes_burst",
        shape: ValueKind::Number { min: 0, max: RATE_MAX },
        default: Default::Text("0"),
        unit: Some("requests"),
        help: "Writes that may be made at once after a pause; 0 for as many as in one second.",
        ..PLAIN
    },
];
