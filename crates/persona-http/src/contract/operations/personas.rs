//! The rows of personas: one, many, all.

use serde_json::Value;

use super::row::{
    CONDITIONS_OF_READ, JSON, NOT_MODIFIED, READ, SCAN, WRITE, answer, body, found_by_label, kept,
    row,
};
use crate::contract::batch::{Batch, BatchAnswer, EXAMPLE as BATCH_EXAMPLE};
use crate::contract::counts::CountList;
use crate::contract::import::ImportReport;
use crate::contract::operation::{Answer, Content, Method, OperationRow, StoreUse};
use crate::contract::page::Page;
use crate::contract::problems::Code;
use crate::contract::schema::BodySchema::Persona;
use crate::contract::schema::schema_of;
use crate::contract::{headers, parameters as of};

const EXAMPLE: &str = r#"{"name":"Ada Lovelace","description":"Wrote the first program."}"#;
const PATCH_EXAMPLE: &str = r#"{"description":"Wrote the first program."}"#;
const JSON_PATCH_EXAMPLE: &str =
    r#"[{"op":"replace","path":"/description","value":"Wrote the first program."}]"#;

pub(super) const LIST_PERSONAS: OperationRow = OperationRow {
    summary: "List personas, page by page",
    query: &[
        of::LIMIT.parameter,
        of::CURSOR,
        of::SORT.parameter,
        of::TAG,
        of::WITHOUT_TAG,
        of::WITH_LABEL.parameter,
        of::OWNER.parameter,
        of::HANDLE_PREFIX.parameter,
        of::KIND.parameter,
        of::IS_ACTIVE.parameter,
        of::UPDATED_SINCE.parameter,
        of::INCLUDE_DELETED.parameter,
        of::INCLUDE.parameter,
        of::FIELDS,
        of::EXTENSION,
        of::COUNT.parameter,
        of::Q,
        of::HIGHLIGHT.parameter,
    ],
    answers: &[answer(200, "One page.", Content::Json(schema_of::<Page<Value>>()))],
    problems: &[Code::BadSearch, Code::UnknownPosition, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(SCAN, "list_personas", Method::Get, "/api/v1/personas")
};

pub(super) const COUNT_PERSONAS: OperationRow = OperationRow {
    summary: "Count living personas by folder, label or owner",
    query: &[
        of::COUNT_BY.parameter,
        of::HANDLE_PREFIX.parameter,
        of::LIMIT.parameter,
        of::COUNT_CURSOR.parameter,
    ],
    answers: &[answer(200, "One page.", Content::Json(schema_of::<CountList>()))],
    problems: &[Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(SCAN, "count_personas", Method::Get, "/api/v1/counts")
};

pub(super) const CREATE_PERSONA: OperationRow = OperationRow {
    summary: "Create a persona",
    headers: &[headers::IF_NONE_MATCH_HOLDS],
    bodies: &[body(JSON, Persona("PersonaCreate"), EXAMPLE)],
    answers: &[kept(201, "The new persona.", &["ETag", "LastModified", "Location", "Replayed"])],
    // A repetition of a request of which the persona was given away or purged finds none.
    problems: &[Code::NoSuchPersona, Code::HandleTaken, Code::OwnerRefused, Code::Stale],
    store: StoreUse::Writes,
    ..row(WRITE, "create_persona", Method::Post, "/api/v1/personas")
};

pub(super) const BATCH_PERSONAS: OperationRow = OperationRow {
    summary: "Make many changes in one request",
    query: &[of::ATOMIC.parameter],
    bodies: &[body(JSON, schema_of::<Batch>(), BATCH_EXAMPLE)],
    answers: &[
        answer(200, "With atomic=true: all was done.", Content::Json(schema_of::<BatchAnswer>())),
        answer(207, "What became of each item.", Content::Json(schema_of::<BatchAnswer>())),
    ],
    problems: &[
        Code::NoSuchPersona,
        Code::Deleted,
        Code::Stale,
        Code::HandleAmbiguous,
        Code::HandleTaken,
        Code::OwnerRefused,
        Code::AlreadyExists,
        Code::Conflict,
        Code::TestFailed,
        Code::UnknownBase,
        Code::ConditionRequired,
        Code::BatchTooLarge,
    ],
    store: StoreUse::WritesTogether,
    ..row(WRITE, "batch_personas", Method::Post, "/api/v1/personas/batch")
};

pub(super) const IMPORT_PERSONAS: OperationRow = OperationRow {
    summary: "Import a file: CSV, NDJSON or JSON, found by its content",
    query: &[of::IMPORT_MODE.parameter, of::ON_DUPLICATE.parameter],
    takes_file: true,
    answers: &[answer(
        200,
        "What became of each item.",
        Content::Json(schema_of::<ImportReport>()),
    )],
    store: StoreUse::WritesMany,
    ..row(WRITE, "import_personas", Method::Post, "/api/v1/import")
};

pub(super) const GET_PERSONA: OperationRow = OperationRow {
    summary: "Read a persona, or another revision of it",
    query: &[of::REVISION.parameter, of::LABEL.parameter, of::INCLUDE.parameter],
    headers: CONDITIONS_OF_READ,
    answers: &[found_by_label("The persona."), NOT_MODIFIED],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::RevisionDropped,
        Code::NoSuchLabel,
        Code::Deleted,
        Code::Stale,
        Code::LabelMoved,
        Code::ReadTimeout,
    ],
    store: StoreUse::Reads,
    ..row(READ, "get_persona", Method::Get, "/api/v1/personas/{id}")
};

pub(super) const REPLACE_PERSONA: OperationRow = OperationRow {
    summary: "Replace a whole persona, or create it with this id",
    query: &[of::SQUASH.parameter, of::SQUASH_KEY.parameter],
    headers: &[headers::IF_MATCH_OR_NEW, headers::IF_NONE_MATCH_NEW],
    bodies: &[body(JSON, Persona("PersonaReplace"), EXAMPLE)],
    answers: &[
        kept(200, "The persona as committed.", &["ETag", "LastModified", "Replayed"]),
        kept(201, "The new persona.", &["ETag", "LastModified", "Location", "Replayed"]),
    ],
    problems: &[
        Code::NoSuchPersona,
        Code::Deleted,
        Code::Stale,
        Code::HandleTaken,
        Code::OwnerRefused,
        Code::AlreadyExists,
        Code::ConditionRequired,
    ],
    store: StoreUse::Writes,
    ..row(WRITE, "replace_persona", Method::Put, "/api/v1/personas/{id}")
};

pub(super) const PATCH_PERSONA: OperationRow = OperationRow {
    summary: "Change a part of a persona",
    query: &[of::BASE_REVISION.parameter, of::SQUASH.parameter, of::SQUASH_KEY.parameter],
    headers: &[headers::IF_MATCH, headers::IF_UNMODIFIED_SINCE],
    bodies: &[
        body("application/merge-patch+json", Persona("PersonaMergePatch"), PATCH_EXAMPLE),
        body(JSON, Persona("PersonaMergePatch"), PATCH_EXAMPLE),
        body("application/json-patch+json", Persona("PersonaJsonPatch"), JSON_PATCH_EXAMPLE),
    ],
    answers: &[kept(200, "The persona as committed.", &["ETag", "LastModified", "Replayed"])],
    problems: &[
        Code::NoSuchPersona,
        Code::Deleted,
        Code::Stale,
        Code::HandleTaken,
        Code::OwnerRefused,
        Code::Conflict,
        Code::TestFailed,
        Code::UnknownBase,
    ],
    store: StoreUse::Writes,
    ..row(WRITE, "patch_persona", Method::Patch, "/api/v1/personas/{id}")
};

pub(super) const DELETE_PERSONA: OperationRow = OperationRow {
    summary: "Delete a persona so that it can be brought back, or purge it for ever",
    query: &[of::PURGE.parameter],
    headers: &[headers::IF_MATCH_REQUIRED],
    answers: &[Answer {
        headers: &["ETag", "Replayed"],
        ..answer(204, "It is deleted. A purged persona has no ETag.", Content::Empty)
    }],
    problems: &[Code::NoSuchPersona, Code::Stale, Code::ConditionRequired],
    store: StoreUse::Writes,
    ..row(WRITE, "delete_persona", Method::Delete, "/api/v1/personas/{id}")
};

pub(super) const UNDELETE_PERSONA: OperationRow = OperationRow {
    summary: "Bring a deleted persona back",
    headers: &[headers::IF_MATCH, headers::IF_UNMODIFIED_SINCE],
    answers: &[kept(200, "The persona as committed.", &["ETag", "LastModified", "Replayed"])],
    problems: &[Code::NoSuchPersona, Code::Stale, Code::HandleTaken],
    store: StoreUse::Writes,
    ..row(WRITE, "undelete_persona", Method::Post, "/api/v1/personas/{id}/undelete")
};

pub(super) const EXPORT_PERSONAS: OperationRow = OperationRow {
    summary: "Read every persona of one snapshot",
    query: &[
        of::INCLUDE_DELETED.parameter,
        of::HISTORY.parameter,
        of::OWNER.parameter,
        of::HANDLE_PREFIX.parameter,
    ],
    answers: &[answer(
        200,
        "One persona a line, in order of creation.",
        Content::Text("application/x-ndjson"),
    )],
    store: StoreUse::Reads,
    ..row(SCAN, "export_personas", Method::Get, "/api/v1/export")
};
