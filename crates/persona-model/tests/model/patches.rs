//! JSON Patches: what they do, and the bounds of their work.

use std::time::Instant;

use persona_model::{Document, Patch, PatchError, VALUE_DEPTH_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};

fn document(extensions: &Value) -> Document {
    Document::from_json(json!({ "name": "Ada", "nickname": "", "extensions": extensions }))
        .expect("valid")
}

#[expect(clippy::needless_pass_by_value, reason = "the cases read better with values")]
fn patched(extensions: Value, operations: Value) -> Result<Value, PatchError> {
    let patch = Patch::json(operations).expect("a patch");
    patch
        .apply(&document(&extensions))
        .map(|document| document.get("extensions").cloned().expect("every document has it"))
}

fn refusal(extensions: Value, operations: Value) -> String {
    match patched(extensions, operations).expect_err("refused") {
        PatchError::Invalid(invalid) => invalid.errors[0].message.clone(),
        error @ PatchError::TestFailed { .. } => error.to_string(),
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(0), |inner, _| json!([inner]))
}

/// The examples of RFC 6902, appendix A, as far as a persona document allows them.
#[test]
fn the_examples_of_rfc_6902_come_out_as_it_says() {
    let cases = [
        (
            json!({ "foo": "bar" }),
            json!([{ "op": "add", "path": "/extensions/baz", "value": "qux" }]),
            json!({ "baz": "qux", "foo": "bar" }),
        ),
        (
            json!({ "foo": ["bar", "baz"] }),
            json!([{ "op": "add", "path": "/extensions/foo/1", "value": "qux" }]),
            json!({ "foo": ["bar", "qux", "baz"] }),
        ),
        (
            json!({ "baz": "qux", "foo": "bar" }),
            json!([{ "op": "remove", "path": "/extensions/baz" }]),
            json!({ "foo": "bar" }),
        ),
        (
            json!({ "foo": ["bar", "qux", "baz"] }),
            json!([{ "op": "remove", "path": "/extensions/foo/1" }]),
            json!({ "foo": ["bar", "baz"] }),
        ),
        (
            json!({ "baz": "qux" }),
            json!([{ "op": "replace", "path": "/extensions/baz", "value": "boo" }]),
            json!({ "baz": "boo" }),
        ),
        (
            json!({ "foo": { "bar": "baz", "waldo": "fred" }, "qux": { "corge": "grault" } }),
            json!([{ "op": "move", "from": "/extensions/foo/waldo", "path": "/extensions/qux/thud" }]),
            json!({ "foo": { "bar": "baz" }, "qux": { "corge": "grault", "thud": "fred" } }),
        ),
        (
            json!({ "foo": ["all", "grass", "cows", "eat"] }),
            json!([{ "op": "move", "from": "/extensions/foo/1", "path": "/extensions/foo/3" }]),
            json!({ "foo": ["all", "cows", "eat", "grass"] }),
        ),
        (
            json!({ "foo": ["bar"] }),
            json!([{ "op": "add", "path": "/extensions/foo/-", "value": ["abc", "def"] }]),
            json!({ "foo": ["bar", ["abc", "def"]] }),
        ),
        (
            json!({ "a/b": 1, "m~n": 8 }),
            json!([
                { "op": "copy", "from": "/extensions/a~1b", "path": "/extensions/m~0n" },
                { "op": "test", "path": "/extensions/m~0n", "value": 1 }
            ]),
            json!({ "a/b": 1, "m~n": 1 }),
        ),
    ];
    for (before, operations, after) in cases {
        assert_eq!(patched(before, operations.clone()).expect("applied"), after, "{operations}");
    }
}

