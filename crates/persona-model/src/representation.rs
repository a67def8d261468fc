//! The representation: a persona as JSON text, in the form that clients get.
//!
//! The text is built once, when a revision is written, and sent unchanged by every read, which
//! parses and formats nothing. The text is stored in two parts, so that the database need not keep
//! the document twice: the **metadata** holds the store-managed members as an object, the document
//! is an object of its own, and [`join_representation`] joins them.
//!
//! The metadata is what the checksum and the entity tag cover, so nothing is in it that is not part
//! of a revision. Labels, for example, are not.

use std::borrow::Cow;

use serde_json::Value;

use crate::{Persona, Timestamp};

/// The end of stored metadata that a version of this program wrote which still had labels in it.
/// They are always empty, because no such version could set a label. The stored text stays as it
/// is, because its checksum covers it (ADR 0091).
const FORMER_LABELS: &str = r#","labels":{}}"#;

/// The first bytes of the text of a document with an owner.
const OWNED: &str = "{\"owner\":";
/// The member that the representation gets where the document has no owner.
const NO_OWNER: &str = "\"owner\":null,";

/// The store-managed members of a persona as a JSON object, in the order in which people look for
/// them.
pub fn metadata_text(persona: &Persona) -> String {
    // The metadata are written in the write transaction, because they contain its time.
    let deleted_at = persona.deleted_at.map(|time| format!("\"{time}\""));
    format!(
        "{{\"id\":\"{}\",\"revision\":{},\"created_at\":\"{}\",\"updated_at\":\"{}\",\
         \"deleted_at\":{},\"created_by\":{},\"updated_by\":{},\"content_hash\":\"{}\"}}",
        persona.id,
        persona.revision,
        persona.created_at,
        persona.updated_at,
        deleted_at.as_deref().unwrap_or("null"),
        author_text(persona.created_by.as_deref()),
        author_text(persona.updated_by.as_deref()),
        persona.content_hash,
    )
}

fn author_text(author: Option<&str>) -> Cow<'static, str> {
    author.map_or(Cow::Borrowed("null"), |author| Value::from(author).to_string().into())
}

/// Whether a stored text is the metadata of this persona, in the form of any version of this
/// program.
pub fn is_metadata_of(persona: &Persona, stored: &str) -> bool {
    let text = metadata_text(persona);
    match stored.strip_suffix(FORMER_LABELS) {
        Some(members) => text.strip_suffix('}') == Some(members),
        None => text == stored,
    }
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

/// Reads the time of the last change out of a representation: the fourth member that
/// [`metadata_text`] writes. `None` for a text that does not begin as `metadata_text` writes it.
///
/// Nothing else of the representation is read.
pub fn updated_at_in(representation: &[u8]) -> Option<Timestamp> {
    // Split at the quotes, every second part is a name or a text, because no identity, number or
    // time contains a quote.
    let mut quoted = representation.split(|byte| *byte == b'"').skip(UPDATED_AT_QUOTE);
    if quoted.next()? != b"updated_at" {
        return None;
    }
    std::str::from_utf8(quoted.nth(1)?).ok().and_then(Timestamp::parse)
}

/// The number of quotes before the text of the fourth member, without its opening quote: two of
/// each name, and two of each earlier value that is a text.
const UPDATED_AT_QUOTE: usize = 11;

/// Joins metadata and document into the representation: one object with the members of both.
///
/// Labels that an earlier version put into the metadata are left out. A document without an owner
/// gets the member `"owner":null`, so that every representation has every field.
///
/// # Panics
///
/// In debug builds, when either is not a non-empty JSON object.
pub fn join_representation(metadata: &str, document: &str) -> Vec<u8> {
    debug_assert!(
        metadata.starts_with('{') && metadata.ends_with('}') && metadata.len() > 2,
        "the metadata is a non-empty object"
    );
    debug_assert!(
        document.starts_with('{') && document.ends_with('}') && document.len() > 2,
        "a document is a non-empty object"
    );
    let members =
        metadata.strip_suffix(FORMER_LABELS).unwrap_or_else(|| &metadata[..metadata.len() - 1]);
    let no_owner = if document.starts_with(OWNED) { "" } else { NO_OWNER };
    let bytes = members.len() + 1 + no_owner.len() + document.len();
    let mut representation = Vec::with_capacity(bytes);
    representation.extend_from_slice(members.as_bytes());
    representation.push(b',');
    representation.extend_from_slice(no_owner.as_bytes());
    representation.extend_from_slice(&document.as_bytes()[1..]);
    representation
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{is_metadata_of, join_representation, metadata_text};
    use crate::{ContentHash, Document, Persona, PersonaId, Revision, Timestamp};

    fn persona() -> Persona {
        Persona {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            created_at: Timestamp::from_micros(1),
            updated_at: Timestamp::from_micros(2),
            deleted_at: None,
            created_by: Some("ada".into()),
            updated_by: None,
            content_hash: ContentHash::from_bytes([7; 32]),
            document: Document::from_json(json!({ "name": "Ada" })).expect("valid"),
        }
    }

    #[test]
    fn metadata_is_json_whatever_an_author_is_called() {
        let named = Persona {
            deleted_at: Some(Timestamp::from_micros(3)),
            updated_by: Some("\"Eve\"\n\u{1}\\".into()),
            ..persona()
        };
        let of = |persona: &Persona| -> Vec<(String, Value)> {
            let members = serde_json::from_str(&metadata_text(persona)).expect("JSON");
            let Value::Object(members) = members else { panic!("{members}") };
            members.into_iter().collect()
        };
        let expected = json!({
            "id": "07070707-0707-0707-0707-070707070707",
            "revision": 1,
            "created_at": "1970-01-01T00:00:00.000001Z",
            "updated_at": "1970-01-01T00:00:00.000002Z",
            "deleted_at": "1970-01-01T00:00:00.000003Z",
            "created_by": "ada",
            "updated_by": "\"Eve\"\n\u{1}\\",
            "content_hash": "07".repeat(32),
        });
        assert_eq!(Value::from_iter(of(&named)), expected);
        let alive = Value::from_iter(of(&persona()));
        assert_eq!((&alive["deleted_at"], &alive["updated_by"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn metadata_with_the_labels_of_an_earlier_version_is_known_and_sent_without_them() {
        let persona = persona();
        let metadata = metadata_text(&persona);
        let former = metadata.replace("\"}", "\",\"labels\":{}}");
        assert_ne!(metadata, former);
        assert!(is_metadata_of(&persona, &metadata) && is_metadata_of(&persona, &former));
        assert!(!is_metadata_of(&persona, &former.replace("ada", "eve")));
        let sent = join_representation(&metadata, persona.document.text());
        assert_eq!(join_representation(&former, persona.document.text()), sent);
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!((&sent["labels"], &sent["name"]), (&Value::Null, &json!("Ada")));
    }
}
