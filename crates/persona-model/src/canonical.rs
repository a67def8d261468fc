//! Canonical JSON and the content hash.

use std::fmt::{self, Write as _};

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::field::OWNER;

/// The canonical text of a JSON value (RFC 8785): sorted members, ECMAScript numbers, no blanks.
///
/// Numbers are written as IEEE 754 doubles, as the RFC demands; the stored document keeps larger
/// integers exactly.
pub fn canonical_json(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value)
        .expect("a JSON value without non-finite numbers has a canonical form")
}

/// The text that a content hash is made of: [`canonical_json`] with whole numbers in all their
/// digits.
///
/// RFC 8785 rounds whole numbers beyond 2^53, so that documents with different numbers can have the
/// same canonical text. In this text whole numbers of 64 bits keep every digit, and a double with
/// the value of such an integer is written like it. Two numbers have the same text exactly when
/// they have the same value: 1, 1.0 and 1e0 do, 9007199254740992 and 9007199254740993 do not.
fn exact_json<'a>(members: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Vec<u8> {
    let mut text = Vec::new();
    write_object(&mut text, members);
    text
}

/// The members of a document that are hashed. The member `owner` counts only where the persona has
/// an owner, so a document without one keeps the hash that it had before there were owners.
fn hashed(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    members.iter().filter(|(name, value)| *name != OWNER || !value.is_null())
}

fn write_object<'a>(
    text: &mut Vec<u8>,
    members: impl IntoIterator<Item = (&'a String, &'a Value)>,
) {
    let mut members: Vec<(&String, &Value)> = members.into_iter().collect();
    // Members are sorted by UTF-16 code units (RFC 8785 section 3.2.3), which is not the order of
    // their bytes in UTF-8.
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    text.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        separate(text, index);
        write_string(text, name);
        text.push(b':');
        write_value(text, value);
    }
    text.push(b'}');
}

fn write_value(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(value) => text.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Number(number) => text.extend_from_slice(number_text(number).as_bytes()),
        Value::String(value) => write_string(text, value),
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(text, index);
                write_value(text, item);
            }
            text.push(b']');
        }
        Value::Object(members) => write_object(text, members),
    }
}

fn separate(text: &mut Vec<u8>, index: usize) {
    if index > 0 {
        text.push(b',');
    }
}

/// Writes a JSON string. serde_json escapes exactly what RFC 8785 section 3.2.2.2 demands.
fn write_string(text: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(text, value).expect("a vector takes everything");
}

/// The text of a number: all digits of a whole number that 64 bits can hold, and RFC 8785's text
/// for any other. A double from -2^63 up to but not including 2^64 can have the value of an integer
/// of 64 bits; RFC 8785 writes larger doubles in digits that no such integer has.
#[expect(clippy::cast_possible_truncation, reason = "whole, and within the range of the integers")]
fn number_text(number: &Number) -> String {
    const WHOLE_BELOW: f64 = 18_446_744_073_709_551_616.0;
    const WHOLE_FROM: f64 = -9_223_372_036_854_775_808.0;
    match number.as_f64().filter(|_| number.is_f64()) {
        None => number.to_string(),
        Some(double) if double.fract() == 0.0 && (WHOLE_FROM..WHOLE_BELOW).contains(&double) => {
            (double as i128).to_string()
        }
        Some(_) => {
            serde_json_canonicalizer::to_string(number).expect("a number of a JSON value is finite")
        }
    }
}

