//! A write that may have been done, because the connection broke before its answer came.

use std::time::{Duration, Instant};

use crate::{Error, Write};

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