#[test]
fn an_operation_on_what_is_not_there_is_refused_with_its_number() {
    let cases = [
        json!({ "op": "add", "path": "/extensions/baz/bat", "value": "qux" }),
        json!({ "op": "add", "path": "/extensions/list/3", "value": 1 }),
        json!({ "op": "add", "path": "/extensions/list/01", "value": 1 }),
        json!({ "op": "add", "path": "/extensions/list/18446744073709551616", "value": 1 }),
        json!({ "op": "replace", "path": "/extensions/list/-", "value": 1 }),
        json!({ "op": "remove", "path": "/extensions/list/2" }),
        json!({ "op": "remove", "path": "" }),
        json!({ "op": "move", "from": "/extensions/none", "path": "/extensions/a" }),
        json!({ "op": "move", "from": "/extensions/list", "path": "/extensions/list/0" }),
        json!({ "op": "copy", "from": "/extensions/list/9", "path": "/extensions/a" }),
    ];
    for operation in cases {
        let message = refusal(
            json!({ "list": [1, 2] }),
            json!([{ "op": "test", "path": "/name", "value": "Ada" }, operation]),
        );
        assert!(message.starts_with("operation 1 failed: "), "{operation}: {message}");
    }
    let long = refusal(
        json!({}),
        json!([{ "op": "remove", "path": format!("/{}", "x".repeat(100_000)) }]),
    );
    assert!(long.len() < 200, "{long}");
}

#[test]
fn a_test_compares_numbers_by_value() {
    let test = |have: Value, wanted: Value| {
        patched(
            json!({ "n": have }),
            json!([{ "op": "test", "path": "/extensions/n", "value": wanted }]),
        )
        .is_ok()
    };
    let same = [
        (json!(1), json!(1.0)),
        (json!(-0.0), json!(0)),
        (json!(1e2), json!(100)),
        (json!({ "a": [1.0] }), json!({ "a": [1] })),
    ];
    for (left, right) in same {
        assert!(
            test(left.clone(), right.clone()) && test(right.clone(), left.clone()),
            "{left} and {right}"
        );
    }
    let others = [
        (json!(1), json!("1")),
        (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0)),
        (json!(u64::MAX), json!(18_446_744_073_709_551_616.0)),
        (json!(u64::MAX), json!(-1)),
        (json!(0.5), json!(0)),
        (json!([1]), json!([1, 1])),
    ];
    for (left, right) in others {
        assert!(
            !test(left.clone(), right.clone()) && !test(right.clone(), left.clone()),
            "{left} and {right}"
        );
    }
}

#[test]
fn copies_cannot_nest_a_document_without_bound() {
    let deep = format!("/extensions/a{}", "/0".repeat(60));
    let doubling = json!({ "op": "copy", "from": "/extensions/a", "path": deep });
    let operations: Vec<Value> =
        std::iter::once(json!({ "op": "add", "path": "/extensions/a", "value": nested(60) }))
            .chain(vec![doubling; 8])
            .collect();
    let message = refusal(json!({}), Value::Array(operations));
    assert_eq!(message, "operation 1 would nest the document 122 deep, at most 100 are possible");
    let over = refusal(
        json!({ "a": [0] }),
        json!([{ "op": "replace", "path": "/extensions/a/0", "value": nested(VALUE_DEPTH_MAX - 2) }]),
    );
    assert!(over.contains("at most 100"), "{over}");
}

#[test]
fn a_move_into_the_depth_is_bounded_too() {
    let operations = json!([
        { "op": "add", "path": "/extensions/b", "value": nested(90) },
        { "op": "move", "from": "/extensions/a", "path": format!("/extensions/b{}", "/0".repeat(90)) }
    ]);
    assert!(
        refusal(json!({ "a": nested(60) }), operations)
            .contains("operation 1 would nest the document")
    );
}

#[test]
fn copies_cannot_grow_a_document_without_bound() {
    let doubling: Vec<Value> =
        (0..40).map(|step| json!({ "op": "copy", "from": "/extensions", "path": format!("/extensions/copy{step}") })).collect();
    let message = refusal(json!({ "a": "x".repeat(100_000) }), Value::Array(doubling));
    assert!(
        message.starts_with("with operation 6 the patch would copy ")
            && message.contains("at most 8388608 are possible"),
        "{message}"
    );
}

