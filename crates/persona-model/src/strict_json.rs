//! Reading JSON strictly: a text that two readers could understand differently is refused.
//!
//! RFC 8259 leaves duplicate member names open, and most readers silently keep one of them. A store
//! that promises to lose nothing cannot: a duplicate is an error here, at any depth. So are invalid
//! UTF-8 and an integer that does not fit 64 bits and would be rounded.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::{VALUE_DEPTH_MAX, excerpt, excerpt_step};

/// Why a text is not JSON that every reader understands alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MalformedJson {
    /// The place of the error as a JSON Pointer; empty where no member was reached.
    pub pointer: String,
    /// What is wrong, as a sentence fragment.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1 and in bytes.
    pub column: usize,
    /// Whether the only fault is that the text ends too early.
    pub ends_early: bool,
}

impl MalformedJson {
    /// Makes an error at a place: line and column from 1, the column in bytes.
    pub fn new(pointer: &str, message: &str, (line, column): (usize, usize)) -> Self {
        Self { pointer: pointer.into(), message: message.into(), line, column, ends_early: false }
    }

    /// The message and the member, without line and column.
    #[must_use]
    pub fn words(&self) -> String {
        if self.pointer.is_empty() {
            self.message.clone()
        } else {
            format!("{} (at {})", self.message, self.pointer)
        }
    }
}

/// Reads a JSON text: a body, a file, a flag of the command line, a cell of a table.
///
/// # Errors
///
/// [`MalformedJson`]: the text is no JSON, or two readers could understand it differently.
pub fn read_strictly(body: &[u8]) -> Result<Value, MalformedJson> {
    let text = std::str::from_utf8(body).map_err(|error| {
        MalformedJson::new(
            "",
            "the text is not valid UTF-8",
            place_of(&body[..error.valid_up_to()]),
        )
    })?;
    let trail = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let node = Node { trail: &trail, depth: 0 };
    let value = node
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| {
            let pointer: String =
                trail.borrow().iter().rev().flat_map(|step| ["/", step.as_str()]).collect();
            let malformed =
                MalformedJson::new(&pointer, &words_of(&error), (error.line(), error.column()));
            MalformedJson { ends_early: error.is_eof(), ..malformed }
        })?;
    match too_wide_integer(text) {
        None => Ok(value),
        Some(at) => {
            let message =
                "the integer does not fit 64 bits and would lose digits; send it as a string";
            Err(MalformedJson::new("", message, place_of(&body[..at])))
        }
    }
}

/// Where the first integer starts that 64 bits cannot hold, in a text that is known to be JSON.
fn too_wide_integer(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|byte| {
                        matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                    })
                    .count();
                let number = &text[at..at + length];
                if !number.contains(['.', 'e', 'E'])
                    && number.parse::<i64>().is_err()
                    && number.parse::<u64>().is_err()
                {
                    return Some(at);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

/// The message of serde_json without its line and column, which the error has as members.
fn words_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column()))
        .unwrap_or(&text)
        .to_owned()
}

/// The line and column (from 1, in bytes) of the byte behind this text.
fn place_of(before: &[u8]) -> (usize, usize) {
    let mut lines = before.split(|byte| *byte == b'\n');
    (lines.clone().count(), lines.next_back().map_or(0, <[u8]>::len) + 1)
}

/// Reads one value. When it fails, every level adds its step to the trail on the way out, so that a
/// valid body costs no time for pointers.
#[derive(Clone, Copy)]
struct Node<'a> {
    trail: &'a RefCell<Vec<String>>,
    depth: usize,
}

impl Node<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == VALUE_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {VALUE_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn left_through(self, step: impl FnOnce() -> String) {
        self.trail.borrow_mut().push(step());
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let node = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items
            .next_element_seed(node)
            .inspect_err(|_| self.left_through(|| list.len().to_string()))?
        {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let node = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if object.contains_key(&name) {
                let error = A::Error::custom(format_args!(
                    "the member {:?} is there twice",
                    excerpt(&name)
                ));
                self.left_through(|| excerpt_step(&name));
                return Err(error);
            }
            let value = members
                .next_value_seed(node)
                .inspect_err(|_| self.left_through(|| excerpt_step(&name)))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Reads a member name.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<String, D::Error> {
        String::deserialize(reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{VALUE_DEPTH_MAX, read_strictly};

    fn refusal(text: &[u8]) -> String {
        let malformed = read_strictly(text).expect_err("refused");
        format!("line {}, column {}: {}", malformed.line, malformed.column, malformed.words())
    }

    #[test]
    fn every_refusal_says_where_and_why() {
        let cases: [(&[u8], &str); 12] = [
            (b"{\n \"a\": \"\xff\"}", "line 2, column 8: the text is not valid UTF-8"),
            (b"{\"name\": \"Ada\",}", "line 1, column 16: trailing comma"),
            (b"{\"name\": Ada}", "line 1, column 10: expected value (at /name)"),
            (b"{\"name\": \"Ada\"", "line 1, column 14: EOF while parsing an object"),
            (b"{} {}", "line 1, column 4: trailing characters"),
            (b"{\"a\": 1,\n\"a\": 2}", "line 2, column 3: the member \"a\" is there twice (at /a)"),
            (
                b"{\"x/y\": [0, {\"b\": 1, \"b\": 1}]}",
                "line 1, column 24: the member \"b\" is there twice (at /x~1y/1/b)",
            ),
            (b"{\"a\": \"\\ud800\"}", "line 1, column 14: unexpected end of hex escape (at /a)"),
            (
                b"{\"a\": \"\\udc00 \"}",
                "line 1, column 13: lone leading surrogate in hex escape (at /a)",
            ),
            (b"[1e999]", "line 1, column 6: number out of range (at /0)"),
            (
                b"{\"a\": \"\\\"1\",\n\"b\": 18446744073709551616}",
                "line 2, column 6: the integer does not fit 64 bits and would lose digits; send it as a string",
            ),
            (
                b"[-9223372036854775809]",
                "line 1, column 2: the integer does not fit 64 bits and would lose digits; send it as a string",
            ),
        ];
        for (body, words) in cases {
            assert_eq!(refusal(body), words, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_is_bounded_by_the_named_limit() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read_strictly(nested(VALUE_DEPTH_MAX).as_bytes()).is_ok());
        let words = refusal(nested(VALUE_DEPTH_MAX + 1).as_bytes());
        assert!(words.contains("nested deeper than 100 levels"), "{words}");
    }

    #[test]
    fn a_nul_and_the_largest_integers_are_kept() {
        let text = r#"{"a":"\u0000","b":18446744073709551615,"c":-9223372036854775808,"d":"\ud83d\ude00"}"#;
        assert_eq!(
            read_strictly(text.as_bytes()).expect("valid"),
            json!({ "a": "\0", "b": u64::MAX, "c": i64::MIN, "d": "😀" })
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back_equal(value in any_json()) {
            prop_assert_eq!(read_strictly(value.to_string().as_bytes()).expect("valid"), value);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let ours = read_strictly(&body).ok();
            let theirs: Option<Value> = serde_json::from_slice(&body).ok();
            prop_assert!(ours.is_none() || ours == theirs);
        }

        #[test]
        fn json_full_of_quotes_digits_and_escapes_never_makes_the_reader_panic(body in "[\\[\\]{}:,\"\\\\u0-9eE.+-]{0,40}") {
            let ours = read_strictly(body.as_bytes()).ok();
            let theirs: Option<Value> = serde_json::from_str(&body).ok();
            prop_assert!(ours.is_none() || ours == theirs);
        }
    }
}
