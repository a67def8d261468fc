//! All attempts of one write, taken together; and the check X.

use super::findings::{Check, Findings};
use crate::verify::history::{Knowledge, Record, RequestKind};

/// One write, with all its attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub operation: RequestKind,
    pub effect: u64,
    /// The revision that it expects; 0 without a condition.
    pub expected: u32,
    /// When its first attempt began.
    pub invoked_at: u64,
    /// The revision that its acknowledgement names; `None` without one.
    pub acknowledged: Option<u32>,
    /// It may have happened although it was not acknowledged.
    pub unknown: bool,
    /// Every answer said that it did not happen.
    pub refused: bool,
}

impl Request {
    /// Puts the attempts of one write together, in the order in which they began.
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

    /// The revision that it made, if it was acknowledged and changed something.
    ///
    /// Deleting what is deleted and restoring what is alive are acknowledged with the revision that
    /// is there.
    pub(super) fn made(&self) -> Option<u32> {
        let changed = |revision: &u32| !self.may_change_nothing() || *revision == self.expected + 1;
        self.acknowledged.filter(changed)
    }

    /// Whether it can be acknowledged without having changed anything.
    pub(super) fn may_change_nothing(&self) -> bool {
        matches!(self.operation, RequestKind::Delete | RequestKind::Undelete)
    }

    /// The only revision that it can make; `None` when any will do.
    pub(super) fn place(&self) -> Option<u32> {
        match self.operation {
            RequestKind::Patch => None,
            _ => Some(self.expected + 1),
        }
    }

    /// The state that it makes of another one; a write that replaces everything needs no state.
    pub(super) fn applied_to(&self, state: Option<u64>) -> Option<u64> {
        match self.operation {
            RequestKind::Create | RequestKind::Replace => Some(self.effect),
            _ => state.map(|state| state ^ self.effect),
        }
    }

    /// The state before it, given the state that it made; `None` when that cannot be told.
    pub(super) fn undone_from(&self, state: u64) -> Option<u64> {
        match self.operation {
            RequestKind::Create => Some(0),
            RequestKind::Replace => None,
            _ => Some(state ^ self.effect),
        }
    }
}
