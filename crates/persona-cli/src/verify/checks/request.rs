//! Merges all attempts of one write; checks that it happened once (check X).

use super::findings::{Check, Findings};
use crate::verify::history::{Knowledge, Record, RequestKind};

/// One write, with all its attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub operation: RequestKind,
    pub effect: u64,
    /// The revision that the write expects; 0 without a condition.
    pub expected: u32,
    /// When the first attempt began.
    pub invoked_at: u64,
    /// The revision that the acknowledgement names; `None` without one.
    pub acknowledged: Option<u32>,
    /// Whether the write may have happened although it was not acknowledged.
    pub unknown: bool,
    /// Whether every answer said that the write did not happen.
    pub refused: bool,
}

impl Request {
    /// Merges the attempts of one write, in the order in which they began.
    pub(super) fn of(attempts: &[Record], findings: &mut Findings) -> Self {
        let first = attempts[0];
        let acknowledgements =
            || attempts.iter().filter(|attempt| attempt.outcome == Knowledge::Done);
        let acknowledged = acknowledgements().find_map(|attempt| attempt.revision);
        let named = |what: &str| {
            format!(
                "{} {} of persona {}: {what}",
                first.operation.as_str(),
                first.request,
                first.persona
            )
        };
        if acknowledgements().any(|attempt| attempt.revision != acknowledged) {
            findings
                .add(Check::Once, named("its repetition was acknowledged with another revision"));
        } else if acknowledgements().filter(|attempt| !attempt.replayed).count() > 1 {
            findings.add(Check::Once, named("its repetition was executed again"));
        }
        let unknown = acknowledged.is_none()
            && attempts.iter().any(|attempt| attempt.outcome == Knowledge::Unknown);
        Self {
            operation: first.operation,
            effect: first.effect,
            expected: first.expected,
            invoked_at: first.invoked_at,
            acknowledged,
            unknown,
            refused: acknowledged.is_none() && !unknown,
        }
    }

    /// The revision that the write made, if it was acknowledged and changed something.
    ///
    /// Deleting a deleted persona and undeleting a living one are acknowledged with the current
    /// revision.
    pub(super) fn made(&self) -> Option<u32> {
        let changed = |revision: &u32| !self.may_change_nothing() || *revision == self.expected + 1;
        self.acknowledged.filter(changed)
    }

    /// Whether the write can be acknowledged without changing anything.
    pub(super) fn may_change_nothing(&self) -> bool {
        matches!(self.operation, RequestKind::Delete | RequestKind::Undelete)
    }

    /// The only revision that the write can make; `None` if it can make any.
    pub(super) fn place(&self) -> Option<u32> {
        match self.operation {
            RequestKind::Patch => None,
            _ => Some(self.expected + 1),
        }
    }

    /// The state after the write, given the state before it; a write that replaces everything needs
    /// no earlier state.
    pub(super) fn applied_to(&self, state: Option<u64>) -> Option<u64> {
        match self.operation {
            RequestKind::Create | RequestKind::Replace => Some(self.effect),
            _ => state.map(|state| state ^ self.effect),
        }
    }

    /// The state before the write, given the state after it; `None` if it cannot be determined.
    pub(super) fn undone_from(&self, state: u64) -> Option<u64> {
        match self.operation {
            RequestKind::Create => Some(0),
            RequestKind::Replace => None,
            _ => Some(state ^ self.effect),
        }
    }
}
