//! `GET /api/v1/openapi.json`.

use std::collections::BTreeSet;

use persona_server::http::ROUTES;
use serde_json::Value;

use crate::server::Server;

async fn document() -> Value {
    let server = Server::start();
    server.get("/api/v1/openapi.json").await.json()
}

#[tokio::test]
async fn the_document_describes_exactly_the_routes_of_the_router() {
    let document = document().await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("a path").keys().filter(|key| *key != "parameters");
        described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let routed = ROUTES.iter().flat_map(|route| route.methods.iter().map(|method| format!("{method} {}", route.path))).collect();
    assert_eq!(described, routed);
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_id_is_unique() {
    let document = document().await;
    let mut ids = Vec::new();
    visit(&document, &mut |object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        ids.extend(object.get("operationId").cloned());
    });
    let unique: BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(unique.len(), ids.len());
}

#[tokio::test]
async fn the_operations_are_as_reviewed() {
    let document = document().await;
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path").iter().filter(|(key, _)| *key != "parameters") {
            lines.push(format!("{} {path} = {}: {}", method.to_uppercase(), text(&operation["operationId"]), text(&operation["summary"])));
            let parameters = operation["parameters"].as_array().expect("a list");
            lines.extend(parameters.iter().map(|it| format!("    {} {} {}", text(&it["in"]), text(&it["name"]), it["schema"])));
            let media_types = |content: &Value| content.as_object().map(|kinds| kinds.keys().cloned().collect::<Vec<_>>().join(", "));
            lines.extend(media_types(&operation["requestBody"]["content"]).map(|kinds| format!("    body {kinds}")));
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                lines.push(format!("    {status} {}", text(&answer["description"])));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn the_schemas_are_as_reviewed() {
    let document = document().await;
    let mut lines = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        lines.push(format!("{name}, required: {}", schema["required"]));
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            lines.push(format!("    {member}: {schema}"));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn visit(value: &Value, look: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            look(members);
            members.values().for_each(|inner| visit(inner, look));
        }
        Value::Array(items) => items.iter().for_each(|inner| visit(inner, look)),
        _ => {}
    }
}
