//! Canonical JSON and the content hash.

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The canonical text of a JSON value (RFC 8785): sorted members, ECMAScript numbers, no blanks.
///
/// Numbers are written as IEEE 754 doubles, as the RFC demands; the stored document keeps larger integers exactly.
pub fn canonical_json(value: &Value) -> String {
    let mut text = Vec::new();
    write_value(&mut text, value);
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Written by hand because every write of a persona does it, and a general serializer has to build each member before it
/// can sort them. Numbers are left to it: theirs is the difficult form.
fn write_value(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(members) => write_object(text, members),
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(text, index);
                write_value(text, item);
            }
            text.push(b']');
        }
        Value::Number(_) => serde_json_canonicalizer::to_writer(value, text).expect("a finite number has a canonical form"),
        // The shortest escapes, and only where there must be one: the RFC wants exactly what this writer does.
        Value::String(_) | Value::Bool(_) | Value::Null => serde_json::to_writer(text, value).expect("a vector takes everything"),
    }
}

fn write_object(text: &mut Vec<u8>, members: &Map<String, Value>) {
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    members.sort_by(|left, right| left.0.encode_utf16().cmp(right.0.encode_utf16()));
    text.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        separate(text, index);
        serde_json::to_writer(&mut *text, name).expect("a vector takes everything");
        text.push(b':');
        write_value(text, value);
    }
    text.push(b'}');
}

fn separate(text: &mut Vec<u8>, index: usize) {
    if index > 0 {
        text.push(b',');
    }
}

/// SHA-256 of the canonical JSON of a document.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes the canonical form of a value.
    pub fn of(value: &Value) -> Self {
        Self(Sha256::digest(canonical_json(value).as_bytes()).into())
    }

    /// Hashes the canonical form of an object with these members.
    pub(crate) fn of_members(members: &Map<String, Value>) -> Self {
        let mut text = Vec::new();
        write_object(&mut text, members);
        Self(Sha256::digest(&text).into())
    }

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ContentHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{ContentHash, canonical_json};

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            // Names around the code points whose order is another one in UTF-16.
            let name = "[\\x00-\\x7f\u{e000}-\u{ffff}\u{10000}-\u{10010}]{0,3}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..8).prop_map(|members| Value::Object(members.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_text_is_that_of_an_independent_writer(value in any_json()) {
            prop_assert_eq!(canonical_json(&value), serde_json_canonicalizer::to_string(&value).expect("finite numbers"));
        }
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2_is_reproduced() {
        let value = json!({
            "numbers": [333_333_333.333_333_3_f64, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
            "string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
            "literals": [null, true, false]
        });
        assert_eq!(
            canonical_json(&value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn the_hash_prints_as_hexadecimal() {
        let hash = ContentHash::of(&json!({}));
        assert_eq!(hash.to_string(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }
}
