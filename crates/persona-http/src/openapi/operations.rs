//! Every path and verb, in the order in which people read them: personas first, and last what is
//! for machines.

use serde_json::{Value, json};

use super::grammar;
use super::operation::{Operation, named};
use super::ordered::Ordered;
use crate::problem::Code;
use crate::{export, personas};

const PERSONAS: &str = "personas";
const SERVER: &str = "server";
const DOCUMENTATION: &str = "documentation";
const JSON: &str = "application/json";
const IF_MATCH: &str = "The ETag that the change was made to; * for any revision.";
const IF_MATCH_OR_NEW: &str = "The ETag that the change was made to; * for any revision. Required, unless If-None-Match is sent.";
const IF_UNMODIFIED_SINCE: &str =
    "The Last-Modified that the change was made to; counts without If-Match only.";
const NOT_CHANGED: &str =
    "412 when the persona changed after this date; counts without If-Match only.";
const CHANGED: &str =
    "304 when the persona did not change after this date; counts without If-None-Match only.";
/// What every change of an existing persona can meet.
const CHANGE_PROBLEMS: &[Code] =
    &[Code::NoSuchPersona, Code::Deleted, Code::Stale, Code::HandleTaken];

/// The paths object of the document.
pub(super) fn paths() -> Ordered<Ordered<Value>> {
    let id = json!([{ "name": "id", "in": "path", "required": true, "description": "Which persona.", "schema": grammar::id() }]);
    let revision = json!({
        "name": "revision", "in": "path", "required": true, "description": "Which revision of it.",
        "schema": { "type": "integer", "format": "int64", "minimum": 1 },
    });
    let id_and_revision = json!([id[0], revision]);
    let file = json!([{ "name": "file", "in": "path", "required": true, "description": "Which file.", "schema": { "type": "string" } }]);
    let path = |path: &str, parameters: Option<&Value>, operations: Vec<Operation>| {
        let parameters = parameters.map(|parameters| ("parameters".to_owned(), parameters.clone()));
        (
            path.to_owned(),
            Ordered(
                parameters
                    .into_iter()
                    .chain(operations.into_iter().map(Operation::build))
                    .collect(),
            ),
        )
    };
    Ordered(vec![
        path("/api/v1/personas", None, vec![list(), create()]),
        path("/api/v1/personas/{id}", Some(&id), vec![get(), replace(), patch(), delete()]),
        path("/api/v1/personas/{id}/restore", Some(&id), vec![restore()]),
        path("/api/v1/personas/{id}/revisions/{revision}", Some(&id_and_revision), vec![import()]),
        path("/api/v1/status", None, vec![status()]),
        path("/api/v1/problems", None, vec![problems()]),
        path("/api/v1/openapi.json", None, vec![openapi()]),
        path("/", None, vec![landing()]),
        path("/api/v1/export", None, vec![export()]),
        path("/api/v1/docs", None, vec![docs()]),
        path("/api/v1/docs/{file}", Some(&file), vec![docs_file()]),
        path("/healthz", None, vec![health()]),
        path("/readyz", None, vec![readiness()]),
        path("/metrics", None, vec![metrics()]),
    ])
}

fn list() -> Operation {
    Operation::new("get", "list_personas", PERSONAS, "List personas, page by page")
        .query(personas::list::PARAMETERS)
        .reads()
        .answer_with("200", "One page.", &[], JSON, &named("PersonaPage"))
        .problems(&[Code::BadSearch, Code::UnknownPosition, Code::ReadTimeout])
}

fn create() -> Operation {
    Operation::new("post", "create_persona", PERSONAS, "Create a persona")
        .header(
            "If-None-Match",
            false,
            "* holds always, because a new persona has an id that none had before.",
            &grammar::any_tag(),
        )
        .writes()
        .body(&[(
            JSON,
            "PersonaCreate",
            json!({ "name": "Ada Lovelace", "description": "Wrote the first program." }),
        )])
        .kept("201", "The new persona.", &["ETag", "LastModified", "Location", "Replayed"])
        .problems(&[Code::HandleTaken, Code::Stale])
}

