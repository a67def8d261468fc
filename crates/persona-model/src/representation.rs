//! The answer: a persona as JSON text, in the form that clients get and the database keeps ready.
//!
//! It is built once, when a revision is written, and sent as it is ever after: a read parses and
//! formats nothing. Two parts, so that the database need not keep the document twice: the **head**
//! holds the store-managed members as an object, the document is an object of its own, and
//! [`join_representation`] joins them.

use serde_json::{Value, json};

use crate::{Persona, Timestamp};

/// The store-managed members of a persona as a JSON object, in the order in which people look for
/// them.
pub fn metadata_text(persona: &Persona) -> String {
    let labels: serde_json::Map<String, Value> = persona
        .labels
        .iter()
        .map(|(label, revision)| (label.clone(), revision.number().into()))
        .collect();
    object_text([
        ("id", &json!(persona.id.to_string())),
        ("revision", &json!(persona.revision.number())),
        ("created_at", &json!(persona.created_at.to_string())),
        ("updated_at", &json!(persona.updated_at.to_string())),
        ("deleted_at", &json!(persona.deleted_at.map(|time| time.to_string()))),
        ("created_by", &json!(persona.created_by)),
        ("updated_by", &json!(persona.updated_by)),
        ("content_hash", &json!(persona.content_hash.to_string())),
        ("labels", &Value::Object(labels)),
    ])
}

/// A JSON object with these members in this order. The names are plain words that need no escaping.
pub(crate) fn object_text<'a>(members: impl IntoIterator<Item = (&'a str, &'a Value)>) -> String {
    let mut text = vec![b'{'];
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\":");
        serde_json::to_writer(&mut text, value).expect("a vector takes everything");
    }
    text.push(b'}');
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// When the persona of an answer was changed last: what [`metadata_text`] wrote at its fourth
/// member. `None` for any other text.
///
/// Nothing else of the answer is read.
pub fn updated_at_in(answer: &[u8]) -> Option<Timestamp> {
    // Neither identity, nor number, nor time has a quote: names and texts alternate.
    let mut quoted = answer.split(|byte| *byte == b'"').skip(UPDATED_AT_QUOTE);
    if quoted.next()? != b"updated_at" {
        return None;
    }
    std::str::from_utf8(quoted.nth(1)?).ok().and_then(Timestamp::parse)
}

/// How many quotes are before the name of the fourth member: two of each name, and two of each
/// value that is a text.
const UPDATED_AT_QUOTE: usize = 11;

/// Joins a head and a document text into the answer: one object with the members of both.
///
/// # Panics
///
/// In debug builds, when either is not a non-empty JSON object.
pub fn join_representation(head: &str, document: &str) -> Vec<u8> {
    debug_assert!(
        head.starts_with('{') && head.ends_with('}') && head.len() > 2,
        "a head is a non-empty object"
    );
    debug_assert!(
        document.starts_with('{') && document.ends_with('}') && document.len() > 2,
        "a document is a non-empty object"
    );
    let mut answer = Vec::with_capacity(head.len() + document.len());
    answer.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    answer.push(b',');
    answer.extend_from_slice(&document.as_bytes()[1..]);
    answer
}
