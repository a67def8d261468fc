//! `GET /api/v1/openapi.json`.

use std::collections::BTreeSet;

use persona_http::contract::OPERATIONS;
use persona_model::FIELDS;
use serde_json::{Value, json};

use crate::common::declared;
use crate::http::server::{ABSENT, Server};

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
    let routed =
        OPERATIONS.iter().map(|row| format!("{} {}", row.method.as_str(), row.path)).collect();
    assert_eq!(described, routed);
}

/// The control of the check that every other test of this suite makes.
#[test]
fn an_answer_that_is_not_declared_is_noticed() {
    let faults = |target: &str, status, body: &str| {
        let content_type =
            if status < 400 { "application/json" } else { "application/problem+json" };
        declared::faults("GET", target, status, Some(content_type), body.as_bytes())
    };
    let problem = |code: &str| {
        json!({ "type": "", "title": "", "status": 0, "code": code, "detail": "", "request_id": "" }).to_string()
    };
    let cases = [
        (ABSENT, 404, problem("no_such_persona"), ""),
        (
            ABSENT,
            404,
            problem("no_such_route"),
            "get_persona does not declare no_such_route with 404",
        ),
        (ABSENT, 418, problem("no_such_persona"), "get_persona declares no 418"),
        (ABSENT, 404, json!({ "code": "no_such_persona" }).to_string(), "/detail is missing"),
        (ABSENT, 200, json!({ "name": "Ada" }).to_string(), "/id is missing"),
        (
            "/api/v1/personas?limit=1",
            200,
            json!({ "items": [], "next_cursor": null }).to_string(),
            "",
        ),
        (
            "/api/v1/personas",
            200,
            json!({ "items": [{ "name": 1 }], "next_cursor": null }).to_string(),
            "/items/0/name must be",
        ),
        (
            "/api/v1/personas",
            200,
            json!({ "items": [], "next_cursor": null, "more": 1 }).to_string(),
            "/more is not named",
        ),
        ("/healthz", 200, json!({ "status": "well" }).to_string(), "/status must not be"),
        ("/nowhere", 404, problem("no_such_route"), ""),
        ("/nowhere", 431, problem("head_too_large"), ""),
        (
            "/nowhere",
            404,
            problem("no_such_persona"),
            "no operation does not declare no_such_persona",
        ),
    ];
    for (target, status, body, expected) in cases {
        let found = faults(target, status, &body).join("; ");
        assert!(
            if expected.is_empty() { found.is_empty() } else { found.contains(expected) },
            "{target} {status}: {found}"
        );
    }
}

#[tokio::test]
async fn every_example_of_a_problem_is_a_problem_of_its_answer() {
    let (document, mut examples) = (document().await, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in
            item.as_object().expect("a path").iter().filter(|(name, _)| *name != "parameters")
        {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let named = response["content"]["application/problem+json"]["examples"].as_object();
                for code in named.into_iter().flat_map(serde_json::Map::keys) {
                    let value = &document["components"]["examples"][code]["value"];
                    let number = status.parse().expect("a status");
                    assert_eq!((&value["status"], &value["code"]), (&json!(number), &json!(code)));
                    let body = value.to_string();
                    let found = declared::faults(
                        &method.to_uppercase(),
                        path,
                        number,
                        Some("application/problem+json"),
                        body.as_bytes(),
                    );
                    assert!(found.is_empty(), "{code}: {found:?}");
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 200, "only {examples}");
}

/// The example of a body that a page shows first, and sends when its button is pressed, changes
/// nothing that the example does not name.
#[tokio::test]
async fn the_examples_of_bodies_can_be_sent_as_they_are_and_change_what_they_name() {
    let server = Server::start();
    let document = document().await;
    let mut sent = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path") {
            for (media, content) in
                operation["requestBody"]["content"].as_object().into_iter().flatten()
            {
                sent += 1;
                if path.contains("{revision}") {
                    // This is a past revision of a persona that does not exist yet, so it can
                    // change nothing.
                    let target =
                        path.replace("/api/v1/personas/{id}", ABSENT).replace("{revision}", "1");
                    let reply = server
                        .send("PUT", &target)
                        .body(media, content["example"].to_string())
                        .send()
                        .await;
                    assert_eq!(reply.status, 201, "{path}: {}", reply.json());
                    continue;
                }
                if path.starts_with("/api/v1/tokens") {
                    token_example(path, &content["example"]).await;
                    continue;
                }
                if path.contains("{label}") || path.ends_with("/release") {
                    labels_example(&server, method, path, &content["example"]).await;
                    continue;
                }
                let full = json!({ "name": "Grace", "nickname": "G", "tags": ["x"], "extensions": { "a": 1 }, "is_active": false });
                let target = server.persona_with(&full).await;
                let before = server.get(&target).await.json();
                let request = server
                    .send(&method.to_uppercase(), &path.replace("/api/v1/personas/{id}", &target));
                let request = if method == "put" {
                    request.header("if-match", server.tag(&target).await)
                } else {
                    request
                };
                let reply = request.body(media, content["example"].to_string()).send().await;
                assert!(reply.status.is_success(), "{method} {path} {media}: {}", reply.json());
                let after = server.get(&target).await.json();
                let changed: Vec<&str> = FIELDS
                    .iter()
                    .map(|field| field.name)
                    .filter(|name| before[name] != after[name])
                    .collect();
                match method.as_str() {
                    "post" => assert!(changed.is_empty(), "{changed:?}"),
                    "patch" => assert_eq!(changed, ["description"], "{media}"),
                    // A replacement names the whole document.
                    _ => assert_eq!(
                        (&after["name"], &after["tags"]),
                        (&content["example"]["name"], &json!([]))
                    ),
                }
            }
        }
    }
    assert_eq!(sent, 13, "every body of the document");
}