fn get() -> Operation {
    Operation::new("get", "get_persona", PERSONAS, "Read a persona, or an older revision of it")
        .query(personas::get::PARAMETERS)
        .header(
            "If-Match",
            false,
            "ETags of which one has to be that of the answer; 412 otherwise.",
            &grammar::entity_tags(),
        )
        .header(
            "If-None-Match",
            false,
            "ETags that the client has; 304 when one of them is that of the answer.",
            &grammar::entity_tags(),
        )
        .header("If-Unmodified-Since", false, NOT_CHANGED, &grammar::date())
        .header("If-Modified-Since", false, CHANGED, &grammar::date())
        .reads()
        .answer_with("200", "The persona.", &["ETag", "LastModified"], JSON, &named("Persona"))
        .answer("304", "The client has this state already.", &["ETag"])
        .problems(&[
            Code::NoSuchPersona,
            Code::NoSuchRevision,
            Code::Deleted,
            Code::Stale,
            Code::ReadTimeout,
        ])
}

fn replace() -> Operation {
    Operation::new(
        "put",
        "replace_persona",
        PERSONAS,
        "Replace a whole persona, or create it with this id",
    )
    .header("If-Match", false, IF_MATCH_OR_NEW, &grammar::entity_tags())
    .header("If-None-Match", false, "* creates the persona with this id.", &grammar::any_tag())
    .writes()
    .body(&[(
        JSON,
        "PersonaReplace",
        json!({ "name": "Ada Lovelace", "description": "Wrote the first program." }),
    )])
    .kept("200", "The persona as committed.", &["ETag", "LastModified", "Replayed"])
    .kept("201", "The new persona.", &["ETag", "LastModified", "Location", "Replayed"])
    .problems(CHANGE_PROBLEMS)
    .problems(&[Code::AlreadyExists, Code::ConditionRequired])
}

fn patch() -> Operation {
    let merge_patch = json!({ "description": "Wrote the first program." });
    let json_patch =
        json!([{ "op": "replace", "path": "/description", "value": "Wrote the first program." }]);
    let kinds = [
        ("application/merge-patch+json", "PersonaMergePatch", merge_patch.clone()),
        (JSON, "PersonaMergePatch", merge_patch),
        ("application/json-patch+json", "PersonaJsonPatch", json_patch),
    ];
    Operation::new("patch", "patch_persona", PERSONAS, "Change a part of a persona")
        .query(personas::patch::PARAMETERS)
        .header("If-Match", false, IF_MATCH, &grammar::entity_tags())
        .header("If-Unmodified-Since", false, IF_UNMODIFIED_SINCE, &grammar::date())
        .writes()
        .body(&kinds)
        .kept("200", "The persona as committed.", &["ETag", "LastModified", "Replayed"])
        .problems(CHANGE_PROBLEMS)
        .problems(&[Code::Conflict, Code::TestFailed, Code::UnknownBase])
}

fn delete() -> Operation {
    Operation::new(
        "delete",
        "delete_persona",
        PERSONAS,
        "Delete a persona so that it can be restored",
    )
    .header("If-Match", true, IF_MATCH, &grammar::entity_tags())
    .writes()
    .answer("204", "It is deleted.", &["ETag", "Replayed"])
    .problems(&[Code::NoSuchPersona, Code::Stale, Code::ConditionRequired])
}

fn restore() -> Operation {
    Operation::new("post", "restore_persona", PERSONAS, "Bring a deleted persona back")
        .header("If-Match", false, IF_MATCH, &grammar::entity_tags())
        .header("If-Unmodified-Since", false, IF_UNMODIFIED_SINCE, &grammar::date())
        .writes()
        .kept("200", "The persona as committed.", &["ETag", "LastModified", "Replayed"])
        .problems(&[Code::NoSuchPersona, Code::Stale, Code::HandleTaken])
}

