//! The rows of revisions.

use super::row::{
    CONDITIONS_OF_READ, JSON, NOT_MODIFIED, READ, SCAN, WRITE, answer, body, found, kept, row,
};
use crate::contract::history::{RevisionDiff, RevisionPage};
use crate::contract::operation::{Content, Method, OperationRow, RateClass, Scope, StoreUse};
use crate::contract::parameters as of;
use crate::contract::problems::Code;
use crate::contract::schema::BodySchema::Persona;
use crate::contract::schema::schema_of;

const PAST_EXAMPLE: &str = r#"{
    "name": "Ada Lovelace",
    "created_at": "2026-11-24T12:00:00Z",
    "updated_at": "2026-11-24T12:00:00Z"
}"#;

const DOCUMENT_EXAMPLE: &str =
    r#"{"name":"Ada Lovelace","description":"Wrote the first program."}"#;

pub(super) const LIST_REVISIONS: OperationRow = OperationRow {
    summary: "List the revisions of a persona, the newest first",
    query: &[of::LIMIT.parameter, of::REVISION_CURSOR.parameter],
    answers: &[answer(200, "One page.", Content::Json(schema_of::<RevisionPage>()))],
    problems: &[Code::NoSuchPersona, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(SCAN, "list_revisions", Method::Get, "/api/v1/personas/{id}/revisions")
};

pub(super) const GET_REVISION: OperationRow = OperationRow {
    summary: "Read a revision of a persona, also of a deleted one",
    headers: CONDITIONS_OF_READ,
    answers: &[found("The persona as it was."), NOT_MODIFIED],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::RevisionDropped,
        Code::Stale,
        Code::ReadTimeout,
    ],
    store: StoreUse::Reads,
    ..row(READ, "get_revision", Method::Get, "/api/v1/personas/{id}/revisions/{revision}")
};

pub(super) const REVERT_PERSONA: OperationRow = OperationRow {
    summary: "Give a persona the content of an earlier revision, as a new revision",
    headers: &[of::IF_MATCH_REQUIRED],
    answers: &[kept(200, "The persona as committed.", &["ETag", "LastModified", "Replayed"])],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::Deleted,
        Code::Stale,
        Code::HandleTaken,
        Code::OwnerRefused,
        // The rules of documents may be stricter today than when the old revision was written.
        Code::Invalid,
        Code::ConditionRequired,
    ],
    store: StoreUse::Writes,
    ..row(
        WRITE,
        "revert_persona",
        Method::Post,
        "/api/v1/personas/{id}/revisions/{revision}/revert",
    )
};

pub(super) const DIFF_REVISIONS: OperationRow = OperationRow {
    summary: "Compare two revisions of a persona",
    query: &[of::FROM.parameter, of::TO.parameter],
    answers: &[answer(200, "What differs.", Content::Json(schema_of::<RevisionDiff>()))],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::RevisionDropped,
        Code::ReadTimeout,
    ],
    store: StoreUse::Reads,
    ..row(SCAN, "diff_revisions", Method::Get, "/api/v1/personas/{id}/diff")
};

pub(super) const DIFF_DOCUMENT: OperationRow = OperationRow {
    summary: "Compare a revision of a persona with a document",
    query: &[of::FROM_CURRENT.parameter],
    bodies: &[body(JSON, Persona("PersonaReplace"), DOCUMENT_EXAMPLE)],
    answers: &[answer(200, "What differs.", Content::Json(schema_of::<RevisionDiff>()))],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::RevisionDropped,
        Code::ReadTimeout,
    ],
    store: StoreUse::Reads,
    ..row(SCAN, "diff_document", Method::Post, "/api/v1/personas/{id}/diff")
};

pub(super) const IMPORT_REVISION: OperationRow = OperationRow {
    summary: "Keep a revision that another store made, as it was",
    bodies: &[body(JSON, Persona("PastRevision"), PAST_EXAMPLE)],
    answers: &[
        kept(200, "It is the current one already.", &["ETag", "Replayed"]),
        kept(201, "The persona, which is at this revision now.", &["ETag", "Location", "Replayed"]),
    ],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::Stale,
        Code::HandleTaken,
        Code::OwnerRefused,
    ],
    store: StoreUse::Writes,
    // The scope is the largest, because the operation writes times and authors of the past.
    ..row(
        (Scope::Admin, RateClass::Write),
        "import_revision",
        Method::Put,
        "/api/v1/personas/{id}/revisions/{revision}",
    )
};
