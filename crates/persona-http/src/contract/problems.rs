//! The table of problem codes. Clients may rely on each word; a code is never renamed.

use http::StatusCode;

use super::OperationId;

/// What went wrong, as one stable word.
#[expect(missing_docs, reason = "the table says what each one means")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    MalformedRequest,
    BodyCutOff,
    MalformedJson,
    BadParameter,
    BadHeader,
    NoSuchPersona,
    NoSuchRevision,
    NoSuchRoute,
    MethodNotAllowed,
    HeadTooSlow,
    BodyTooSlow,
    Conflict,
    TestFailed,
    HandleTaken,
    Deleted,
    UnknownPosition,
    Stale,
    AlreadyExists,
    BodyTooLarge,
    BatchTooLarge,
    UnsupportedMediaType,
    ForeignHost,
    Invalid,
    BadSearch,
    UnknownBase,
    KeyReused,
    ConditionRequired,
    HeadTooLarge,
    Internal,
    Damaged,
    StorageFailed,
    UnknownCoding,
    Busy,
    TooManyKeys,
    ReadTimeout,
    Unreachable,
    OutcomeUnknown,
    Closing,
    NotReady,
    OldProtocol,
    StorageFull,
}

/// What a code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The code.
    pub code: Code,
    /// The stable word.
    pub word: &'static str,
    /// The status code of its answers.
    pub status: StatusCode,
    /// What happened, the same for every answer with this code.
    pub title: &'static str,
    /// What a client can do about it.
    pub remedy: &'static str,
}

const fn row(
    code: Code,
    status: StatusCode,
    word: &'static str,
    title: &'static str,
    remedy: &'static str,
) -> Facts {
    Facts { code, word, status, title, remedy }
}

/// Every code, in the order of [`Code`]: by status.
pub const PROBLEMS: &[Facts] = &[
    row(
        Code::MalformedRequest,
        StatusCode::BAD_REQUEST,
        "malformed_request",
        "The request breaks the rules of HTTP",
        "use an HTTP client that keeps them",
    ),
    row(
        Code::BodyCutOff,
        StatusCode::BAD_REQUEST,
        "body_cut_off",
        "The body ended early",
        "send the whole body; nothing was changed",
    ),
    row(
        Code::MalformedJson,
        StatusCode::BAD_REQUEST,
        "malformed_json",
        "The body is not valid JSON",
        "correct the text at the named line and column",
    ),
    row(
        Code::BadParameter,
        StatusCode::BAD_REQUEST,
        "bad_parameter",
        "The query cannot be used",
        "correct the named parameters",
    ),
    row(
        Code::BadHeader,
        StatusCode::BAD_REQUEST,
        "bad_header",
        "A header cannot be used",
        "correct the named header",
    ),
    row(
        Code::NoSuchPersona,
        StatusCode::NOT_FOUND,
        "no_such_persona",
        "There is no such persona",
        "check the id; a list shows every persona",
    ),
    row(
        Code::NoSuchRevision,
        StatusCode::NOT_FOUND,
        "no_such_revision",
        "There is no such revision",
        "ask for 1 up to the current revision",
    ),
    row(
        Code::NoSuchRoute,
        StatusCode::NOT_FOUND,
        "no_such_route",
        "There is nothing at this path",
        "see /api/v1/openapi.json",
    ),
    row(
        Code::MethodNotAllowed,
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "The path does not know this method",
        "use a method that Allow names",
    ),
    row(
        Code::HeadTooSlow,
        StatusCode::REQUEST_TIMEOUT,
        "head_too_slow",
        "The head of the request did not come",
        "send the request without long pauses",
    ),
    row(
        Code::BodyTooSlow,
        StatusCode::REQUEST_TIMEOUT,
        "body_too_slow",
        "The body did not come",
        "send the body without long pauses; nothing was changed",
    ),
    row(
        Code::Conflict,
        StatusCode::CONFLICT,
        "conflict",
        "Both sides changed the same fields",
        "decide each conflict and patch the current revision",
    ),
    row(
        Code::TestFailed,
        StatusCode::CONFLICT,
        "test_failed",
        "A test of the patch does not hold",
        "read the persona again and make the patch anew",
    ),
    row(
        Code::HandleTaken,
        StatusCode::CONFLICT,
        "handle_taken",
        "Another persona has this handle",
        "choose another handle, or free it at its holder",
    ),
    row(
        Code::Deleted,
        StatusCode::GONE,
        "deleted",
        "The persona is deleted",
        "bring it back with POST to the path in undelete",
    ),
    row(
        Code::UnknownPosition,
        StatusCode::GONE,
        "unknown_position",
        "The changes cannot be followed from there",
        "read the whole list again, and follow it from there",
    ),
    row(
        Code::Stale,
        StatusCode::PRECONDITION_FAILED,
        "stale",
        "The persona changed meanwhile",
        "read it again, apply the change anew, and send the new ETag",
    ),
    row(
        Code::AlreadyExists,
        StatusCode::PRECONDITION_FAILED,
        "already_exists",
        "The persona exists already",
        "replace it with If-Match, or choose another id",
    ),
    row(
        Code::BodyTooLarge,
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is too large",
        "send less at once",
    ),
    row(
        Code::BatchTooLarge,
        StatusCode::PAYLOAD_TOO_LARGE,
        "batch_too_large",
        "The batch is too large to be applied at once",
        "divide it, or send it without atomic=true",
    ),
    row(
        Code::UnsupportedMediaType,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body has the wrong media type",
        "send an accepted media type",
    ),
    row(
        Code::ForeignHost,
        StatusCode::MISDIRECTED_REQUEST,
        "foreign_host",
        "The host is not one of this server",
        "use a name that the server answers for",
    ),
    row(
        Code::Invalid,
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "The persona breaks rules",
        "correct every member that errors names",
    ),
    row(
        Code::BadSearch,
        StatusCode::UNPROCESSABLE_ENTITY,
        "bad_search",
        "The search text cannot be used",
        "search for at least one word, with fewer terms",
    ),
    row(
        Code::UnknownBase,
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown_base",
        "The base revision does not exist",
        "name a revision that was read before",
    ),
    row(
        Code::KeyReused,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The idempotency key belongs to another request",
        "use a new key",
    ),
    row(
        Code::ConditionRequired,
        StatusCode::PRECONDITION_REQUIRED,
        "condition_required",
        "The request needs a condition",
        "send If-Match with the ETag that was read",
    ),
    row(
        Code::HeadTooLarge,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head_too_large",
        "The head of the request is too large",
        "send fewer or shorter headers and parameters",
    ),
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

impl Code {
    /// Every code, by status.
    pub fn all() -> impl Iterator<Item = Self> {
        PROBLEMS.iter().map(|facts| facts.code)
    }

    /// What this code means.
    pub const fn facts(self) -> &'static Facts {
        &PROBLEMS[self as usize]
    }

    /// The URI that identifies the problem; it leads to the list of all.
    pub fn type_uri(self) -> String {
        let list = OperationId::ListProblems.path();
        format!("{list}#{}", self.facts().word)
    }
}

#[cfg(test)]
mod tests {
    use super::PROBLEMS;

    #[test]
    fn each_code_stands_at_its_own_place_in_the_table_and_the_table_is_sorted_by_status() {
        for (place, facts) in PROBLEMS.iter().enumerate() {
            assert_eq!(facts.code as usize, place, "{}", facts.word);
        }
        assert!(PROBLEMS.iter().map(|facts| facts.status).is_sorted());
    }
}
