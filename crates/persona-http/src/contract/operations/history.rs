//! The rows of revisions.

use super::row::{
    CONDITIONS_OF_READ, JSON, NOT_MODIFIED, READ, SCAN, answer, body, found, kept, row,
};
use crate::contract::history::RevisionPage;
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
    problems: &[Code::NoSuchPersona, Code::NoSuchRevision, Code::Stale, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(READ, "get_revision", Method::Get, "/api/v1/personas/{id}/revisions/{revision}")
};

pub(super) const IMPORT_REVISION: OperationRow = OperationRow {
    summary: "Keep a revision that another store made, as it was",
    bodies: &[body(JSON, Persona("PastRevision"), PAST_EXAMPLE)],
    answers: &[
        kept(200, "It is the current one already.", &["ETag", "Replayed"]),
        kept(201, "The persona, which is at this revision now.", &["ETag", "Location", "Replayed"]),
    ],
    problems: &[Code::NoSuchPersona, Code::NoSuchRevision, Code::Stale, Code::HandleTaken],
    store: StoreUse::Writes,
    // It writes times and authors of the past.
    ..row(
        (Scope::Admin, RateClass::Write),
        "import_revision",
        Method::Put,
        "/api/v1/personas/{id}/revisions/{revision}",
    )
};
