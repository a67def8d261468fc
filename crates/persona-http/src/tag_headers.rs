//! Entity tags as answers have them (RFC 9110, section 8.8.3).
//!
//! The tag of a persona is strong and follows from its state alone, so every worker and every
//! backend agree on it: revision 7 has a tag such as `"7-9f3c21aa"`. To clients it is opaque (ADR
//! 0032).

use std::io::Write;

use http::HeaderValue;
use persona_model::EntityTag;

/// Bytes of the longest entity tag: 20 digits of a revision, a hyphen, 8 digits of a checksum, and
/// the quotes.
const TAG_BYTES_MAX: usize = 31;

/// The entity tag as a header value. It is made with one allocation, because every read does it.
pub(crate) fn of(tag: EntityTag) -> HeaderValue {
    let mut text = [0; TAG_BYTES_MAX];
    let mut rest = &mut text[..];
    write!(rest, "\"{tag}\"").expect("the longest tag fits");
    let unused = rest.len();
    HeaderValue::from_bytes(&text[..TAG_BYTES_MAX - unused])
        .expect("digits and a hyphen in quotes are visible ASCII")
}

/// A tag of another kind as the header has it: one over the state of a label.
pub(crate) fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).expect("a tag is visible ASCII")
}
