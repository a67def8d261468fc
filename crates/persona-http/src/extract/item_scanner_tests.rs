//! Bodies of every kind, divided in every way: the scanner finds the items that a reader of the
//! whole text finds, and says where a text is no batch.

use persona_model::read_strictly;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BATCH_ITEMS_MAX, ITEM_BYTES_MAX, ItemScanner, RawItem};
use crate::problem::{Code, Problem};

/// The items of a body that comes in pieces of these sizes, repeated in turn.
fn scan(body: &[u8], sizes: &[usize]) -> (Vec<RawItem>, Result<(), Problem>) {
    let (mut scanner, mut items, mut rest) = (ItemScanner::default(), Vec::new(), body);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        if let Err(problem) = scanner.push(piece, &mut items) {
            return (items, Err(problem));
        }
        rest = behind;
    }
    (items, scanner.finish())
}

/// Of a body that is no batch: how many items were found before the error, the code, and the place
/// or message.
fn refusal(body: &str) -> (usize, Code, String) {
    let (items, ended) = scan(body.as_bytes(), &[3, 1]);
    let problem = ended.expect_err("refused");
    (items.len(), problem.code(), problem.detail().to_owned())
}

#[test]
fn what_is_no_batch_is_told_with_its_place_and_the_items_before_stay() {
    let many = format!("{{\"items\":[{}]}}", vec!["1"; BATCH_ITEMS_MAX + 1].join(","));
    let (json, rule) = (Code::MalformedJson, Code::Invalid);
    let cases = [
        ("", 0, json, "the body is empty; a JSON document is expected"),
        (" \n", 0, json, "the body is empty; a JSON document is expected"),
        (
            "\u{feff}{}",
            0,
            json,
            "line 1, column 1: the body starts with a byte order mark; send UTF-8 without one",
        ),
        ("x", 0, json, "line 1, column 1: expected value"),
        ("[]", 0, rule, "document: must be an object with items"),
        ("{", 0, json, "line 1, column 2: the text ends before the batch does"),
        ("{}", 0, rule, "/items: must be a list of changes"),
        ("{\"items\":{}}", 0, rule, "/items: must be a list of changes"),
        ("{\"items\":null}", 0, rule, "/items: must be a list of changes"),
        ("{\"items\":[]}", 0, rule, "/items: must have 1 to 1000 items, has 0"),
        ("{\"items\" 7", 0, json, "line 1, column 10: expected `:`"),
        ("{items:[]}", 0, json, "line 1, column 2: key must be a string"),
        (
            "{\"a~/b\":[]}",
            0,
            rule,
            "/a~0~1b: \"a~/b\" is no member of a batch, which has items only",
        ),
        ("{\"items\":[1,\n 2 3]}", 2, json, "line 2, column 4: expected `,` or `]`"),
        ("{\"items\":[1,]}", 1, json, "line 1, column 13: expected value"),
        ("{\"items\":[1],}", 1, json, "line 1, column 14: key must be a string"),
        ("{\"items\":[1]]", 1, json, "line 1, column 13: expected `,` or `}`"),
        (
            "{\"items\":[1],\"items\":[2]}",
            1,
            json,
            "line 1, column 14 (at /items): the member \"items\" is there twice",
        ),
        (
            "{\"items\":[1],\"atomic\":true}",
            1,
            rule,
            "/atomic: \"atomic\" is no member of a batch, which has items only",
        ),
        ("{\"items\":[1]} {", 1, json, "line 1, column 15: trailing characters"),
        (
            "{\"items\":[{\"a\":1},{\"b\":",
            1,
            json,
            "line 1, column 24: the text ends before the batch does",
        ),
        (many.as_str(), BATCH_ITEMS_MAX, rule, "/items: must have 1 to 1000 items, has more"),
    ];
    for (body, items, code, detail) in cases {
        assert_eq!(refusal(body), (items, code, detail.to_owned()), "{body:.80}");
    }
}

#[test]
fn an_item_that_is_too_large_is_passed_and_not_kept() {
    let large = format!("\"{}\"", "x".repeat(ITEM_BYTES_MAX));
    let body = format!("{{\"items\":[1,{large},{{\"a\":\"]\"}}]}}");
    let (items, ended) = scan(body.as_bytes(), &[70_000]);
    ended.expect("a batch");
    let found: Vec<_> = items.iter().map(|item| (item.bytes, item.text.as_deref())).collect();
    let last = "{\"a\":\"]\"}".as_bytes();
    assert_eq!(found, [(1, Some(&b"1"[..])), (large.len(), None), (last.len(), Some(last))]);
}

fn any_item() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a\"\\\\\\]\\[{},: é\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a\"\\\\}]{0,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

proptest! {
    #[test]
    fn a_batch_has_the_same_items_however_it_is_divided(
        values in prop::collection::vec(any_item(), 1..8),
        sizes in prop::collection::vec(1usize..9, 1..4),
        is_pretty in any::<bool>(),
    ) {
        let batch = json!({ "items": values });
        let text = if is_pretty {
            serde_json::to_string_pretty(&batch).expect("JSON")
        } else {
            batch.to_string()
        };
        let (items, ended) = scan(text.as_bytes(), &sizes);
        prop_assert!(ended.is_ok());
        let mut found = Vec::new();
        for item in &items {
            let bytes = item.text.as_deref().expect("small");
            found.push(read_strictly(bytes).expect("JSON"));
            // The place is where the item stands in the text.
            let line = text.lines().nth(item.at.0 - 1).expect("a line").as_bytes();
            prop_assert_eq!(line[item.at.1 - 1], bytes[0]);
        }
        prop_assert_eq!(found, values);
    }

    #[test]
    fn what_the_strict_reader_refuses_is_never_taken_for_a_batch(
        mut text in "\\{ ?\"items\" ?: ?\\[[\\[\\]{}:,\"\\\\0-9eE.+tn -]{0,30}\\] ?\\}",
        sizes in prop::collection::vec(1usize..9, 1..4),
    ) {
        text.push_str("  ");
        let (items, ended) = scan(text.as_bytes(), &sizes);
        let are_json = items.iter().all(|item| {
            read_strictly(item.text.as_deref().expect("small")).is_ok()
        });
        let whole = read_strictly(text.as_bytes());
        let is_batch = whole.is_ok_and(|whole| {
            let members = whole.as_object().expect("an object");
            members.len() == 1 && members["items"].as_array().is_some_and(|list| !list.is_empty())
        });
        prop_assert_eq!(ended.is_ok() && are_json, is_batch, "{}", text);
    }
}
