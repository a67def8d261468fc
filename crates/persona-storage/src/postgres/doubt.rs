//! A write that may have been done, because the connection broke before its answer came.

use std::time::{Duration, Instant};

use crate::{Error, Operation, Write};

/// Longest time beyond the deadline for finding out the outcome of a write when its connection
/// broke.
const DOUBT_MAX: Duration = Duration::from_secs(10);

/// The time until which a write is tried: later while its outcome is unknown, so that there is time
/// to find it out.
pub(super) fn limit(write: &Write, doubt: Option<Instant>) -> Instant {
    limit_of(write.deadline, doubt)
}

/// The same of what has this deadline.
pub(super) fn limit_of(deadline: Instant, doubt: Option<Instant>) -> Instant {
    doubt.map_or(deadline, |since| deadline.max(since + DOUBT_MAX))
}

/// The error of a single write that may have been done before. That its own revision was dropped
/// proves that it was done, and is told as it is to a repetition of the write by its key. A write
/// that goes back to a revision can be told of that one, which proves nothing.
pub(super) fn told_of_write(error: Error, write: &Write, is_in_doubt: bool) -> Error {
    let names_a_revision = matches!(write.operation, Operation::Revert { .. });
    match error {
        Error::RevisionDropped { .. } if !names_a_revision => error,
        error => told_in_doubt(error, is_in_doubt),
    }
}

/// The error of a write that may have been done before it met this error. Another current revision
/// proves that the write was not done, because its statement names the expected one; so does a key
/// that another request has. Any other error proves nothing: the statement may still be on its way
/// to the server, and a persona that is not there may have been purged after it.
pub(super) fn told_in_doubt(error: Error, is_in_doubt: bool) -> Error {
    match error {
        _ if !is_in_doubt => error,
        Error::Deleted { .. }
        | Error::AlreadyExists { .. }
        | Error::Stale { .. }
        | Error::Invalid(_)
        | Error::TestFailed { .. }
        | Error::UnknownBase { .. }
        | Error::Conflicts { .. }
        | Error::KeyReused => error,
        _ => Error::OutcomeUnknown,
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{Patch, Precondition, Revision};
    use serde_json::json;

    use super::told_of_write;
    use crate::conformance::{id, write};
    use crate::{Error, Operation};

    #[test]
    fn that_its_own_revision_was_dropped_proves_that_a_write_was_done() {
        let (id, precondition) = (id(1), Precondition::Any);
        let patch = Patch::merge(json!({ "name": "Ada" })).expect("a patch");
        let patched =
            Operation::Patch { id, precondition: precondition.clone(), patch, base: None };
        let reverted = Operation::Revert { id, precondition, revision: Revision::FIRST };
        let dropped = || Error::RevisionDropped { revision: Revision::FIRST };
        for (operation, is_in_doubt, is_told) in [
            (patched.clone(), true, true),
            (patched, false, true),
            (reverted.clone(), true, false),
            (reverted, false, true),
        ] {
            let told = told_of_write(dropped(), &write(operation.clone()), is_in_doubt);
            let is_dropped = matches!(told, Error::RevisionDropped { .. });
            assert_eq!(is_dropped, is_told, "{operation:?}, in doubt: {is_in_doubt}: {told}");
        }
    }
}
