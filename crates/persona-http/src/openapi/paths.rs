//! The paths object: every row of the table of operations in the form of the specification.

use std::collections::BTreeMap;

use persona_model::{FILTER_TAGS_MAX, NOTE_CHARS_MAX, SEARCH_BYTES_MAX};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::grammar;
use super::ordered::Ordered;
use crate::contract::headers::{Header, HeaderHolds, spelled};
use crate::contract::idempotency_key::KEY_CHARS_MAX;
use crate::contract::parameters::{Parameter, ParameterKind, members};
use crate::contract::problem_body::ProblemBody;
use crate::contract::problems::Code;
use crate::contract::schema::{BodySchema, named};
use crate::contract::{Answer, Body, Content, OPERATIONS, OperationRow, Scope};
use crate::events::{EVENT_LABELS_MAX, EVENT_PERSONAS_MAX};
use crate::extract::item_writes::KEY_OF_ITEMS_CHARS_MAX;
use crate::extract::request::AUTHOR_CHARS_MAX;

const JSON: &str = "application/json";

/// Every path with its operations, in the order of the table.
pub(super) fn paths(types: &mut SchemaGenerator) -> Ordered<Ordered<Value>> {
    let mut paths: Vec<(String, Ordered<Value>)> = Vec::new();
    for row in OPERATIONS {
        if !paths.iter().any(|(path, _)| path == row.path) {
            let shared = path_parameters(row.path).map(|all| ("parameters".to_owned(), all));
            paths.push((row.path.to_owned(), Ordered(shared.into_iter().collect())));
        }
        if let Some((_, item)) = paths.iter_mut().find(|(path, _)| path == row.path) {
            item.0.push((row.method.as_str().to_ascii_lowercase(), operation(row, types)));
        }
    }
    Ordered(paths)
}

/// The variable segments of a path; `None` where it has none.
fn path_parameters(path: &str) -> Option<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names.map(path_parameter).collect();
    (!parameters.is_empty()).then(|| parameters.into())
}

