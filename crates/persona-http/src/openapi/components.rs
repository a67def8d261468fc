//! The schemas that are not a persona, and the headers.

use persona_model::{SNIPPET_CHARS_MAX, SNIPPETS_MAX};
use serde_json::{Value, json};

use super::{persona, status};
use crate::problem::{Code, example};

/// The id of the request in the examples.
const REQUEST_ID: &str = "0193b0c2-8a51-7c44-9d0e-5f6a7b8c9d0e";

/// Every named schema.
pub(super) fn schemas() -> Value {
    json!({
        "Persona": persona::answered(),
        "PersonaCreate": persona::created(),
        "PersonaReplace": persona::replaced(),
        "PastRevision": persona::past(),
        "PersonaMergePatch": persona::merge_patch(),
        "PersonaJsonPatch": persona::json_patch(),
        "JsonPatch": persona::json_patch_operations(),
        "JsonPatchValue": persona::operation_with_value(),
        "JsonPatchFrom": persona::operation_with_from(),
        "JsonPatchRemove": persona::operation_remove(),
        "KeptPersona": persona::kept(),
        "PersonaPart": persona::part(),
        "ContentRating": persona::content_rating(),
        "Asset": persona::asset(),
        "PersonaPage": page(),
        "Snippet": snippet(),
        "Problem": problem(),
        "FieldError": field_error(),
        "Conflict": conflict(),
        "ProblemKind": problem_kind(),
        "ProblemPage": problem_page(),
        "Health": state("ok"),
        "Readiness": state("ready"),
        "Status": status::status(),
        "Contention": status::contention(),
        "WriteLockWindow": status::window(),
        "Backups": status::backups(),
        "Disk": status::disk(),
        "DatabaseServer": status::server(),
        "Checkpoints": status::checkpoints(),
        "WriteLockUser": status::write_lock_users(),
        "Percentiles": status::percentiles(),
        "Process": status::process(),
    })
}

/// Every named header of an answer.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "ETag": text("What names this state of the persona, such as \"7-9f3c21aa\" with its quotes. Opaque: send it back as it is."),
        "LastModified": text("When the persona changed last, as the end of that second, and no later than this answer. A date says less than the ETag."),
        "Location": text("The path of the new persona."),
        "RequestId": text("The id of the request: the X-Request-Id that came in, or a new one."),
        "Replayed": text("true when this is the stored answer of an earlier request with the same Idempotency-Key."),
        "RetryAfter": { "description": "After how many seconds to try again.", "schema": { "type": "integer" } },
        "AcceptPatch": text("The media types that a patch may have."),
        "Accept": text("The media types that the body may have."),
    })
}

/// An example of each problem, by its code.
pub(super) fn examples() -> Value {
    let one = |code: Code| {
        let facts = code.facts();
        let body = example(code).body(REQUEST_ID);
        let value: Value = serde_json::from_slice(&body).expect("a problem is JSON");
        (
            facts.word.to_owned(),
            json!({ "summary": facts.title, "description": facts.remedy, "value": value }),
        )
    };
    // No operation answers that there is none.
    Code::all()
        .filter(|code| *code != Code::MethodNotAllowed)
        .map(one)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn page() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": { "anyOf": [{ "$ref": "#/components/schemas/Persona" }, { "$ref": "#/components/schemas/PersonaPart" }] },
                "description": "Whole personas; with fields, only those members of each.",
            },
            "next_cursor": { "type": ["string", "null"], "description": "Where the next page starts; null on the last page." },
            "next_updated_since": { "type": "string", "description": "With updated_since: what to send as updated_since next time, so that no change is missed." },
            "total": { "type": "integer", "minimum": 0, "description": "How many personas there are in all pages; with count=exact." },
            "highlights": {
                "type": "array",
                "items": { "type": "array", "items": { "$ref": "#/components/schemas/Snippet" }, "maxItems": SNIPPETS_MAX },
                "description": "With highlight=true: for each of items, in the same order, where the words of q are.",
            },
        },
        "required": ["items", "next_cursor"],
    })
}

