//! The JSON Patch (RFC 6902) that turns one value into another.

use serde_json::{Map, Value, json};

use super::items::{self, ItemDiff};
use crate::merge::Parts;
use crate::pointer_step;

/// The place of a value in both documents: a JSON Pointer into each.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub from: String,
    pub to: String,
}

impl Place {
    /// A value that is at the same place in both.
    pub(super) fn of(pointer: String) -> Self {
        Self { from: pointer.clone(), to: pointer }
    }

    /// The place of a part that has these names on both sides.
    pub(super) fn part(&self, from: impl std::fmt::Display, to: impl std::fmt::Display) -> Self {
        Self { from: format!("{}/{from}", self.from), to: format!("{}/{to}", self.to) }
    }
}

/// What is found on the way, besides the patch.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// Texts that both documents have, and that differ.
    pub texts: Vec<(Place, &'a str, &'a str)>,
    /// Items of lists that are not as they were.
    pub items: Vec<ItemDiff>,
}

/// The operations of the patch, in the order in which they must be applied. The items of a list
/// that is merged by its items are known by their identities. Any other list is matched from both
/// of its ends, and what is left in the middle item by item.
pub(super) fn operations<'a>(
    place: &Place,
    parts: Parts,
    from: &'a Value,
    to: &'a Value,
    found: &mut Found<'a>,
) -> Vec<Value> {
    match (from, to) {
        _ if from == to => Vec::new(),
        (Value::Object(before), Value::Object(after)) => {
            let of = match parts {
                Parts::Members(of) => of,
                _ => |_: &str| Parts::None,
            };
            of_objects(place, of, before, after, found)
        }
        (Value::Array(before), Value::Array(after)) => match parts {
            Parts::Items(kind) if items::are_comparable(before, after) => {
                items::operations(place, kind, before, to, found)
            }
            _ => of_lists(place, before, after, found),
        },
        (Value::String(before), Value::String(after)) => {
            found.texts.push((place.clone(), before, after));
            vec![replacement(&place.to, to)]
        }
        _ => vec![replacement(&place.to, to)],
    }
}

/// The operation that replaces the value at a pointer.
pub(super) fn replacement(pointer: &str, value: &Value) -> Value {
    json!({ "op": "replace", "path": pointer, "value": value })
}

fn of_objects<'a>(
    place: &Place,
    parts: fn(&str) -> Parts,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
    found: &mut Found<'a>,
) -> Vec<Value> {
    let part = |key: &str| {
        let name = pointer_step(key);
        place.part(&name, &name)
    };
    let gone = from.keys().filter(|key| !to.contains_key(*key));
    let mut all: Vec<Value> =
        gone.map(|key| json!({ "op": "remove", "path": part(key).to })).collect();
    for (key, after) in to {
        match from.get(key) {
            Some(before) => all.extend(operations(&part(key), parts(key), before, after, found)),
            None => all.push(json!({ "op": "add", "path": part(key).to, "value": after })),
        }
    }
    all
}

fn of_lists<'a>(
    place: &Place,
    from: &'a [Value],
    to: &'a [Value],
    found: &mut Found<'a>,
) -> Vec<Value> {
    let start = from.iter().zip(to).take_while(|(before, after)| before == after).count();
    let (from, to) = (&from[start..], &to[start..]);
    let is_same = |(before, after): &(&Value, &Value)| before == after;
    let end = from.iter().rev().zip(to.iter().rev()).take_while(is_same).count();
    let (from, to) = (&from[..from.len() - end], &to[..to.len() - end]);
    let common = from.len().min(to.len());
    let at = |index: usize| place.part(start + index, start + index);
    let mut all = Vec::new();
    for (index, (before, after)) in from.iter().zip(to).enumerate() {
        all.extend(operations(&at(index), Parts::None, before, after, found));
    }
    for index in (common..from.len()).rev() {
        all.push(json!({ "op": "remove", "path": at(index).to }));
    }
    for (index, after) in to.iter().enumerate().skip(common) {
        all.push(json!({ "op": "add", "path": at(index).to, "value": after }));
    }
    all
}
