//! The building blocks of one operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::write_headers;
use crate::http::parameters::{Holds, Parameter};
use crate::http::problem::Code;

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
    pub fn new(method: &'static str, id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        Self { id, method, tag, summary, parameters: Vec::new(), body: None, answers: Vec::new(), problems: vec![Code::Internal] }
    }

    /// Adds query parameters.
    pub fn query(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend(parameters.iter().map(query_parameter));
        self.problems(&[Code::BadParameter])
    }

    /// Adds a header that a client may or must send.
    pub fn header(mut self, name: &str, required: bool, about: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": required, "description": about, "schema": { "type": "string" },
        }));
        self.problems(&[Code::BadHeader])
    }

    /// Makes it an operation that changes something.
    pub fn writes(mut self) -> Self {
        self.parameters.extend(write_headers());
        self.problems(&[
            Code::BadHeader,
            Code::BadParameter,
            Code::KeyReused,
            Code::BodyTooLarge,
            Code::Busy,
            Code::TooManyKeys,
            Code::OutcomeUnknown,
            Code::Closing,
            Code::Damaged,
            Code::StorageFailed,
            Code::StorageFull,
        ])
    }

    /// Makes it an operation that asks the store.
    pub fn reads(self) -> Self {
        self.problems(&[Code::BadParameter, Code::Busy, Code::Closing, Code::Damaged, Code::StorageFailed])
    }

    /// Adds a body: media types with the names of their schemas.
    pub fn body(mut self, kinds: &[(&str, &str)]) -> Self {
        let content: Map<String, Value> =
            kinds.iter().map(|(media, schema)| ((*media).to_owned(), json!({ "schema": named(schema) }))).collect();
        self.body = Some(json!({ "required": true, "content": content }));
        self.problems(&[Code::BodyCutOff, Code::MalformedJson, Code::BodyTooSlow, Code::UnsupportedMediaType, Code::Invalid])
    }

    /// Adds an answer without a body.
    pub fn answer(mut self, status: &'static str, about: &str, headers: &[&str]) -> Self {
        self.answers.push((status, json!({ "description": about, "headers": answer_headers(headers) })));
        self
    }

    /// Adds an answer with a body of this schema.
    pub fn answer_with(mut self, status: &'static str, about: &str, headers: &[&str], media: &str, schema: &Value) -> Self {
        let answer = json!({ "description": about, "headers": answer_headers(headers), "content": { media: { "schema": schema } } });
        self.answers.push((status, answer));
        self
    }

    /// Adds problems that it can answer with.
    pub fn problems(mut self, codes: &[Code]) -> Self {
        self.problems.extend(codes.iter().filter(|code| !self.problems.contains(code)).collect::<Vec<_>>());
        self
    }

    /// The verb, and the operation object of the document.
    pub fn build(self) -> (String, Value) {
        let mut responses: Map<String, Value> = self.answers.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect();
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
        name => name.to_owned(),
    };
    let all = names.iter().chain(&["RequestId"]);
    all.map(|name| (spelled(name), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
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
            410 | 412 => &["ETag"],
            415 => &["Accept", "AcceptPatch"],
            503 => &["RetryAfter"],
            _ => &[],
        };
        let content = json!({ "application/problem+json": { "schema": named("Problem") } });
        (status.to_string(), json!({ "description": about, "headers": answer_headers(headers), "content": content }))
    })
}

fn query_parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.holds {
        Holds::Number(max) => json!({ "type": "integer", "minimum": 1, "maximum": max }),
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::OneOf(words) => json!({ "type": "string", "enum": words }),
        Holds::Text => json!({ "type": "string" }),
        Holds::Since => json!({ "type": "string", "examples": ["2026-11-24T18:10:41Z", "4500-9f3c21aa01b2c3d4"] }),
        Holds::Names => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
    };
    let schema = if parameter.repeats { json!({ "type": "array", "items": schema }) } else { schema };
    json!({
        "name": parameter.name, "in": "query", "required": false, "description": parameter.about, "schema": schema,
        "style": "form", "explode": parameter.repeats,
    })
}