fn snippet() -> Value {
    let about = format!(
        "The part as HTML text: what was found is between <mark> and </mark>, every other sign of HTML is escaped, white space is one \
         blank, and … stands where the text goes on. At most {SNIPPET_CHARS_MAX} characters before it was marked and escaped."
    );
    json!({
        "type": "object",
        "description": "A part of a text in which words of a search are.",
        "properties": {
            "pointer": { "type": "string", "description": "Which text of the persona: a JSON Pointer (RFC 6901), such as /alternate_greetings/1." },
            "html": { "type": "string", "description": about },
        },
        "required": ["pointer", "html"],
    })
}

fn problem() -> Value {
    let codes = Code::all().map(|code| code.facts().word).collect::<Vec<_>>();
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Leads to what the code means." },
            "title": { "type": "string", "description": "What happened, the same for every answer with this code." },
            "status": { "type": "integer", "description": "The status code." },
            "code": { "type": "string", "enum": codes, "description": "A stable word for programs." },
            "detail": { "type": "string", "description": "What happened in this case." },
            "hint": { "type": "string", "description": "How to go on." },
            "errors": { "type": "array", "items": { "$ref": "#/components/schemas/FieldError" }, "description": "What is wrong, at most 100 things." },
            "more_errors": { "type": "integer", "minimum": 1, "description": "How many more things are wrong." },
            "request_id": { "type": "string", "description": "As in X-Request-Id." },
            "current_revision": { "type": "integer", "minimum": 1, "description": "The revision to start again from." },
            "conflicts": { "type": "array", "items": { "$ref": "#/components/schemas/Conflict" }, "description": "With code conflict." },
            "more_conflicts": { "type": "integer", "minimum": 1, "description": "With code conflict: how many there are besides the first 100." },
            "undelete": { "type": "string", "description": "With code deleted: the path that brings the persona back." },
            "holder": { "type": "string", "format": "uuid", "description": "With code handle_taken: the persona that has it." },
            "pointer": { "type": "string", "description": "With code test_failed: what was tested." },
            "line": { "type": "integer", "description": "With code malformed_json: the line, from 1." },
            "column": { "type": "integer", "description": "With code malformed_json: the column, from 1, in bytes." },
            "body_bytes": { "type": "integer", "description": "With code body_too_large: the actual size, where known." },
            "body_bytes_max": { "type": "integer", "description": "With code body_too_large: the limit." },
            "bytes_per_second_min": { "type": "integer", "description": "With code body_too_slow: the least rate." },
            "head_bytes_max": { "type": "integer", "description": "With code head_too_large: the limit, where it is one of bytes." },
            "head_fields_max": { "type": "integer", "description": "With code head_too_large: the limit, where it is one of fields." },
            "cause": { "type": "string", "enum": codes, "description": "With code not_ready: what a read would answer." },
        },
        "required": ["type", "title", "status", "code", "detail", "request_id"],
    })
}

fn field_error() -> Value {
    json!({
        "type": "object",
        "description": "One thing that is wrong, at exactly one place.",
        "properties": {
            "pointer": { "type": "string", "description": "Where in the body: a JSON Pointer (RFC 6901)." },
            "parameter": { "type": "string", "description": "Which query parameter." },
            "header": { "type": "string", "description": "Which header." },
            "code": { "type": "string", "description": "A stable word for programs." },
            "message": { "type": "string", "description": "What is wrong, for people." },
        },
        "required": ["code", "message"],
    })
}

fn conflict() -> Value {
    json!({
        "type": "object",
        "description": "A field, or a key of a free-form object, that both sides changed differently; null where a side has none.",
        "properties": {
            "pointer": { "type": "string", "description": "Which unit: a JSON Pointer." },
            "base": { "description": "Its value in the base revision." },
            "theirs": { "description": "Its value now." },
            "yours": { "description": "The value that the request wanted." },
        },
        "required": ["pointer", "base", "theirs", "yours"],
    })
}

fn problem_kind() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "code": { "type": "string" },
            "status": { "type": "integer" },
            "title": { "type": "string" },
            "remedy": { "type": "string", "description": "What a client can do about it." },
        },
        "required": ["type", "code", "status", "title", "remedy"],
    })
}

fn problem_page() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": { "$ref": "#/components/schemas/ProblemKind" } },
            "next_cursor": { "type": "null" },
        },
        "required": ["items", "next_cursor"],
    })
}

fn state(word: &str) -> Value {
    json!({
        "type": "object",
        "properties": { "status": { "type": "string", "const": word } },
        "required": ["status"],
    })
}
