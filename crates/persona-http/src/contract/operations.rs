//! The table of operations: one row for each method at each path.
//!
//! Everything that has to know the routes is derived from it: the router, `Allow`, the nearest path
//! of a 404, the OpenAPI document, the series of the metrics, and the paths of clients.

use serde_json::Value;

use super::batch::{Batch, BatchAnswer, EXAMPLE as BATCH_EXAMPLE};
use super::health::{Health, Landing, Readiness};
use super::operation::{Answer, Body, Content, Method, Operation, RateClass, Scope, StoreUse, Tag};
use super::operation_id::OperationId;
use super::page::Page;
use super::parameters as of;
use super::problem_body::ProblemPage;
use super::problems::Code;
use super::schema::BodySchema::{self, Persona};
use super::schema::schema_of;
use super::status::Status;

/// What a client must be allowed to do, and what a request counts against.
type Access = (Scope, RateClass);

const JSON: &str = "application/json";
const EXAMPLE: &str = r#"{"name":"Ada Lovelace","description":"Wrote the first program."}"#;
const PATCH_EXAMPLE: &str = r#"{"description":"Wrote the first program."}"#;
const PAST_EXAMPLE: &str = r#"{
    "name": "Ada Lovelace",
    "created_at": "2026-11-24T12:00:00Z",
    "updated_at": "2026-11-24T12:00:00Z"
}"#;
const JSON_PATCH_EXAMPLE: &str =
    r#"[{"op":"replace","path":"/description","value":"Wrote the first program."}]"#;

const READ: Access = (Scope::Read, RateClass::Read);
const SCAN: Access = (Scope::Read, RateClass::Scan);
const WRITE: Access = (Scope::Write, RateClass::Write);
const OPEN: Access = (Scope::Open, RateClass::Exempt);

/// A row that takes nothing and answers nothing. What a client must be allowed to do, and what a
/// request counts against, is said in each row: there is no usual case.
const fn row(
    (scope, rate): Access,
    id: OperationId,
    name: &'static str,
    method: Method,
    path: &'static str,
) -> Operation {
    Operation {
        id,
        name,
        method,
        path,
        tag: Tag::Personas,
        summary: "",
        query: &[],
        headers: &[],
        bodies: &[],
        answers: &[],
        problems: &[],
        store: StoreUse::None,
        scope,
        rate,
    }
}

const fn answer(status: u16, about: &'static str, content: Content) -> Answer {
    Answer { status, about, headers: &[], content }
}

