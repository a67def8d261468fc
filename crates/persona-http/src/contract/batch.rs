//! The body of `POST /api/v1/personas/batch` and of its answer.

use std::borrow::Cow;

use persona_model::NOTE_CHARS_MAX;
use persona_storage::SQUASH_SECONDS_MAX;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::problem_body::ProblemBody;
use super::schema::named;

/// Most changes of one batch: about a tenth of a second of work for the writer.
pub const BATCH_ITEMS_MAX: usize = 1_000;

/// Most bytes of a batch that is not atomic: a thousand personas of 64 KiB, or a few of the
/// largest.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A batch of at most this many bytes is read to its end before its first item is done.
pub const WHOLE_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// An example of a batch, with one change of each kind.
pub const EXAMPLE: &str = r#"{
    "items": [
        { "op": "create", "document": { "name": "Ada Lovelace" } },
        {
            "op": "patch",
            "id": "0193b0c2-7f3e-7a10-8c1d-000000000001",
            "patch": { "nickname": "Countess" },
            "idempotency_key": "a7f3"
        }
    ]
}"#;

/// The body of a batch, which the server reads member by member (`extract/batch.rs`).
#[derive(Clone, Copy, Debug)]
pub enum Batch {}

impl JsonSchema for Batch {
    fn schema_name() -> Cow<'static, str> {
        "Batch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "items": {
                "type": "array",
                "items": item(),
                "minItems": 1,
                "maxItems": BATCH_ITEMS_MAX,
                "description": "The changes. Those of one persona are done in their order, others at the same time.",
            } },
            "required": ["items"],
            "additionalProperties": false,
        })
    }
}

/// The result of a batch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchAnswer {
    /// The result of each item, in the order of the items.
    pub items: Vec<BatchItemAnswer>,
    /// Why the body was not read to its end: only the items in this answer were done. Only for a
    /// batch of more than 1 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// The result of one item: a short form of the answer to the single request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchItemAnswer {
    /// The status of the single request: 200, 201, 204, or the status of the problem.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The identity of the persona; absent with a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub id: Option<String>,
    /// The revision of the persona; absent with a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub revision: Option<u64>,
    /// The entity tag of the persona, with its quotes. With a problem: that of the current state,
    /// if the problem names the current revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// true when this is the stored answer of an earlier request with the same key; else absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Why the item was not done. Also absent if the answer has no room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

impl BatchItemAnswer {
    /// An answer of a status alone.
    pub fn of_status(status: u16) -> Self {
        Self { status, id: None, revision: None, etag: None, replayed: false, problem: None }
    }
}

/// The schema of one change. Documents and patches are those of the requests alone.
fn item() -> serde_json::Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    // The schema is inlined, because generators that skip PersonaJsonPatch could otherwise not make
    // a batch either.
    let operations = json!({
        "type": "array",
        "items": { "type": "object", "additionalProperties": true },
        "description": "Operations as in PersonaJsonPatch.",
    });
    json!({
        "type": "object",
        "properties": {
            "op": {
                "type": "string",
                "enum": ["create", "put", "patch", "delete"],
                "description": "What is done, as with the method of this name; create is POST.",
            },
            "id": {
                "type": "string",
                "description": "Which persona, by its id or by @ and its handle; not with create.",
            },
            "document": {
                "anyOf": [named("PersonaCreate"), named("PersonaReplace")],
                "description": "With create and put.",
            },
            "patch": {
                "anyOf": [named("PersonaMergePatch"), operations],
                "description": "With patch: an object is a merge patch, a list a JSON Patch.",
            },
            "if_match": text("As the header If-Match, such as \"\\\"3-9f3c21aa\\\"\". put and delete need it, unless put creates."),
            "if_none_match": text("With put: * to create the persona with this id."),
            "base_revision": {
                "type": "integer",
                "minimum": 1,
                "description": "With patch: the revision that it was made to, for a three-way merge.",
            },
            "squash": {
                "type": "integer",
                "minimum": 1,
                "maximum": SQUASH_SECONDS_MAX,
                "description": "With put and patch: as the parameter squash.",
            },
            "squash_key": text("With squash: as the parameter squash_key."),
            "idempotency_key": text("As the header Idempotency-Key; without it, where the request has that header, its key, a colon and the place of the item from 0."),
            "note": {
                "type": "string",
                "minLength": 1,
                "maxLength": NOTE_CHARS_MAX,
                "description": "As the header X-Persona-Note; without it, the one of the request.",
            },
        },
        "required": ["op"],
        "additionalProperties": false,
    })
}
