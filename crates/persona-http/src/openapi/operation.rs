//! The building blocks of one operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use persona_model::{FILTER_TAGS_MAX, SEARCH_BYTES_MAX};

use super::components::write_headers;
use super::grammar;
use crate::parameters::{Holds, Parameter};
use crate::problem::Code;

/// What any request can be answered, before its route is looked for or when the server fails.
const EVERY: &[Code] = &[
    Code::MalformedRequest,
    Code::HeadTooSlow,
    Code::ForeignHost,
    Code::HeadTooLarge,
    Code::Internal,
    Code::UnknownCoding,
    Code::Busy,
    Code::OldProtocol,
];
/// What any request to the store can be answered. A database server whose disk is full refuses
/// reads as well.
const STORE: &[Code] =
    &[Code::Unreachable, Code::Closing, Code::Damaged, Code::StorageFailed, Code::StorageFull];

/// One verb at one path.
pub(super) struct Operation {
    id: &'static str,
    method: &'static str,
    tag: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(&'static str, Value)>,
    problems: Vec<Code>,
}

impl Operation {
    /// An operation; its id is the name of its handler.
    pub fn new(
        method: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            id,
            method,
            tag,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: EVERY.to_vec(),
        }
    }

    /// Refuses every query.
    pub fn no_query(self) -> Self {
        self.problems(&[Code::BadParameter])
    }

    /// Adds query parameters.
    pub fn query(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend(parameters.iter().map(query_parameter));
        self.problems(&[Code::BadParameter])
    }

    /// Adds a header that a client may or must send.
    pub fn header(mut self, name: &str, required: bool, about: &str, schema: &Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": required, "description": about, "schema": schema,
        }));
        self.problems(&[Code::BadHeader])
    }

    /// Makes it an operation that changes something. A body is taken in also where none is wanted.
    pub fn writes(mut self) -> Self {
        self.parameters.extend(write_headers());
        self.no_query().problems(STORE).problems(&[
            Code::BadHeader,
            Code::BodyCutOff,
            Code::BodyTooSlow,
            Code::BodyTooLarge,
            Code::KeyReused,
            Code::TooManyKeys,
            Code::OutcomeUnknown,
        ])
    }

    /// Makes it an operation that asks the store.
    pub fn reads(self) -> Self {
        self.no_query().problems(STORE)
    }

    /// Adds a body: media types with the names of their schemas, and an example that can be sent as
    /// it is.
    pub fn body(mut self, kinds: &[(&str, &str, Value)]) -> Self {
        let content: Map<String, Value> = kinds
            .iter()
            .map(|(media, schema, example)| {
                ((*media).to_owned(), json!({ "schema": named(schema), "example": example }))
            })
            .collect();
        self.body = Some(json!({ "required": true, "content": content }));
        self.problems(&[Code::MalformedJson, Code::UnsupportedMediaType, Code::Invalid])
    }

    /// Adds the answer of a write that was kept: the persona, or the short form where there is no
    /// memory to show it.
    pub fn kept(self, status: &'static str, about: &str, headers: &[&str]) -> Self {
        self.answer_with(
            status,
            about,
            headers,
            "application/json",
            &json!({ "anyOf": [named("Persona"), named("KeptPersona")] }),
        )
    }

    /// Adds an answer without a body.
    pub fn answer(mut self, status: &'static str, about: &str, headers: &[&str]) -> Self {
        self.answers
            .push((status, json!({ "description": about, "headers": answer_headers(headers) })));
        self
    }

    /// Adds an answer with a body of this schema.
    pub fn answer_with(
        self,
        status: &'static str,
        about: &str,
        headers: &[&str],
        media: &str,
        schema: &Value,
    ) -> Self {
        self.answer_as(status, about, headers, &[(media, schema)])
    }

    /// Adds an answer that has one of several media types.
    pub fn answer_as(
        mut self,
        status: &'static str,
        about: &str,
        headers: &[&str],
        kinds: &[(&str, &Value)],
    ) -> Self {
        let content: Map<String, Value> = kinds
            .iter()
            .map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema })))
            .collect();
        self.answers.push((
            status,
            json!({ "description": about, "headers": answer_headers(headers), "content": content }),
        ));
        self
    }

    /// Adds problems that it can answer with.
    pub fn problems(mut self, codes: &[Code]) -> Self {
        self.problems
            .extend(codes.iter().filter(|code| !self.problems.contains(code)).collect::<Vec<_>>());
        self
    }

    /// The verb, and the operation object of the document.
    pub fn build(self) -> (String, Value) {
        let mut responses: Map<String, Value> =
            self.answers.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect();
        responses.extend(problem_answers(&self.problems));
        let mut operation = json!({
            "operationId": self.id, "tags": [self.tag], "summary": self.summary, "parameters": self.parameters, "responses": responses,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        (self.method.to_owned(), operation)
    }
}

/// A reference to a named schema.
pub(super) fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn answer_headers(names: &[&str]) -> Map<String, Value> {
    let spelled = |name: &str| match name {
        "RequestId" => "X-Request-Id".to_owned(),
        "Replayed" => "Idempotency-Replayed".to_owned(),
        "RetryAfter" => "Retry-After".to_owned(),
        "AcceptPatch" => "Accept-Patch".to_owned(),
        "LastModified" => "Last-Modified".to_owned(),
        name => name.to_owned(),
    };
    let all = names.iter().chain(&["RequestId"]);
    all.map(|name| (spelled(name), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect()
}

/// One answer per status, with the codes that it can carry.
fn problem_answers(codes: &[Code]) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.facts().status.as_u16()).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| {
        let about = codes.iter().map(|code| format!("{}: {}.", code.facts().word, code.facts().title)).collect::<Vec<_>>().join(" ");
        let headers: &[&str] = match status {
            409 | 410 | 412 => &["ETag"],
            415 => &["Accept", "AcceptPatch"],
            503 => &["RetryAfter"],
            _ => &[],
        };
        let example = |word: &str| (word.to_owned(), json!({ "$ref": format!("#/components/examples/{word}") }));
        let examples: Map<String, Value> = codes.iter().map(|code| example(code.facts().word)).collect();
        let content = json!({ "application/problem+json": { "schema": named("Problem"), "examples": examples } });
        (status.to_string(), json!({ "description": about, "headers": answer_headers(headers), "content": content }))
    })
}

fn query_parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.holds {
        Holds::Number(max) => {
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": max })
        }
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::OneOf(words) => json!({ "type": "string", "enum": words }),
        Holds::Tag => {
            json!({ "type": "array", "items": { "type": "string" }, "maxItems": FILTER_TAGS_MAX })
        }
        Holds::Search => json!({ "type": "string", "minLength": 1, "maxLength": SEARCH_BYTES_MAX }),
        Holds::Cursor => grammar::cursor(),
        Holds::Since => grammar::since(),
        Holds::Names(names) => {
            json!({ "type": "array", "items": { "type": "string", "enum": names() }, "minItems": 1 })
        }
    };
    json!({
        "name": parameter.name, "in": "query", "required": false, "description": parameter.about, "schema": schema,
        "style": "form", "explode": parameter.repeats,
    })
}