#[test]
fn many_copies_are_refused_however_small() {
    let copies = vec![json!({ "op": "copy", "from": "/name", "path": "/nickname" }); 1000];
    let message = refusal(json!({}), Value::Array(copies));
    assert!(
        message
            .starts_with("with operation 512 the patch would copy 8404992 bytes, at most 8388608"),
        "{message}"
    );
}

#[test]
fn items_cannot_be_moved_about_in_a_long_list_without_bound() {
    let list = json!(vec![0; 400_000]);
    let rotate = json!({ "op": "move", "from": "/extensions/a/0", "path": "/extensions/a/399999" });
    let began = Instant::now();
    let front = vec![json!({ "op": "add", "path": "/extensions/a/0", "value": 0 }); 1000];
    assert!(
        refusal(json!({ "a": list.clone() }), Value::Array(front))
            .contains("items of lists, at most 33554432 are possible")
    );
    assert!(
        refusal(json!({ "a": list }), Value::Array(vec![rotate; 1000])).contains("items of lists")
    );
    assert!(
        began.elapsed().as_secs() < 60,
        "bounded work, also on a busy machine and without optimisation"
    );
}

#[test]
fn a_patch_with_too_many_operations_is_refused() {
    let operations =
        |count| Value::Array(vec![json!({ "op": "test", "path": "/name", "value": "Ada" }); count]);
    Patch::json(operations(1_000)).expect("as many as allowed");
    let refused = Patch::json(operations(1_001)).expect_err("refused");
    assert_eq!(refused.errors[0].code, "too_many");
    let unknown =
        Patch::json(json!([{ "op": "x".repeat(1_000_000), "path": "" }])).expect_err("refused");
    assert!(unknown.errors[0].message.len() < 1000, "outside text is repeated in part only");
}

/// Pointers into a document that has, or gets, members of these names.
fn place() -> impl Strategy<Value = String> {
    let step = prop_oneof![Just("/a"), Just("/b"), Just("/0"), Just("/1"), Just("/-"), Just("/~1")];
    let top = prop_oneof![4 => Just("/extensions"), 1 => Just("/tags"), 1 => Just("/name"), 1 => Just("")];
    (top, prop::collection::vec(step, 0..5))
        .prop_map(|(top, steps)| format!("{top}{}", steps.concat()))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(1)),
        Just(json!(1.0)),
        "[a-z]{0,200}".prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 20, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (place(), value()).prop_map(|(path, value)| json!({ "op": "add", "path": path, "value": value })),
        4 => (place(), place()).prop_map(|(from, path)| json!({ "op": "copy", "from": from, "path": path })),
        2 => (place(), place()).prop_map(|(from, path)| json!({ "op": "move", "from": from, "path": path })),
        1 => place().prop_map(|path| json!({ "op": "remove", "path": path })),
        1 => (place(), value()).prop_map(|(path, value)| json!({ "op": "replace", "path": path, "value": value })),
        1 => (place(), value()).prop_map(|(path, value)| json!({ "op": "test", "path": path, "value": value })),
    ]
}