/// SHA-256 of the canonical JSON of a document, with whole numbers in all their digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes the canonical form of an object with these members.
    pub fn of_members(members: &Map<String, Value>) -> Self {
        Self(Sha256::digest(exact_json(hashed(members))).into())
    }

    /// Hashes the members with all numbers as doubles, as RFC 8785 has them: whole numbers beyond
    /// 2^53 are rounded. Personas that were written before schema version 6 have this hash.
    pub(crate) fn of_rounded_members(members: &Map<String, Value>) -> Self {
        let members: serde_json::Map<_, _> =
            hashed(members).map(|(name, value)| (name.clone(), value.clone())).collect();
        let text = serde_json_canonicalizer::to_vec(&members)
            .expect("no number of a JSON object is not finite");
        Self(Sha256::digest(text).into())
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
        self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).try_for_each(|digit| {
            out.write_char(char::from_digit(digit.into(), 16).unwrap_or_default())
        })
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
    use serde_json::{Map, Number, Value, json};

    use super::{ContentHash, canonical_json, exact_json, number_text};

    fn exact(value: Value) -> String {
        let members = Map::from_iter([("v".to_owned(), value)]);
        let text = String::from_utf8(exact_json(&members)).expect("UTF-8");
        text["{\"v\":".len()..text.len() - 1].to_owned()
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2_is_reproduced() {
        let value = json!({
            "numbers": [333_333_333.333_333_3_f64, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
            "string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
            "literals": [null, true, false]
        });
        let wanted = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical_json(&value), wanted);
        assert_eq!(exact(value), wanted);
    }

    #[test]
    fn members_are_in_the_order_of_rfc_8785_section_3_2_3() {
        let value = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        let wanted = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical_json(&value), wanted);
        assert_eq!(exact(value), wanted);
    }

    #[test]
    fn the_hash_prints_as_hexadecimal() {
        let hash = ContentHash::of_members(&Map::new());
        assert_eq!(
            hash.to_string(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn whole_numbers_of_64_bits_keep_their_digits_whatever_their_type_is() {
        let cases = [
            (json!(9_007_199_254_740_993_u64), "9007199254740993"),
            (json!(-9_007_199_254_740_993_i64), "-9007199254740993"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
            // RFC 8785 would write this double with the digits of another integer.
            (json!(9_223_372_036_854_775_808.0), "9223372036854775808"),
            (json!(18_446_744_073_709_549_568.0), "18446744073709549568"),
            (json!(-9_223_372_036_854_775_808.0), "-9223372036854775808"),
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            // A double outside the range of 64-bit integers is written as RFC 8785 demands.
            (json!(18_446_744_073_709_551_616.0), "18446744073709552000"),
            (json!(-9_223_372_036_854_777_856.0), "-9223372036854778000"),
            (json!(1e21), "1e+21"),
            (json!(0.1), "0.1"),
        ];
        for (value, wanted) in cases {
            assert_eq!(exact(value.clone()), wanted, "{value}");
        }
    }

    /// Integers and doubles that lie close together beyond 2^53, and arbitrary numbers.
    fn number() -> impl Strategy<Value = Number> {
        let near =
            prop_oneof![Just(1_u64 << 53), Just(1 << 62), Just(1 << 63), Just(u64::MAX - 4096)];
        let near = (near, 0..4096_u64).prop_map(|(power, more)| power + more);
        let double = |value: f64| Number::from_f64(value).expect("finite");
        #[expect(
            clippy::cast_precision_loss,
            reason = "a double near the integer is what is wanted"
        )]
        let doubles = near.clone().prop_map(move |value| double(value as f64));
        prop_oneof![
            near.prop_map(Number::from),
            doubles,
            any::<i64>().prop_map(Number::from),
            (-3..3_i64).prop_map(Number::from),
            (-3..3_i32).prop_map(move |value| double(f64::from(value))),
            any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(double),
        ]
    }

    /// Whether two numbers have the same value, by arithmetic instead of by their texts.
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within the range")]
    fn are_equal(one: &Number, other: &Number) -> bool {
        match (one.as_i128(), other.as_i128(), one.as_f64(), other.as_f64()) {
            (Some(one), Some(other), ..) => one == other,
            (Some(whole), None, _, Some(double)) | (None, Some(whole), Some(double), _) => {
                double.fract() == 0.0 && double.abs() < 1e30 && double as i128 == whole
            }
            (_, _, one, other) => one == other,
        }
    }

    proptest! {
        #[test]
        fn numbers_have_the_same_text_exactly_when_they_have_the_same_value(one in number(), other in number()) {
            prop_assert_eq!(number_text(&one) == number_text(&other), are_equal(&one, &other), "{} and {}", one, other);
            prop_assert_eq!(number_text(&one), number_text(&one.clone()));
        }

        #[test]
        fn without_wide_numbers_it_is_rfc_8785(names in prop::collection::vec("\\PC{0,3}|[\"\\\\\u{0}-\u{1f}]", 0..6), double in -1e15..1e15_f64, whole in any::<i32>()) {
            let mut value = json!([double, whole, names, null, true, {}]);
            for name in &names {
                value = json!({ name.clone(): value, "b": name, "\u{fb33}": [[]], "\u{1f600}": whole });
            }
            prop_assert_eq!(exact(value.clone()), canonical_json(&value));
        }
    }
}
