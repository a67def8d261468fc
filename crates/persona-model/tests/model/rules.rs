//! The rules of a document: each limit at its edge and one beyond, and every fault of an input at
//! once.

use persona_model::{Document, FIELDS, FieldKind, ValidationErrors};
use serde_json::{Value, json};

fn faults(input: Value) -> Vec<(String, &'static str)> {
    match Document::from_json(input) {
        Ok(_) => Vec::new(),
        Err(ValidationErrors { errors, .. }) => {
            errors.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        }
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut input = json!({ "name": "Ada" });
    input[field] = value;
    input
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }))
}

#[test]
fn every_limit_accepts_its_edge_and_refuses_one_more() {
    let lines = |count: usize, chars: usize| json!(vec!["t".repeat(chars); count]);
    let bytes = |count: usize| json!({ "a": "x".repeat(count - r#"{"a":""}"#.len()) });
    let cases: [(&str, Value, Value, &str); 15] = [
        ("name", json!("é".repeat(256)), json!("é".repeat(257)), "too_long"),
        ("creator", json!("é".repeat(256)), json!("é".repeat(257)), "too_long"),
        ("description", json!("x".repeat(262_144)), json!("x".repeat(262_145)), "too_long"),
        ("system_prompt", json!("é".repeat(131_072)), json!("é".repeat(131_073)), "too_long"),
        ("handle", json!("a".repeat(64)), json!("a".repeat(65)), "bad_handle"),
        ("owner", json!("a".repeat(128)), json!("a".repeat(129)), "bad_owner"),
        ("tags", lines(256, 128), lines(257, 128), "too_many"),
        ("tags", lines(1, 128), lines(1, 129), "too_long"),
        ("source", lines(64, 2048), lines(65, 1), "too_many"),
        ("alternate_greetings", lines(256, 1), lines(257, 1), "too_many"),
        ("extensions", bytes(1_048_576), bytes(1_048_577), "too_long"),
        ("extensions", nested(64), nested(65), "too_deep"),
        ("character_book", bytes(4_194_304), bytes(4_194_305), "too_long"),
        ("kind", json!("prompt"), json!("robot"), "not_allowed"),
        ("name", json!("  x"), json!("   "), "blank"),
    ];
    for (field, edge, beyond, code) in cases {
        assert_eq!(faults(with(field, edge)), [], "the edge of {field}");
        let found = faults(with(field, beyond));
        assert!(
            found.len() == 1 && found[0].1 == code && found[0].0.starts_with(&format!("/{field}")),
            "{field}: {found:?}"
        );
    }
}

#[test]
fn every_field_refuses_every_wrong_type() {
    let values = [json!(5), json!("text"), json!(true), json!([5]), json!({ "a": 5 })];
    for field in FIELDS {
        for value in &values {
            let fits = match field.shape {
                FieldKind::Name
                | FieldKind::Line
                | FieldKind::Text
                | FieldKind::Handle
                | FieldKind::Owner => value.is_string(),
                FieldKind::Object { .. } => value.is_object(),
                FieldKind::Flag { .. } => value.is_boolean(),
                FieldKind::OneOf(_)
                | FieldKind::Texts { .. }
                | FieldKind::Lines { .. }
                | FieldKind::TextByLanguage
                | FieldKind::Rating
                | FieldKind::Assets => false,
            };
            let found = faults(with(field.name, value.clone()));
            assert_eq!(found.is_empty(), fits, "{} = {value}: {found:?}", field.name);
        }
    }
}

#[test]
fn all_faults_are_reported_at_once_with_pointer_and_suggestion() {
    let input = json!({
        "nmae": "typo", "kind": 7, "tags": ["ok", "", 5], "content_rating": { "default": "nsfw", "allowed": ["sfw"], "x": 1 },
        "assets": [{ "type": "icon", "uri": 1, "name": "main" }], "revision": 3, "a/b": 1
    });
    let Err(ValidationErrors { errors, .. }) = Document::from_json(input) else {
        panic!("refused")
    };
    let found: Vec<(&str, &str)> =
        errors.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    assert_eq!(
        found,
        [
            ("/name", "required"),
            ("/kind", "wrong_type"),
            ("/tags/1", "too_short"),
            ("/tags/2", "wrong_type"),
            ("/content_rating/x", "unknown_member"),
            ("/content_rating/default", "not_allowed"),
            ("/assets/0/uri", "wrong_type"),
            ("/assets/0/ext", "required"),
            ("/a~1b", "unknown_member"),
            ("/nmae", "unknown_member"),
            ("/revision", "read_only"),
        ]
    );
    let message = |pointer: &str| {
        errors.iter().find(|fault| fault.pointer == pointer).map(|fault| fault.message.as_str())
    };
    assert_eq!(message("/nmae"), Some("unknown member; did you mean name?"));
}

#[test]
fn null_means_absent_for_every_field_but_the_name() {
    for field in FIELDS.iter().filter(|field| field.name != "name") {
        assert_eq!(
            Document::from_json(with(field.name, Value::Null)),
            Document::from_json(json!({ "name": "Ada" })),
            "{}",
            field.name
        );
    }
    assert_eq!(faults(json!({ "name": null })), [("/name".into(), "required")]);
    for input in [json!([]), json!("Ada"), json!(null)] {
        assert_eq!(faults(input), [(String::new(), "not_an_object")]);
    }
}