const fn kept(status: u16, about: &'static str, headers: &'static [&'static str]) -> Answer {
    Answer { status, about, headers, content: Content::Kept }
}

const fn body(media_type: &'static str, schema: BodySchema, example: &'static str) -> Body {
    Body { media_type, schema, example }
}

/// Every operation, in the order of [`OperationId`].
pub const OPERATIONS: &[Operation] = &[
    Operation {
        summary: "List personas, page by page",
        query: &[
            of::LIMIT.parameter,
            of::CURSOR,
            of::SORT.parameter,
            of::TAG,
            of::KIND.parameter,
            of::IS_ACTIVE.parameter,
            of::UPDATED_SINCE.parameter,
            of::INCLUDE_DELETED.parameter,
            of::FIELDS,
            of::COUNT.parameter,
            of::Q,
            of::HIGHLIGHT.parameter,
        ],
        answers: &[answer(200, "One page.", Content::Json(schema_of::<Page<Value>>()))],
        problems: &[Code::BadSearch, Code::UnknownPosition, Code::ReadTimeout],
        store: StoreUse::Reads,
        ..row(SCAN, OperationId::ListPersonas, "list_personas", Method::Get, "/api/v1/personas")
    },
    Operation {
        summary: "Create a persona",
        headers: &[of::IF_NONE_MATCH_HOLDS],
        bodies: &[body(JSON, Persona("PersonaCreate"), EXAMPLE)],
        answers: &[kept(
            201,
            "The new persona.",
            &["ETag", "LastModified", "Location", "Replayed"],
        )],
        problems: &[Code::HandleTaken, Code::Stale],
        store: StoreUse::Writes,
        ..row(WRITE, OperationId::CreatePersona, "create_persona", Method::Post, "/api/v1/personas")
    },
    Operation {
        summary: "Make many changes in one request",
        bodies: &[body(JSON, schema_of::<Batch>(), BATCH_EXAMPLE)],
        answers: &[answer(
            207,
            "What became of each item.",
            Content::Json(schema_of::<BatchAnswer>()),
        )],
        store: StoreUse::Writes,
        ..row(
            WRITE,
            OperationId::BatchPersonas,
            "batch_personas",
            Method::Post,
            "/api/v1/personas/batch",
        )
    },
    Operation {
        summary: "Read a persona, or an older revision of it",
        query: &[of::REVISION.parameter],
        headers: &[
            of::IF_MATCH_OF_READ,
            of::IF_NONE_MATCH,
            of::IF_UNMODIFIED_SINCE_OF_READ,
            of::IF_MODIFIED_SINCE,
        ],
        answers: &[
            Answer {
                headers: &["ETag", "LastModified"],
                ..answer(200, "The persona.", Content::Json(Persona("Persona")))
            },
            Answer {
                headers: &["ETag"],
                ..answer(304, "The client has this state already.", Content::Empty)
            },
        ],
        problems: &[
            Code::NoSuchPersona,
            Code::NoSuchRevision,
            Code::Deleted,
            Code::Stale,
            Code::ReadTimeout,
        ],
        store: StoreUse::Reads,
        ..row(READ, OperationId::GetPersona, "get_persona", Method::Get, "/api/v1/personas/{id}")
    },
    Operation {
        summary: "Replace a whole persona, or create it with this id",
        headers: &[of::IF_MATCH_OR_NEW, of::IF_NONE_MATCH_NEW],
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
            Code::AlreadyExists,
            Code::ConditionRequired,
        ],
        store: StoreUse::Writes,
        ..row(
            WRITE,
            OperationId::ReplacePersona,
            "replace_persona",
            Method::Put,
            "/api/v1/personas/{id}",
        )
    },
    Operation {
        summary: "Change a part of a persona",
        query: &[of::BASE_REVISION.parameter],
        headers: &[of::IF_MATCH, of::IF_UNMODIFIED_SINCE],
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
            Code::Conflict,
            Code::TestFailed,
            Code::UnknownBase,
        ],
        store: StoreUse::Writes,
        ..row(
            WRITE,
            OperationId::PatchPersona,
            "patch_persona",
            Method::Patch,
            "/api/v1/personas/{id}",
        )
    },
    Operation {
        summary: "Delete a persona so that it can be brought back",
        headers: &[of::IF_MATCH_REQUIRED],
        answers: &[Answer {
            headers: &["ETag", "Replayed"],
            ..answer(204, "It is deleted.", Content::Empty)
        }],
        problems: &[Code::NoSuchPersona, Code::Stale, Code::ConditionRequired],
        store: StoreUse::Writes,
        ..row(
            WRITE,
            OperationId::DeletePersona,
            "delete_persona",
            Method::Delete,
            "/api/v1/personas/{id}",
        )
    },
    Operation {
        summary: "Bring a deleted persona back",
        headers: &[of::IF_MATCH, of::IF_UNMODIFIED_SINCE],
        answers: &[kept(200, "The persona as committed.", &["ETag", "LastModified", "Replayed"])],
        problems: &[Code::NoSuchPersona, Code::Stale, Code::HandleTaken],
        store: StoreUse::Writes,
        ..row(
            WRITE,
            OperationId::UndeletePersona,
            "undelete_persona",
            Method::Post,
            "/api/v1/personas/{id}/undelete",
        )
    },
    Operation {
        summary: "Keep a revision that another store made, as it was",
        bodies: &[body(JSON, Persona("PastRevision"), PAST_EXAMPLE)],
        answers: &[
            kept(200, "It is the current one already.", &["ETag", "Replayed"]),
            kept(
                201,
                "The persona, which is at this revision now.",
                &["ETag", "Location", "Replayed"],
            ),
        ],
        problems: &[Code::NoSuchPersona, Code::NoSuchRevision, Code::Stale, Code::HandleTaken],
        store: StoreUse::Writes,
        // It writes times and authors of the past.
        ..row(
            (Scope::Admin, RateClass::Write),
            OperationId::ImportRevision,
            "import_revision",
            Method::Put,
            "/api/v1/personas/{id}/revisions/{revision}",
        )
    },
    Operation {
        tag: Tag::Server,
        summary: "Read the state of database and processes",
        answers: &[answer(200, "The state.", Content::Json(schema_of::<Status>()))],
        problems: &[Code::ReadTimeout],
        store: StoreUse::Reads,
        ..row(
            (Scope::Admin, RateClass::Read),
            OperationId::GetStatus,
            "get_status",
            Method::Get,
            "/api/v1/status",
        )
    },
    Operation {
        tag: Tag::Documentation,
        summary: "List every problem that an answer can have",
        answers: &[answer(200, "Every problem.", Content::Json(schema_of::<ProblemPage>()))],
        ..row(OPEN, OperationId::ListProblems, "list_problems", Method::Get, "/api/v1/problems")
    },
    Operation {
        tag: Tag::Documentation,
        summary: "Read this document",
        answers: &[answer(200, "This document.", Content::Object)],
        ..row(OPEN, OperationId::GetOpenapi, "get_openapi", Method::Get, "/api/v1/openapi.json")
    },
    Operation {
        tag: Tag::Documentation,
        summary: "Find the way",
        answers: &[
            answer(200, "Name, version and links.", Content::Json(schema_of::<Landing>())),
            Answer {
                headers: &["Location"],
                ..answer(303, "A browser is sent to the documentation.", Content::Empty)
            },
        ],
        ..row(OPEN, OperationId::Landing, "landing", Method::Get, "/")
    },
    Operation {
        summary: "Read every persona of one snapshot",
        query: &[of::INCLUDE_DELETED.parameter, of::HISTORY.parameter],
        answers: &[answer(
            200,
            "One persona a line, in order of creation.",
            Content::Text("application/x-ndjson"),
        )],
        store: StoreUse::Reads,
        ..row(SCAN, OperationId::ExportPersonas, "export_personas", Method::Get, "/api/v1/export")
    },
    Operation {
        tag: Tag::Documentation,
        summary: "Read and try the API in a browser",
        answers: &[answer(200, "A page.", Content::Text("text/html"))],
        ..row(OPEN, OperationId::GetDocs, "get_docs", Method::Get, "/api/v1/docs")
    },
    Operation {
        tag: Tag::Documentation,
        summary: "Read a file of the page",
        answers: &[answer(200, "The file.", Content::Files)],
        problems: &[Code::NoSuchRoute],
        ..row(OPEN, OperationId::GetDocsFile, "get_docs_file", Method::Get, "/api/v1/docs/{file}")
    },
    Operation {
        tag: Tag::Server,
        summary: "Ask whether the process lives",
        answers: &[answer(200, "It lives.", Content::Json(schema_of::<Health>()))],
        ..row(OPEN, OperationId::GetHealth, "get_health", Method::Get, "/healthz")
    },
    Operation {
        tag: Tag::Server,
        summary: "Ask whether requests can be answered",
        answers: &[answer(200, "They can.", Content::Json(schema_of::<Readiness>()))],
        problems: &[Code::NotReady],
        store: StoreUse::Probes,
        ..row(OPEN, OperationId::GetReadiness, "get_readiness", Method::Get, "/readyz")
    },
    Operation {
        tag: Tag::Server,
        summary: "Read the metrics of all processes, for Prometheus",
        answers: &[answer(200, "The metrics.", Content::Text("text/plain"))],
        ..row(
            (Scope::Admin, RateClass::Exempt),
            OperationId::GetMetrics,
            "get_metrics",
            Method::Get,
            "/metrics",
        )
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OPERATIONS, OperationId, RateClass, Scope, StoreUse};

    #[test]
    fn each_operation_stands_at_its_own_place_and_has_a_name_and_a_route_of_its_own() {
        let mut routes = BTreeSet::new();
        for (place, row) in OPERATIONS.iter().enumerate() {
            assert_eq!(row.id as usize, place, "{}", row.name);
            assert!(routes.insert((row.path, row.method.as_str())), "{}", row.name);
            assert!(!row.summary.is_empty() && !row.answers.is_empty(), "{}", row.name);
        }
        let names: BTreeSet<&str> = OPERATIONS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), OPERATIONS.len());
        assert_eq!(OperationId::GetMetrics as usize + 1, OPERATIONS.len(), "the last one");
    }

    #[test]
    fn scope_and_rate_follow_what_an_operation_does_with_the_store() {
        for row in OPERATIONS {
            let allowed: &[(Scope, RateClass)] = match row.store {
                StoreUse::None | StoreUse::Probes => {
                    &[(Scope::Open, RateClass::Exempt), (Scope::Admin, RateClass::Exempt)]
                }
                StoreUse::Reads => &[
                    (Scope::Read, RateClass::Read),
                    (Scope::Read, RateClass::Scan),
                    (Scope::Admin, RateClass::Read),
                ],
                StoreUse::Writes => {
                    &[(Scope::Write, RateClass::Write), (Scope::Admin, RateClass::Write)]
                }
            };
            assert!(allowed.contains(&(row.scope, row.rate)), "{}", row.name);
        }
    }
}
