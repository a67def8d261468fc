//! A reference implementation of RFC 6902 and RFC 7396, without any code of the product.
//!
//! The bounds of the product are checked for each operation: how deep it nests, and how many bytes
//! all operations so far copied.

use persona_model::{PATCH_COPIED_BYTES_MAX, PATCH_COPY_BYTES_MIN, VALUE_DEPTH_MAX};
use serde_json::{Map, Number, Value};

/// Why an operation is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Missing,
    Test,
    TooDeep,
    Copied,
}

/// The steps of a JSON Pointer (RFC 6901, sections 3 and 4); `None` for what is no pointer.
pub fn steps(pointer: &str) -> Option<Steps> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let unescaped = |step: &str| {
        let is_escaped = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        is_escaped.then(|| step.replace("~1", "/").replace("~0", "~"))
    };
    pointer.strip_prefix('/')?.split('/').map(unescaped).collect()
}

/// The steps of a pointer.
type Steps = Vec<String>;

/// Name, path, source and value of an operation; `None` when it is no operation.
pub fn parsed(operation: &Value) -> Option<(&str, Steps, Option<Steps>, Option<&Value>)> {
    let name = operation.get("op")?.as_str()?;
    let path = steps(operation.get("path")?.as_str()?)?;
    let (from, value) =
        (operation.get("from").and_then(Value::as_str).and_then(steps), operation.get("value"));
    let is_whole = match name {
        "add" | "replace" | "test" => value.is_some(),
        "copy" | "move" => from.is_some(),
        name => name == "remove",
    };
    is_whole.then_some((name, path, from, value))
}

/// Applies one operation.
pub fn apply(document: &mut Value, operation: &Value, copied: &mut usize) -> Result<(), Refused> {
    let (name, path, from, value) = parsed(operation).expect("an operation");
    let fits = |value: &Value| {
        if path.len() + depth(value) > VALUE_DEPTH_MAX { Err(Refused::TooDeep) } else { Ok(()) }
    };
    let mut count = |value: &Value| {
        *copied += about_bytes(value).max(PATCH_COPY_BYTES_MIN);
        if *copied > PATCH_COPIED_BYTES_MAX { Err(Refused::Copied) } else { Ok(()) }
    };
    match (name, value, from) {
        ("add", Some(value), _) => fits(value).and_then(|()| add(document, &path, value.clone())),
        ("replace", Some(value), _) => {
            fits(value)?;
            *at(document, &path)? = value.clone();
            Ok(())
        }
        ("remove", ..) => remove(document, &path).map(drop),
        ("test", Some(value), _) => match at(document, &path) {
            Ok(found) if is_same(found, value) => Ok(()),
            _ => Err(Refused::Test),
        },
        ("copy", _, Some(from)) => {
            let value = at(document, &from)?.clone();
            count(&value)?;
            fits(&value)?;
            add(document, &path, value)
        }
        (_, _, Some(from)) => {
            let value = at(document, &from)?.clone();
            if path.starts_with(&from) {
                return if path == from { Ok(()) } else { Err(Refused::Missing) };
            }
            if path.len() > from.len() {
                count(&value)?;
                fits(&value)?;
            }
            remove(document, &from)?;
            add(document, &path, value)
        }
        _ => unreachable!("every operation was parsed"),
    }
}

/// Applies a merge patch (RFC 7396, section 2).
pub fn merge(target: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let mut target = if let Value::Object(members) = target { members } else { Map::new() };
    for (name, change) in changes {
        let old = target.remove(name);
        if !change.is_null() {
            target.insert(name.clone(), merge(old.unwrap_or(Value::Null), change));
        }
    }
    Value::Object(target)
}

/// Nesting of a value: 0 for a scalar.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0) + 1,
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0) + 1,
        _ => 0,
    }
}

fn at<'a>(document: &'a mut Value, path: &[String]) -> Result<&'a mut Value, Refused> {
    let [first, rest @ ..] = path else { return Ok(document) };
    let inner = match document {
        Value::Object(members) => members.get_mut(first),
        Value::Array(items) => number(first).and_then(|index| items.get_mut(index)),
        _ => None,
    };
    at(inner.ok_or(Refused::Missing)?, rest)
}

fn add(document: &mut Value, path: &[String], value: Value) -> Result<(), Refused> {
    let [parents @ .., last] = path else {
        *document = value;
        return Ok(());
    };
    match at(document, parents)? {
        Value::Object(members) => {
            members.insert(last.clone(), value);
        }
        Value::Array(items) => {
            let index =
                if last == "-" { items.len() } else { number(last).ok_or(Refused::Missing)? };
            if index > items.len() {
                return Err(Refused::Missing);
            }
            let behind = items.split_off(index);
            items.extend(std::iter::once(value).chain(behind));
        }
        _ => return Err(Refused::Missing),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &[String]) -> Result<Value, Refused> {
    let [parents @ .., last] = path else { return Err(Refused::Missing) };
    let removed = match at(document, parents)? {
        Value::Object(members) => members.remove(last),
        Value::Array(items) => {
            number(last).filter(|index| *index < items.len()).map(|index| items.remove(index))
        }
        _ => None,
    };
    removed.ok_or(Refused::Missing)
}

/// A list index (RFC 6901, section 4): `0`, or digits of which the first is not 0.
fn number(step: &str) -> Option<usize> {
    step.parse::<usize>().ok().filter(|number| number.to_string() == step)
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => digits(left) == digits(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(one, two)| is_same(one, two))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.keys().eq(right.keys())
                && left.values().zip(right.values()).all(|(one, two)| is_same(one, two))
        }
        _ => left == right,
    }
}

/// All digits of a number, the same for 1 and 1.0, and for 0 and -0.0.
fn digits(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(0.0) => "0".into(),
        Some(whole) if whole.fract() == 0.0 => format!("{whole:.0}"),
        Some(double) => double.to_string(),
        None => number.to_string(),
    }
}

/// The bytes that the product counts for a copy of a value: about its length as JSON.
fn about_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| about_bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + about_bytes(value) + 4).sum::<usize>()
                + 2
        }
    }
}
