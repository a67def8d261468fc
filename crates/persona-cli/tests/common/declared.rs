//! Every answer that a test gets is one that the OpenAPI document declares: its status, its problem
//! code, and its JSON.
//!
//! Both clients of the tests call this module, so every suite is a proof of the document, on both
//! backends.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The document of the program under test.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_slice(&persona_http::openapi_document()).expect("the document is JSON")
});

/// The codes of the problems that answer a request to a path or method without an operation.
const NO_OPERATION: [&str; 2] = ["no_such_route", "method_not_allowed"];

/// Fails the test when the document does not declare this answer to this request.
#[track_caller]
pub fn check(method: &str, target: &str, status: u16, content_type: Option<&str>, body: &[u8]) {
    let found = faults(method, target, status, content_type, body);
    assert!(
        found.is_empty(),
        "{method} {target} was answered {status}, and the OpenAPI document does not say so:\n{}",
        found.join("\n")
    );
}

/// The reasons why the document does not declare this answer; empty where it does. A body may be
/// missing: HEAD gets none.
pub fn faults(
    method: &str,
    target: &str,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Vec<String> {
    let method = if method == "HEAD" { "GET" } else { method };
    let Some((id, operation)) = operation(method, target.split('?').next().unwrap_or_default())
    else {
        return code_fault("no operation", status, body, |code| {
            NO_OPERATION.contains(&code) || is_declared_everywhere(code)
        });
    };
    let Some(response) = operation["responses"].get(status.to_string()) else {
        return vec![format!("{id} declares no {status}")];
    };
    if content_type == Some("application/problem+json") {
        let examples = &response["content"]["application/problem+json"]["examples"];
        let mut found = code_fault(id, status, body, |code| examples.get(code).is_some());
        found.extend(shape_faults(&DOCUMENT["components"]["schemas"]["Problem"], body));
        return found;
    }
    match response["content"].get(content_type.unwrap_or_default()) {
        Some(media) if content_type == Some("application/json") => {
            shape_faults(&media["schema"], body)
        }
        _ => Vec::new(),
    }
}

/// The operation of this method and path, and its name.
fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let is_at = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(wanted, had)| wanted.starts_with('{') || wanted == had)
    };
    let item = paths.iter().find(|(pattern, _)| is_at(pattern))?.1;
    let operation = item.get(method.to_ascii_lowercase())?;
    Some((operation["operationId"].as_str().expect("a name"), operation))
}

/// Whether every operation declares this problem: then a request to no operation can meet it too.
fn is_declared_everywhere(code: &str) -> bool {
    let operations = DOCUMENT["paths"]
        .as_object()
        .expect("paths")
        .values()
        .filter_map(Value::as_object)
        .flatten();
    let mut operations = operations.filter(|(name, _)| *name != "parameters");
    operations.all(|(_, operation)| {
        let responses = operation["responses"].as_object().expect("responses");
        responses.values().any(|response| {
            response["content"]["application/problem+json"]["examples"].get(code).is_some()
        })
    })
}

fn code_fault(
    id: &str,
    status: u16,
    body: &[u8],
    is_declared: impl Fn(&str) -> bool,
) -> Vec<String> {
    if body.is_empty() {
        return Vec::new();
    }
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    match problem["code"].as_str() {
        Some(code) if is_declared(code) => Vec::new(),
        code => vec![format!(
            "{id} does not declare {} with {status}",
            code.unwrap_or("an answer that is no problem")
        )],
    }
}

fn shape_faults(schema: &Value, body: &[u8]) -> Vec<String> {
    if body.is_empty() {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_slice(body) else {
        return vec!["the body is not JSON".into()];
    };
    mismatches(schema, &value, "")
}

/// The places at which a value differs from a schema. Knows as much of JSON Schema as the document
/// uses, without formats and patterns.
fn mismatches(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return mismatches(
            DOCUMENT
                .pointer(reference.trim_start_matches('#'))
                .expect("a reference leads somewhere"),
            value,
            at,
        );
    }
    let mut found = Vec::new();
    for all in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(mismatches(all, value, at));
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let outcomes: Vec<_> = any.iter().map(|one| mismatches(one, value, at)).collect();
        if !outcomes.iter().any(Vec::is_empty) {
            found.extend(outcomes.into_iter().flatten());
        }
    }
    let has_type = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_number(),
    };
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !names.is_empty() && !names.into_iter().any(has_type) {
        found.push(format!("{at} must be {}, is {value:.200}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value))
        || schema.get("const").is_some_and(|word| word != value)
    {
        found.push(format!("{at} must not be {value:.200}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(mismatches(&schema["items"], item, &format!("{at}/{index}")));
    }
    if let Some(members) = value.as_object() {
        found.extend(member_mismatches(schema, members, at));
    }
    found
}

fn member_mismatches(schema: &Value, members: &Map<String, Value>, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    found.extend(
        required
            .into_iter()
            .filter(|name| !members.contains_key(*name))
            .map(|name| format!("{at}/{name} is missing")),
    );
    for (name, member) in members {
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) | (None, schema @ Value::Object(_)) => {
                found.extend(mismatches(schema, member, &format!("{at}/{name}")));
            }
            (None, Value::Bool(false)) => found.push(format!("{at}/{name} must not be there")),
            // A member that the document does not name is a fault: no client knows of it.
            (None, Value::Null) if schema.get("properties").is_some() => {
                found.push(format!("{at}/{name} is not named"));
            }
            (None, _) => {}
        }
    }
    found
}
