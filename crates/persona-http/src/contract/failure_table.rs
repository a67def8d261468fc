//! The rows of the table of problem codes for requests that the server fails, by status.

use http::StatusCode;

use super::problem_table::row;
use super::problems::{Code, Facts};

/// The codes of failures, in the order of [`Code`]: by status. They come after the refusals.
pub(super) const FAILURES: &[Facts] = &[
    row(
        Code::Internal,
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The server failed",
        "report it with the request_id",
    ),
    row(
        Code::Damaged,
        StatusCode::INTERNAL_SERVER_ERROR,
        "damaged",
        "The database is damaged",
        "tell the operator: nothing was repaired or deleted",
    ),
    row(
        Code::StorageFailed,
        StatusCode::INTERNAL_SERVER_ERROR,
        "storage_failed",
        "The disk failed",
        "tell the operator; read again what was kept",
    ),
    row(
        Code::UnknownCoding,
        StatusCode::NOT_IMPLEMENTED,
        "unknown_coding",
        "The transfer coding is not known",
        "send the body as it is, or chunked",
    ),
    row(
        Code::Busy,
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "The store is busy",
        "try again after Retry-After; nothing was changed",
    ),
    row(
        Code::TooManyKeys,
        StatusCode::SERVICE_UNAVAILABLE,
        "too_many_keys",
        "No more idempotency keys can be kept",
        "try again later, or without a key; nothing was changed",
    ),
    row(
        Code::ReadTimeout,
        StatusCode::SERVICE_UNAVAILABLE,
        "read_timeout",
        "The read took too long",
        "ask for less: fewer or longer words, no count",
    ),
    row(
        Code::Unreachable,
        StatusCode::SERVICE_UNAVAILABLE,
        "database_unreachable",
        "The database cannot be reached",
        "try again after Retry-After; nothing was changed",
    ),
    row(
        Code::OutcomeUnknown,
        StatusCode::SERVICE_UNAVAILABLE,
        "outcome_unknown",
        "Whether the write was kept is unknown",
        "read again, or repeat it with its Idempotency-Key",
    ),
    row(
        Code::Closing,
        StatusCode::SERVICE_UNAVAILABLE,
        "closing",
        "The server is closing",
        "try again; a write can have been kept, so use an Idempotency-Key",
    ),
    row(
        Code::NotReady,
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        "The server is not ready",
        "wait, or look at the server's log",
    ),
    row(
        Code::OldProtocol,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        "old_protocol",
        "The request needs HTTP/1.1",
        "use a client that speaks HTTP/1.1",
    ),
    row(
        Code::StorageFull,
        StatusCode::INSUFFICIENT_STORAGE,
        "storage_full",
        "There is no space left",
        "tell the operator: reads work, writes need space",
    ),
];
