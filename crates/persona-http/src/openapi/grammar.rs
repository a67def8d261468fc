//! The grammar of headers, queries and lines of text, as regular expressions (ECMA 262, without
//! look-around, so that every reader of JSON Schema can use them).
//!
//! The server accepts everything that these expressions match, and little else: a value that
//! matches is never refused for its form.

use persona_model::{HANDLE_CHARS_MAX, HANDLE_SEGMENTS_MAX, LABEL_CHARS_MAX, OWNER_CHARS_MAX};
use persona_storage::TOKEN_NAME_CHARS_MAX;
use serde_json::{Value, json};

use crate::contract::labels::LABEL_PATTERN;
use crate::contract::tokens::TOKEN_NAME_PATTERN;

/// Entity tags, or `*` (RFC 9110, section 13.1.1).
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
/// A date of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE: &str =
    "^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$";
/// An idempotency key: visible ASCII, bare or as a string of RFC 8941 in quotes.
const IDEMPOTENCY_KEY: &str = r#"^([!#-~][!-~]*|"([!#-\[\]-~]|\\["\\])+")$"#;
/// A line that is not blank, without control characters.
const AUTHOR: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// An RFC 3339 time, or a position in the changes of a database.
const SINCE: &str = r"^([0-9]+-[0-9a-f]{16}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))$";
/// A cursor of a list: fingerprint, identity and sort value in hexadecimal; for a list of changes
/// also a position.
const CURSOR: &str = r"^([0-9a-f]{2}){24,}(\.[0-9]+-[0-9a-f]{16})?$";
/// The number of a line of the feed, with or without the proof of its content.
const PLACE: &str = "^[0-9]+(-[0-9a-f]{16})?$";
/// The hyphenated form of a UUID, in either case.
const ID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";

/// One word of a handle.
const HANDLE_WORD: &str = "[a-z0-9-]+";

/// A letter or digit, then also the signs of identities of other systems.
const OWNER: &str = "[0-9A-Za-z][0-9A-Za-z._:@|/+-]*";

/// No control characters.
pub(super) const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// No control characters, and not blank.
pub(super) const NAME: &str = AUTHOR;
/// A JSON Pointer (RFC 6901).
pub(super) const POINTER: &str = "^(/([^/~]|~[01])*)*$";

/// The value of a condition header: entity tags, or `*`.
pub(super) fn entity_tags() -> Value {
    json!({ "type": "string", "minLength": 1, "pattern": ENTITY_TAGS })
}

/// The value of `If-None-Match` on a write: `*`.
pub(super) fn any_tag() -> Value {
    json!({ "type": "string", "enum": ["*"] })
}

/// A date of HTTP, in the form that clients have to send (RFC 9110, section 5.6.7).
pub(super) fn date() -> Value {
    json!({ "type": "string", "pattern": DATE })
}

/// An idempotency key of at most so many characters.
pub(super) fn idempotency_key(chars_max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": chars_max, "pattern": IDEMPOTENCY_KEY })
}

/// The author of a change, or a note.
pub(super) fn line(chars_max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": chars_max, "pattern": AUTHOR })
}

/// The time or position since which changes are wanted.
pub(super) fn since() -> Value {
    json!({ "type": "string", "pattern": SINCE })
}

/// A place in the feed.
pub(super) fn place() -> Value {
    json!({ "type": "string", "pattern": PLACE })
}

/// Where a page starts.
pub(super) fn cursor() -> Value {
    json!({ "type": "string", "minLength": 48, "pattern": CURSOR })
}

/// Where a page of counts starts.
pub(super) fn count_cursor() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": OWNER_CHARS_MAX + 1, "pattern": "^~[!-~]*$" })
}

/// The word of a label.
pub(super) fn label() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": LABEL_CHARS_MAX, "pattern": LABEL_PATTERN })
}

/// The name of a token; an id has this form too.
pub(super) fn token_name() -> Value {
    json!({ "type": "string", "maxLength": TOKEN_NAME_CHARS_MAX, "pattern": TOKEN_NAME_PATTERN })
}

/// Where a page of revisions starts.
pub(super) fn revision_cursor() -> Value {
    json!({ "type": "string", "pattern": "^[1-9][0-9]{0,17}$" })
}

/// The name of an owner.
pub(super) fn owner() -> Value {
    json!({ "type": "string", "maxLength": OWNER_CHARS_MAX, "pattern": format!("^{OWNER}$") })
}

/// The name of an owner, or an empty text for personas without an owner.
pub(super) fn owner_or_none() -> Value {
    json!({ "type": "string", "maxLength": OWNER_CHARS_MAX, "pattern": format!("^({OWNER})?$") })
}

/// The handle of a persona.
pub(super) fn handle() -> Value {
    let pattern = format!("^{HANDLE_WORD}(/{HANDLE_WORD}){{0,{}}}$", HANDLE_SEGMENTS_MAX - 1);
    json!({ "type": "string", "maxLength": HANDLE_CHARS_MAX, "pattern": pattern })
}

/// What handles begin with.
pub(super) fn handle_prefix() -> Value {
    let pattern = format!("^{HANDLE_WORD}(/{HANDLE_WORD}){{0,{}}}/?$", HANDLE_SEGMENTS_MAX - 2);
    json!({ "type": "string", "maxLength": HANDLE_CHARS_MAX - 1, "pattern": pattern })
}

/// What names a persona in a path: its identity, or its handle.
pub(super) fn reference() -> Value {
    let handle = format!("@{HANDLE_WORD}(/{HANDLE_WORD}){{0,{}}}", HANDLE_SEGMENTS_MAX - 1);
    let id = ID.trim_start_matches('^').trim_end_matches('$');
    json!({ "type": "string", "maxLength": HANDLE_CHARS_MAX + 1, "pattern": format!("^({id}|{handle})$") })
}
