//! The table of problem codes. Clients may rely on each word; a code is never renamed.

use axum::Json;
use http::StatusCode;
use serde_json::{Value, json};

/// What went wrong, as one stable word.
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
pub struct Facts {
    /// The stable word.
    pub word: &'static str,
    /// The status code of its answers.
    pub status: StatusCode,
    /// What happened, the same for every answer with this code.
    pub title: &'static str,
    /// What a client can do about it.
    pub remedy: &'static str,
}

impl Code {
    /// Every code, by status.
    pub const ALL: &[Self] = &[
        Self::MalformedRequest,
        Self::BodyCutOff,
        Self::MalformedJson,
        Self::BadParameter,
        Self::BadHeader,
        Self::NoSuchPersona,
        Self::NoSuchRevision,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::HeadTooSlow,
        Self::BodyTooSlow,
        Self::Conflict,
        Self::TestFailed,
        Self::HandleTaken,
        Self::Deleted,
        Self::UnknownPosition,
        Self::Stale,
        Self::AlreadyExists,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::ForeignHost,
        Self::Invalid,
        Self::BadSearch,
        Self::UnknownBase,
        Self::KeyReused,
        Self::ConditionRequired,
        Self::HeadTooLarge,
        Self::Internal,
        Self::Damaged,
        Self::StorageFailed,
        Self::UnknownCoding,
        Self::Busy,
        Self::TooManyKeys,
        Self::ReadTimeout,
        Self::Unreachable,
        Self::OutcomeUnknown,
        Self::Closing,
        Self::NotReady,
        Self::OldProtocol,
        Self::StorageFull,
    ];