/// Sends the example of a body about tokens, to a server of its own, which has a token then.
async fn token_example(path: &str, example: &Value) {
    let server = Server::start();
    let wanted = json!({ "name": "ci", "scope": "admin" });
    let is_new = path == "/api/v1/tokens";
    let first = if is_new { example } else { &wanted };
    let made = server.send("POST", "/api/v1/tokens").json(first).send().await;
    assert_eq!(made.status, 201, "{path}: {}", made.json());
    if is_new {
        return;
    }
    let header = format!("Bearer {}", made.json()["secret"].as_str().expect("a secret"));
    let request =
        server.send("POST", &path.replace("{token}", "ci")).header("authorization", header);
    let reply = request.json(example).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.json());
}

/// Sends the example of a body that moves labels, about personas that have what it names.
async fn labels_example(server: &Server, method: &str, path: &str, example: &Value) {
    let mut target = String::new();
    let mut body = example.clone();
    let moves = body.get_mut("moves").and_then(Value::as_array_mut);
    for one in moves.into_iter().flatten().chain([&mut json!({})]) {
        target = server.persona_with(&json!({ "name": "Grace" })).await;
        for nickname in 2..=7 {
            let nicknamed = json!({ "nickname": nickname.to_string() });
            assert_eq!(server.send("PATCH", &target).json(&nicknamed).send().await.status, 200);
        }
        let staging = json!({ "revision": 1 });
        let labelled = format!("{target}/labels/staging");
        assert_eq!(server.send("PUT", &labelled).json(&staging).send().await.status, 201);
        one["id"] = target.rsplit('/').next().into();
    }
    let path = path.replace("/api/v1/personas/{id}", &target).replace("{label}", "production");
    let reply = server.send(&method.to_uppercase(), &path).json(&body).send().await;
    assert!(reply.status.is_success(), "{method} {path}: {}", reply.json());
}

#[tokio::test]
async fn no_schema_of_a_request_has_a_default_and_every_free_form_object_is_open() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    for name in ["Persona", "PersonaCreate", "PersonaReplace", "PersonaMergePatch", "PastRevision"]
    {
        visit(&schemas[name], &mut |object| {
            assert!(
                !object.contains_key("default") || object["default"].is_object(),
                "{name}: {object:?}"
            );
            if object.get("type") == Some(&json!("object")) {
                assert!(
                    object.contains_key("properties")
                        || object.contains_key("additionalProperties"),
                    "{name}: {object:?}"
                );
            }
        });
        for free in ["extensions", "character_book", "style_preferences"] {
            let schema = &schemas[name]["properties"][free];
            let inner = if schema["anyOf"].is_array() { &schema["anyOf"][0] } else { schema };
            assert_eq!(inner["additionalProperties"], true, "{name} {free}");
        }
    }
}

#[tokio::test]
async fn what_is_for_machines_comes_last() {
    let server = Server::start();
    let text =
        String::from_utf8(server.get("/api/v1/openapi.json").await.body.to_vec()).expect("UTF-8");
    let place = |path: &str| {
        text.find(&format!("\"{path}\":{{")).unwrap_or_else(|| panic!("{path} is not there"))
    };
    let order = [
        "/api/v1/personas",
        "/api/v1/personas/{id}",
        "/api/v1/status",
        "/api/v1/export",
        "/api/v1/docs/{file}",
        "/healthz",
        "/metrics",
    ];
    assert!(order.map(place).is_sorted());
    assert!(text.starts_with("{\"openapi\":\"3.1.0\",\"info\":"));
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
        for (method, operation) in
            item.as_object().expect("a path").iter().filter(|(key, _)| *key != "parameters")
        {
            lines.push(format!(
                "{} {path} = {}: {}",
                method.to_uppercase(),
                text(&operation["operationId"]),
                text(&operation["summary"])
            ));
            let parameters = operation["parameters"].as_array().expect("a list");
            lines.extend(parameters.iter().map(|parameter| {
                format!(
                    "    {} {} {}",
                    text(&parameter["in"]),
                    text(&parameter["name"]),
                    parameter["schema"]
                )
            }));
            let media_types = |content: &Value| {
                content
                    .as_object()
                    .map(|kinds| kinds.keys().cloned().collect::<Vec<_>>().join(", "))
            };
            lines.extend(
                media_types(&operation["requestBody"]["content"])
                    .map(|kinds| format!("    body {kinds}")),
            );
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
