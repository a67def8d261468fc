//! Canonical JSON and the content hash.

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The canonical text of a JSON value (RFC 8785): sorted members, ECMAScript numbers, no blanks.
///
/// Numbers are written as IEEE 754 doubles, as the RFC demands; the stored document keeps larger integers exactly.
pub fn canonical_json(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).expect("a JSON value without non-finite numbers has a canonical form")
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
        let text = serde_json_canonicalizer::to_vec(members).expect("no number of a JSON object is not finite");
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
    use serde_json::json;

    use super::{ContentHash, canonical_json};

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
