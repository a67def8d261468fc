//! Query parameters of events, one row each; `parameters.rs` says what a row is.

use persona_model::{FeedPlace, PAGE_LIMIT_MAX};

use super::parameters::{Parameter, ParameterKind, Typed, read_number, text, typed, whole};

/// Words of `kind` of events; a test compares them with those of the bodies.
pub const EVENT_KIND_WORDS: &[&str] =
    &["created", "updated", "deleted", "undeleted", "labelled", "unlabelled", "purged"];
/// Where events start.
pub const AFTER: Typed<FeedPlace> = typed(
    "after",
    ParameterKind::Place,
    |_, value| {
        FeedPlace::parse(value)
            .ok_or_else(|| "next_after, or the sequence of an event, or 0".into())
    },
    "Events behind this place: next_after of the page before, the sequence of an event, or 0 for \
     all; without it those from now on.",
);
/// How long a page of events is waited for.
pub const WAIT: Typed<u64> = typed(
    "wait",
    ParameterKind::Seconds(EVENTS_WAIT_SECONDS_MAX),
    |_, value| {
        whole(value)
            .filter(|seconds| *seconds <= EVENTS_WAIT_SECONDS_MAX)
            .ok_or_else(|| format!("a whole number of seconds from 0 to {EVENTS_WAIT_SECONDS_MAX}"))
    },
    "Only with Accept: application/json: for how many seconds the answer waits for an event; 0 by \
     default.",
);
/// Size of a page of events.
pub const EVENTS_LIMIT: Typed<u64> = typed(
    "limit",
    ParameterKind::Number(PAGE_LIMIT_MAX as u64),
    read_number,
    "Only with Accept: application/json: most events of the page; 50 by default.",
);
/// The personas of events.
pub const PERSONA: Parameter = text(
    "persona",
    ParameterKind::Persona,
    true,
    "Only events of this persona, by its id or by @ and its handle; repeat it for several, at most \
     32.",
);
/// What happened in events.
pub const EVENT_KIND: Parameter = text(
    "kind",
    ParameterKind::AnyOf(EVENT_KIND_WORDS),
    true,
    "Only events of this kind; repeat it for several.",
);
/// The labels of events.
pub const EVENT_LABEL: Parameter = text(
    "label",
    ParameterKind::Labels,
    true,
    "Only events of moves of this label, such as production; repeat it for several, at most 32. \
     Those are of kind labelled or unlabelled, and kind must not leave both out.",
);
/// Whether events have personas.
pub const INCLUDE_DOCUMENT: Typed<bool> = typed(
    "include",
    ParameterKind::OneOf(&["document"]),
    |_, value| if value == "document" { Ok(true) } else { Err("one of document".into()) },
    "Adds document to each event: the persona at that revision.",
);
/// Longest wait for an event, in seconds: below the 60 seconds after which proxies give up a
/// request.
pub const EVENTS_WAIT_SECONDS_MAX: u64 = 55;