fn path_parameter(name: &str) -> Value {
    let (about, schema) = match name {
        "id" => (
            "Which persona: its id, or @ and its handle, as in @support%2Ftier-1.",
            grammar::reference(),
        ),
        "revision" => {
            ("Which revision of it.", json!({ "type": "integer", "format": "int64", "minimum": 1 }))
        }
        "label" => ("Which label of it.", grammar::label()),
        "token" => ("Which token: its name, or its id.", grammar::token_name()),
        "version" => ("Of which version of the files.", json!({ "type": "string" })),
        "folder" => ("In which folder.", json!({ "type": "string" })),
        _ => ("Which file.", json!({ "type": "string" })),
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn operation(row: &OperationRow, types: &mut SchemaGenerator) -> Value {
    let query = row.all_query().map(query_parameter);
    let parameters: Vec<Value> = query.chain(row.all_headers().map(header_parameter)).collect();
    let mut responses = Map::new();
    for answer in row.answers {
        responses.insert(answer.status.to_string(), response(answer, types));
    }
    if row.takes_handle() {
        let about = "The persona gave the handle up: Location has its id.";
        let headers = answer_headers(&["Location"]);
        responses.insert("308".into(), json!({ "description": about, "headers": headers }));
    }
    let problem = Value::from(types.subschema_for::<ProblemBody>());
    responses.extend(problem_answers(&row.all_problems(), &problem));
    let mut operation = json!({
        "operationId": row.name,
        "tags": [row.tag.as_str()],
        "summary": row.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if row.scope != Scope::Open {
        operation["security"] = json!([{ "token": [] }, {}]);
    }
    if !row.bodies.is_empty() {
        operation["requestBody"] = request_body(row, types);
    }
    if row.takes_file {
        let file = json!({ "application/octet-stream": { "schema": {} } });
        operation["requestBody"] = json!({ "required": true, "content": file });
    }
    operation
}

fn query_parameter(row: &Parameter) -> Value {
    json!({
        "name": row.name,
        "in": "query",
        "required": false,
        "description": row.about,
        "schema": query_schema(row.holds),
        "style": "form",
        "explode": row.repeats,
    })
}

fn query_schema(holds: ParameterKind) -> Value {
    match holds {
        ParameterKind::Number(max) => {
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": max })
        }
        ParameterKind::Flag => json!({ "type": "boolean" }),
        ParameterKind::OneOf(words) => json!({ "type": "string", "enum": words }),
        ParameterKind::Tag => {
            json!({ "type": "array", "items": { "type": "string" }, "maxItems": FILTER_TAGS_MAX })
        }
        ParameterKind::Search => {
            json!({ "type": "string", "minLength": 1, "maxLength": SEARCH_BYTES_MAX })
        }
        ParameterKind::Owner => grammar::owner_or_none(),
        ParameterKind::Cursor => grammar::cursor(),
        ParameterKind::RevisionCursor => grammar::revision_cursor(),
        ParameterKind::TokenName => grammar::token_name(),
        ParameterKind::Label => grammar::label(),
        ParameterKind::Labels => {
            json!({ "type": "array", "items": grammar::label(), "maxItems": EVENT_LABELS_MAX })
        }
        ParameterKind::Note => grammar::line(NOTE_CHARS_MAX),
        ParameterKind::IdempotencyKey => grammar::idempotency_key(KEY_CHARS_MAX),
        ParameterKind::Since => grammar::since(),
        ParameterKind::Place => grammar::place(),
        ParameterKind::Seconds(max) => {
            json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": max })
        }
        ParameterKind::Persona => {
            json!({ "type": "array", "items": grammar::reference(), "maxItems": EVENT_PERSONAS_MAX })
        }
        ParameterKind::HandlePrefix => grammar::handle_prefix(),
        ParameterKind::CountCursor => grammar::count_cursor(),
        ParameterKind::AnyOf(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        ParameterKind::Names => json!({ "type": "array", "items": { "type": "string" } }),
        ParameterKind::Members => {
            let names: Vec<&str> = members().collect();
            json!({ "type": "array", "items": { "type": "string", "enum": names }, "minItems": 1 })
        }
    }
}

fn header_parameter(row: &Header) -> Value {
    let schema = match row.holds {
        HeaderHolds::EntityTags => grammar::entity_tags(),
        HeaderHolds::AnyTag => grammar::any_tag(),
        HeaderHolds::Date => grammar::date(),
        HeaderHolds::IdempotencyKey => grammar::idempotency_key(KEY_CHARS_MAX),
        HeaderHolds::KeyOfItems => grammar::idempotency_key(KEY_OF_ITEMS_CHARS_MAX),
        HeaderHolds::Author => grammar::line(AUTHOR_CHARS_MAX),
        HeaderHolds::Note => grammar::line(NOTE_CHARS_MAX),
        HeaderHolds::EventId => json!({ "type": "string" }),
    };
    json!({
        "name": row.name,
        "in": "header",
        "required": row.required,
        "description": row.about,
        "schema": schema,
    })
}

fn request_body(row: &OperationRow, types: &mut SchemaGenerator) -> Value {
    let mut content = |body: &Body| {
        let example: Value = serde_json::from_str(body.example).expect("an example is JSON");
        (
            body.media_type.to_owned(),
            json!({ "schema": schema(body.schema, types), "example": example }),
        )
    };
    let content: Map<String, Value> = row.bodies.iter().map(&mut content).collect();
    json!({ "required": !row.body_can_be_absent, "content": content })
}

fn response(answer: &Answer, types: &mut SchemaGenerator) -> Value {
    let mut response =
        json!({ "description": answer.about, "headers": answer_headers(answer.headers) });
    if let Some(content) = content(answer.content, types) {
        response["content"] = content;
    }
    response
}

fn content(content: Content, types: &mut SchemaGenerator) -> Option<Value> {
    let text = || json!({ "type": "string" });
    let of = |media: &str, schema: Value| {
        let mut content = Map::new();
        content.insert(media.to_owned(), json!({ "schema": schema }));
        Some(Value::from(content))
    };
    match content {
        Content::Empty => None,
        Content::Json(body) => of(JSON, schema(body, types)),
        Content::JsonOrPage(body) => Some(json!({
            JSON: { "schema": schema(body, types) },
            "text/html": { "schema": text() },
        })),
        Content::JsonOrEvents(body) => Some(json!({
            JSON: { "schema": schema(body, types) },
            "text/event-stream": { "schema": text() },
        })),
        Content::Object => of(JSON, json!({ "type": "object" })),
        Content::Kept => of(JSON, json!({ "anyOf": [named("Persona"), named("KeptPersona")] })),
        Content::Text(media) => of(media, text()),
        Content::Files => Some(json!({
            "text/css": { "schema": text() },
            "text/javascript": { "schema": text() },
            "image/png": { "schema": { "type": "string", "contentMediaType": "image/png" } },
        })),
    }
}

/// The schema of a body: a reference, and the schema of its type is added to `types`.
fn schema(body: BodySchema, types: &mut SchemaGenerator) -> Value {
    match body {
        BodySchema::Persona(name) => named(name),
        BodySchema::Type(schema) => schema(types).into(),
    }
}

fn answer_headers(names: &[&'static str]) -> Map<String, Value> {
    let all = names.iter().chain(&["RequestId"]);
    all.map(|name| {
        (spelled(name).into(), json!({ "$ref": format!("#/components/headers/{name}") }))
    })
    .collect()
}

/// One answer for each status, with the problem codes that can have it.
fn problem_answers(codes: &[Code], schema: &Value) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.facts().status.as_u16()).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), problem_answer(status, &codes, schema)))
}

fn problem_answer(status: u16, codes: &[Code], schema: &Value) -> Value {
    let headers: &[&'static str] = match status {
        401 => &["Authenticate"],
        409 | 410 | 412 => &["ETag"],
        415 => &["Accept", "AcceptPatch"],
        429 => &["RetryAfter", "RateLimit", "RateLimitPolicy"],
        503 => &["RetryAfter"],
        _ => &[],
    };
    let meaning = |code: &Code| format!("{}: {}.", code.facts().word, code.facts().title);
    let about = codes.iter().map(meaning).collect::<Vec<_>>().join(" ");
    let example = |code: &Code| {
        let word = code.facts().word;
        (word.to_owned(), json!({ "$ref": format!("#/components/examples/{word}") }))
    };
    let examples: Map<String, Value> = codes.iter().map(example).collect();
    json!({
        "description": about,
        "headers": answer_headers(headers),
        "content": {
            "application/problem+json": { "schema": schema, "examples": examples },
        },
    })
}
