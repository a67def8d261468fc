//! The JSON Patch (RFC 6902) that turns one value into another.

use serde_json::{Map, Value, json};

/// Texts that are at the same place in both values, and differ.
#[derive(Default)]
pub(super) struct Pairs<'a>(pub Vec<(String, &'a str, &'a str)>);

/// The operations of the patch, in the order in which they must be applied. Lists are matched from
/// both of their ends, and what is left in the middle item by item.
pub(super) fn operations<'a>(
    pointer: &str,
    from: &'a Value,
    to: &'a Value,
    pairs: &mut Pairs<'a>,
) -> Vec<Value> {
    match (from, to) {
        _ if from == to => Vec::new(),
        (Value::Object(before), Value::Object(after)) => of_objects(pointer, before, after, pairs),
        (Value::Array(before), Value::Array(after)) => of_lists(pointer, before, after, pairs),
        (Value::String(before), Value::String(after)) => {
            pairs.0.push((pointer.to_owned(), before, after));
            vec![replacement(pointer, to)]
        }
        _ => vec![replacement(pointer, to)],
    }
}

/// The operation that replaces the value at a pointer.
pub(super) fn replacement(pointer: &str, value: &Value) -> Value {
    json!({ "op": "replace", "path": pointer, "value": value })
}

fn of_objects<'a>(
    pointer: &str,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
    pairs: &mut Pairs<'a>,
) -> Vec<Value> {
    let place = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    let gone = from.keys().filter(|key| !to.contains_key(*key));
    let mut all: Vec<Value> =
        gone.map(|key| json!({ "op": "remove", "path": place(key) })).collect();
    for (key, after) in to {
        match from.get(key) {
            Some(before) => all.extend(operations(&place(key), before, after, pairs)),
            None => all.push(json!({ "op": "add", "path": place(key), "value": after })),
        }
    }
    all
}

fn of_lists<'a>(
    pointer: &str,
    from: &'a [Value],
    to: &'a [Value],
    pairs: &mut Pairs<'a>,
) -> Vec<Value> {
    let start = from.iter().zip(to).take_while(|(before, after)| before == after).count();
    let (from, to) = (&from[start..], &to[start..]);
    let is_same = |(before, after): &(&Value, &Value)| before == after;
    let end = from.iter().rev().zip(to.iter().rev()).take_while(is_same).count();
    let (from, to) = (&from[..from.len() - end], &to[..to.len() - end]);
    let common = from.len().min(to.len());
    let mut all = Vec::new();
    for (index, (before, after)) in from.iter().zip(to).enumerate() {
        all.extend(operations(&format!("{pointer}/{}", start + index), before, after, pairs));
    }
    for index in (common..from.len()).rev() {
        all.push(json!({ "op": "remove", "path": format!("{pointer}/{}", start + index) }));
    }
    for (index, after) in to.iter().enumerate().skip(common) {
        let path = format!("{pointer}/{}", start + index);
        all.push(json!({ "op": "add", "path": path, "value": after }));
    }
    all
}
