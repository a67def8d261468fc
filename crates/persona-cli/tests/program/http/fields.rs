//! Every editable field, set by every way of writing, is read back equal; null clears it.

use persona_model::{FIELDS, Field, FieldKind, RATINGS};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::http::client::Sending;
use crate::http::server::Server;

/// Enough cases to meet every shape with usual and unusual values; each case makes about ten
/// requests.
const CASES: u32 = 24;

fn line(chars_min: usize, chars_max: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        any::<char>().prop_filter("no control characters", |char| !char.is_control()),
        chars_min..=chars_max,
    )
    .prop_map(String::from_iter)
}

/// A free-form value without null, because null means removal in a merge patch.
fn free() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner)
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(any::<String>(), value, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn value_of(field: &'static Field) -> BoxedStrategy<Value> {
    let text = any::<String>().prop_map(Value::from);
    let list = |item: BoxedStrategy<Value>| {
        proptest::collection::vec(item, 0..4).prop_map(Value::from).boxed()
    };
    match field.shape {
        FieldKind::Name => line(1, 40)
            .prop_filter("not blank", |name| !name.trim().is_empty())
            .prop_map(Value::from)
            .boxed(),
        FieldKind::Line => line(0, 40).prop_map(Value::from).boxed(),
        FieldKind::Text => text.boxed(),
        FieldKind::OneOf(words) => select(words).prop_map(Value::from).boxed(),
        FieldKind::Handle => {
            prop_oneof![Just(Value::Null), "[a-z0-9-]{1,64}".prop_map(Value::from)].boxed()
        }
        FieldKind::Owner => prop_oneof![
            Just(Value::Null),
            "[A-Za-z0-9][A-Za-z0-9._:@|/+-]{0,127}".prop_map(Value::from)
        ]
        .boxed(),
        FieldKind::Texts { .. } => list(text.boxed()),
        FieldKind::Lines { .. } => list(line(1, 20).prop_map(Value::from).boxed()),
        FieldKind::TextByLanguage => object(text).boxed(),
        FieldKind::Rating => subsequence(RATINGS.to_vec(), 1..=RATINGS.len())
            .prop_flat_map(|allowed| (select(allowed.clone()), Just(allowed)))
            .prop_map(|(default, allowed)| json!({ "default": default, "allowed": allowed }))
            .boxed(),
        FieldKind::Object { .. } => object(free()).boxed(),
        FieldKind::Assets => {
            let asset = (any::<String>(), any::<String>(), any::<String>(), any::<String>());
            list(asset.prop_map(|(kind, uri, name, ext)| json!({ "type": kind, "uri": uri, "name": name, "ext": ext })).boxed())
        }
        FieldKind::Flag { .. } => any::<bool>().prop_map(Value::from).boxed(),
    }
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    FIELDS
        .iter()
        .map(value_of)
        .collect::<Vec<_>>()
        .prop_map(|values| FIELDS.iter().map(|field| field.name.to_owned()).zip(values).collect())
}

/// The document of the persona in the answer to this request.
async fn answered(request: Sending) -> Map<String, Value> {
    let reply = request.send().await;
    assert!(reply.status.is_success(), "{}", reply.json());
    let Value::Object(mut persona) = reply.json() else { panic!("a persona is an object") };
    persona.retain(|name, _| FIELDS.iter().any(|field| field.name == name));
    persona
}

async fn holds_by_every_way(server: &Server, document: &Map<String, Value>) {
    let whole = Value::Object(document.clone());
    let empty = json!({ "name": "empty" });
    let path = server.persona_with(&whole).await;
    let read = || answered(server.send("GET", &path));
    let replaced =
        |body: &Value| answered(server.send("PUT", &path).header("if-match", "*").json(body));
    assert_eq!(&read().await, document, "POST");

    let cleared = replaced(&empty).await;
    assert_eq!(&replaced(&whole).await, document, "PUT");
    assert_eq!(&read().await, document, "PUT, read");

    assert_eq!(replaced(&empty).await, cleared);
    assert_eq!(
        &answered(
            server.send("PATCH", &path).body("application/merge-patch+json", whole.to_string())
        )
        .await,
        document,
        "merge patch"
    );

    assert_eq!(replaced(&empty).await, cleared);
    let operation = |(name, value): (&String, &Value)| json!({ "op": "replace", "path": format!("/{name}"), "value": value });
    let operations: Value = document.iter().map(operation).collect();
    let patched = answered(
        server.send("PATCH", &path).body("application/json-patch+json", operations.to_string()),
    )
    .await;
    assert_eq!(&patched, document, "JSON Patch");

    let unnamed = |(name, _): &(String, Value)| name != "name";
    let nulls: Map<String, Value> =
        document.keys().map(|name| (name.clone(), Value::Null)).filter(unnamed).collect();
    let defaults: Map<String, Value> = cleared.into_iter().filter(unnamed).collect();
    let mut after = answered(server.send("PATCH", &path).json(&nulls.into())).await;
    assert_eq!(after.remove("name").as_ref(), document.get("name"), "null leaves the name");
    assert_eq!(after, defaults, "null clears");
}

#[test]
fn every_field_set_by_every_way_of_writing_comes_back_and_null_clears_it() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::start();
    let mut runner =
        TestRunner::new(Config { cases: CASES, source_file: Some(file!()), ..Config::default() });
    let outcome = runner.run(&document(), |document| {
        runtime.block_on(holds_by_every_way(&server, &document));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[tokio::test]
async fn null_inside_a_free_form_object_is_kept_by_every_way_but_a_merge_patch() {
    let server = Server::start();
    let document =
        json!({ "name": "Ada", "extensions": { "a": null, "b": [null, { "c": null }] } });
    let path = server.persona_with(&document).await;
    assert_eq!(server.get(&path).await.json()["extensions"], document["extensions"]);
    server.send("PUT", &path).header("if-match", "*").json(&json!({ "name": "Ada" })).send().await;
    let operations =
        json!([{ "op": "add", "path": "/extensions", "value": document["extensions"] }]);
    let reply = server
        .send("PATCH", &path)
        .body("application/json-patch+json", operations.to_string())
        .send()
        .await;
    assert_eq!(reply.json()["extensions"], document["extensions"]);
}