fn import() -> Operation {
    let example = json!({ "name": "Ada Lovelace", "created_at": "2026-11-24T12:00:00Z", "updated_at": "2026-11-24T12:00:00Z" });
    Operation::new(
        "put",
        "import_revision",
        PERSONAS,
        "Keep a revision that another store made, as it was",
    )
    .writes()
    .body(&[(JSON, "PastRevision", example)])
    .kept("200", "It is the current one already.", &["ETag", "Replayed"])
    .kept("201", "The persona, which is at this revision now.", &["ETag", "Location", "Replayed"])
    .problems(&[Code::NoSuchPersona, Code::NoSuchRevision, Code::Stale, Code::HandleTaken])
}

fn export() -> Operation {
    Operation::new("get", "export_personas", PERSONAS, "Read every persona of one snapshot")
        .query(export::PARAMETERS)
        .reads()
        .answer_with(
            "200",
            "One persona a line, in order of creation.",
            &[],
            "application/x-ndjson",
            &json!({ "type": "string" }),
        )
}

fn status() -> Operation {
    Operation::new("get", "get_status", SERVER, "Read the state of database and processes")
        .reads()
        .answer_with("200", "The state.", &[], JSON, &named("Status"))
        .problems(&[Code::ReadTimeout])
}

fn landing() -> Operation {
    Operation::new("get", "landing", DOCUMENTATION, "Find the way")
        .answer_with("200", "Name, version and links.", &[], JSON, &json!({ "type": "object" }))
        .answer("303", "A browser is sent to the documentation.", &["Location"])
}

fn problems() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": named("ProblemKind") }, "next_cursor": { "type": "null" } },
        "required": ["items", "next_cursor"],
    });
    Operation::new(
        "get",
        "list_problems",
        DOCUMENTATION,
        "List every problem that an answer can have",
    )
    .answer_with("200", "Every problem.", &[], JSON, &schema)
}

fn openapi() -> Operation {
    Operation::new("get", "get_openapi", DOCUMENTATION, "Read this document").answer_with(
        "200",
        "This document.",
        &[],
        JSON,
        &json!({ "type": "object" }),
    )
}

fn docs() -> Operation {
    let page = json!({ "type": "string" });
    Operation::new("get", "get_docs", DOCUMENTATION, "Read and try the API in a browser")
        .answer_with("200", "A page.", &[], "text/html", &page)
}

fn docs_file() -> Operation {
    let (text, picture) =
        (json!({ "type": "string" }), json!({ "type": "string", "contentMediaType": "image/png" }));
    let kinds = [("text/css", &text), ("text/javascript", &text), ("image/png", &picture)];
    Operation::new("get", "get_docs_file", DOCUMENTATION, "Read a file of the page")
        .answer_as("200", "The file.", &[], &kinds)
        .problems(&[Code::NoSuchRoute])
}

fn health() -> Operation {
    Operation::new("get", "get_health", SERVER, "Ask whether the process lives").answer_with(
        "200",
        "It lives.",
        &[],
        JSON,
        &state("ok"),
    )
}

fn readiness() -> Operation {
    Operation::new("get", "get_readiness", SERVER, "Ask whether requests can be answered")
        .answer_with("200", "They can.", &[], JSON, &state("ready"))
        .problems(&[Code::NotReady])
}

fn metrics() -> Operation {
    let text = json!({ "type": "string" });
    Operation::new(
        "get",
        "get_metrics",
        SERVER,
        "Read the metrics of all processes, for Prometheus",
    )
    .answer_with("200", "The metrics.", &[], "text/plain", &text)
}

fn state(word: &str) -> Value {
    json!({ "type": "object", "properties": { "status": { "type": "string", "const": word } }, "required": ["status"] })
}