/// Applies random operations one by one, so that most of them do something, and compares each with
/// another implementation.
fn every_patch_is_bounded_and_does_what_another_implementation_does(
    operations: Vec<Value>,
) -> Result<(), TestCaseError> {
    let mut current = document(&json!({ "a": { "b": [1, 2] }, "b": [{ "a": 1 }, "x"] }));
    for operation in operations {
        let patch = Patch::json(json!([operation.clone()])).expect("a patch");
        let ours = patch.apply(&current);
        let mut theirs = current.to_json();
        let parsed: json_patch::Patch =
            serde_json::from_value(json!([operation.clone()])).expect("a patch");
        let applied = json_patch::patch(&mut theirs, &parsed.0).is_ok();
        match ours {
            Ok(document) => {
                // The product compares numbers by value (RFC 6902, section 4.6) and allows moving
                // the whole document onto itself (section 4.4 only forbids a move into itself). The
                // other implementation does neither.
                let is_stricter = operation["op"] == "test"
                    || operation["op"] == "move" && operation["from"] == operation["path"];
                prop_assert!(
                    is_stricter
                        || (applied && Document::from_json(theirs).as_ref() == Ok(&document)),
                    "{}",
                    operation
                );
                current = document;
            }
            Err(PatchError::TestFailed { .. }) => prop_assert!(!applied, "{}", operation),
            Err(PatchError::Invalid(invalid)) => {
                let bounded = invalid.errors.iter().any(|fault| {
                    ["too_deep", "too_much", "too_long", "bad_patch"].contains(&fault.code)
                });
                prop_assert!(
                    bounded || !applied || Document::from_json(theirs).is_err(),
                    "{}: {}",
                    operation,
                    invalid
                );
            }
        }
        prop_assert!(current.text().len() < 16 << 20);
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_patches_stay_within_bounds(operations in prop::collection::vec(operation(), 1..30)) {
        every_patch_is_bounded_and_does_what_another_implementation_does(operations)?;
    }

    #[test]
    fn random_chains_of_operations_end(operations in prop::collection::vec(operation(), 1..60)) {
        let patch = Patch::json(Value::Array(operations)).expect("a patch");
        if let Ok(document) = patch.apply(&document(&json!({ "a": { "a": [1] }, "b": [[0], [1]] }))) {
            prop_assert_eq!(Document::from_stored(document.text()), Ok(document));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200_000))]

    #[test]
    #[ignore = "long: run by ./test --long"]
    fn random_patches_stay_within_bounds_long(operations in prop::collection::vec(operation(), 1..60)) {
        every_patch_is_bounded_and_does_what_another_implementation_does(operations)?;
    }
}

#[test]
fn what_is_no_patch_is_told_all_at_once_in_our_own_words() {
    let told = |patch: Value| -> Vec<String> {
        let invalid = Patch::json(patch).expect_err("refused");
        invalid
            .errors
            .into_iter()
            .map(|fault| format!("{}: {}", fault.pointer, fault.message))
            .collect()
    };
    assert_eq!(told(json!({})), [": a JSON Patch must be a list of operations"]);
    let known = "add, remove, replace, move, copy, test";
    assert_eq!(
        told(json!([
            1,
            { "path": "/a" },
            { "op": "ad", "path": "a" },
            { "op": 7 },
            { "op": "add", "path": "/a~2" },
            { "op": "move", "path": "", "from": 1 },
            { "op": "remove", "path": "/name" },
        ])),
        [
            "/0: an operation must be an object with op and path".to_owned(),
            format!("/1: op is missing; it must be one of {known}"),
            format!("/2/op: must be one of {known}; did you mean add?"),
            "/2/path: must be a JSON Pointer, which is empty or begins with /, is \"a\"".into(),
            format!("/3/op: must be one of {known}"),
            "/3: path is missing".into(),
            "/4/path: must be a JSON Pointer, in which ~ is written ~0, is \"/a~2\"".into(),
            "/4: value is missing".into(),
            "/5/from: must be a string that holds a JSON Pointer".into(),
        ]
    );
    let many: Vec<Value> = (0..150).map(|_| json!(1)).collect();
    let invalid = Patch::json(json!(many)).expect_err("refused");
    assert_eq!((invalid.errors.len(), invalid.more), (100, 50));
}

proptest! {
    /// The library reads exactly the patches that the check of the form accepts, so no client ever
    /// gets the library's own message.
    #[test]
    fn the_library_and_the_form_agree(
        op in prop::sample::select(vec![json!("add"), json!("remove"), json!("copy"), json!("test"), json!("x"), json!(null)]),
        path in prop::sample::select(vec![json!("/a"), json!(""), json!("a"), json!("/~"), json!("/~01"), json!(3)]),
        member in prop::sample::select(vec!["from", "value", "other"]),
        value in prop::sample::select(vec![json!("/b"), json!("b"), json!(null)]),
    ) {
        let patch = json!([{ "op": op, "path": path, member: value }]);
        let library = serde_json::from_value::<json_patch::Patch>(patch.clone());
        prop_assert_eq!(Patch::json(patch.clone()).is_ok(), library.is_ok(), "{}: {:?}", patch, library.err());
    }
}