    /// What this code means.
    #[expect(clippy::too_many_lines, reason = "one arm for each code, and nothing else")]
    pub fn facts(self) -> Facts {
        let (status, word, title, remedy) = match self {
            Self::MalformedRequest => (
                400,
                "malformed_request",
                "The request breaks the rules of HTTP",
                "use an HTTP client that keeps them",
            ),
            Self::ForeignHost => (
                421,
                "foreign_host",
                "The host is not one of this server",
                "use a name that the server answers for",
            ),
            Self::HeadTooSlow => (
                408,
                "head_too_slow",
                "The head of the request did not come",
                "send the request without long pauses",
            ),
            Self::HeadTooLarge => (
                431,
                "head_too_large",
                "The head of the request is too large",
                "send fewer or shorter headers and parameters",
            ),
            Self::UnknownCoding => (
                501,
                "unknown_coding",
                "The transfer coding is not known",
                "send the body as it is, or chunked",
            ),
            Self::BodyCutOff => (
                400,
                "body_cut_off",
                "The body ended early",
                "send the whole body; nothing was changed",
            ),
            Self::MalformedJson => (
                400,
                "malformed_json",
                "The body is not valid JSON",
                "correct the text at the named line and column",
            ),
            Self::BadParameter => {
                (400, "bad_parameter", "The query cannot be used", "correct the named parameters")
            }
            Self::BadHeader => {
                (400, "bad_header", "A header cannot be used", "correct the named header")
            }
            Self::NoSuchPersona => (
                404,
                "no_such_persona",
                "There is no such persona",
                "check the id; a list shows every persona",
            ),
            Self::NoSuchRevision => (
                404,
                "no_such_revision",
                "There is no such revision",
                "ask for 1 up to the current revision",
            ),
            Self::NoSuchRoute => {
                (404, "no_such_route", "There is nothing at this path", "see /api/v1/openapi.json")
            }
            Self::MethodNotAllowed => (
                405,
                "method_not_allowed",
                "The path does not know this method",
                "use a method that Allow names",
            ),
            Self::BodyTooSlow => (
                408,
                "body_too_slow",
                "The body did not come",
                "send the body without long pauses; nothing was changed",
            ),
            Self::Conflict => (
                409,
                "conflict",
                "Both sides changed the same fields",
                "decide each conflict and patch the current revision",
            ),
            Self::TestFailed => (
                409,
                "test_failed",
                "A test of the patch does not hold",
                "read the persona again and make the patch anew",
            ),
            Self::HandleTaken => (
                409,
                "handle_taken",
                "Another persona has this handle",
                "choose another handle, or free it at its holder",
            ),
            Self::Deleted => (
                410,
                "deleted",
                "The persona is deleted",
                "restore it with POST to the path in restore",
            ),
            Self::UnknownPosition => (
                410,
                "unknown_position",
                "The changes cannot be followed from there",
                "read the whole list again, and follow it from there",
            ),
            Self::Stale => (
                412,
                "stale",
                "The persona changed meanwhile",
                "read it again, apply the change anew, and send the new ETag",
            ),
            Self::AlreadyExists => (
                412,
                "already_exists",
                "The persona exists already",
                "replace it with If-Match, or choose another id",
            ),
            Self::BodyTooLarge => {
                (413, "body_too_large", "The body is too large", "send less at once")
            }
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "The body has the wrong media type",
                "send an accepted media type",
            ),
            Self::Invalid => (
                422,
                "invalid",
                "The persona breaks rules",
                "correct every member that errors names",
            ),
            Self::BadSearch => (
                422,
                "bad_search",
                "The search text cannot be used",
                "search for at least one word, with fewer terms",
            ),
            Self::UnknownBase => (
                422,
                "unknown_base",
                "The base revision does not exist",
                "name a revision that was read before",
            ),
            Self::KeyReused => (
                422,
                "idempotency_key_reused",
                "The idempotency key belongs to another request",
                "use a new key",
            ),
            Self::ConditionRequired => (
                428,
                "condition_required",
                "The request needs a condition",
                "send If-Match with the ETag that was read",
            ),
            Self::Internal => {
                (500, "internal", "The server failed", "report it with the request_id")
            }
            Self::Damaged => (
                500,
                "damaged",
                "The database is damaged",
                "tell the operator: nothing was repaired or deleted",
            ),
            Self::StorageFailed => (
                500,
                "storage_failed",
                "The disk failed",
                "tell the operator; read again what was kept",
            ),
            Self::Busy => (
                503,
                "busy",
                "The store is busy",
                "try again after Retry-After; nothing was changed",
            ),
            Self::ReadTimeout => (
                503,
                "read_timeout",
                "The read took too long",
                "ask for less: fewer or longer words, no count",
            ),
            Self::TooManyKeys => (
                503,
                "too_many_keys",
                "No more idempotency keys can be kept",
                "try again later, or without a key; nothing was changed",
            ),
            Self::Unreachable => (
                503,
                "database_unreachable",
                "The database cannot be reached",
                "try again after Retry-After; nothing was changed",
            ),
            Self::OutcomeUnknown => (
                503,
                "outcome_unknown",
                "Whether the write was kept is unknown",
                "read again, or repeat it with its Idempotency-Key",
            ),
            Self::Closing => (
                503,
                "closing",
                "The server is closing",
                "try again; a write can have been kept, so use an Idempotency-Key",
            ),
            Self::NotReady => {
                (503, "not_ready", "The server is not ready", "wait, or look at the server's log")
            }
            Self::OldProtocol => (
                505,
                "old_protocol",
                "The request needs HTTP/1.1",
                "use a client that speaks HTTP/1.1",
            ),
            Self::StorageFull => (
                507,
                "storage_full",
                "There is no space left",
                "tell the operator: reads work, writes need space",
            ),
        };
        Facts {
            word,
            status: StatusCode::from_u16(status).expect("the table holds status codes"),
            title,
            remedy,
        }
    }

    /// The URI that identifies the problem; it leads to the list of all.
    pub fn type_uri(self) -> String {
        format!("/api/v1/problems#{}", self.facts().word)
    }
}

/// Every problem that an answer can have, with what to do about it.
pub async fn list_problems() -> Json<Value> {
    let item = |code: &Code| {
        let facts = code.facts();
        json!({ "type": code.type_uri(), "code": facts.word, "status": facts.status.as_u16(), "title": facts.title, "remedy": facts.remedy })
    };
    Json(json!({ "items": Code::ALL.iter().map(item).collect::<Vec<_>>(), "next_cursor": null }))
}
