//! The editable part of a persona.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::field::{FIELDS, OWNER};
use crate::representation::object_text;
use crate::search::folded_tag;
use crate::{ContentHash, Kind, Owner, TextWords, TitleWords, ValidationErrors, validate};

/// Default limit of the size of a document, in bytes of [`Document::text`]. A server can be set to
/// another limit.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest limit of the size of a document that can be chosen, in bytes. The largest body (8 MiB)
/// then has room for the document and for the members that the store manages, so that the answer of
/// a GET can be sent back, exported and imported.
pub const DOCUMENT_BYTES_MAX_CEILING: usize = 8 * 1024 * 1024 - 64 * 1024;

/// The validated, complete document of a persona: every row of [`FIELDS`] is a member, and no other
/// member exists.
///
/// A copy costs nothing: copies share the members, the text, the hash and the words.
#[derive(Clone)]
pub struct Document(Arc<Shared>);

/// The members of a document, with text, hashes and words that are each made once. For a large
/// document each takes tens of milliseconds, which is best spent before the turn of the write.
struct Shared {
    members: Map<String, Value>,
    text: OnceLock<String>,
    content_hash: OnceLock<ContentHash>,
    title_words: OnceLock<TitleWords>,
    text_words: OnceLock<TextWords>,
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.members == other.0.members
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Document").field(&self.0.members).finish()
    }
}

impl Document {
    /// Validates an input: an absent or null member gets its default, and every broken rule is
    /// reported.
    ///
    /// # Errors
    ///
    /// Every error at once: unknown members (with the nearest name), wrong types, sizes over a
    /// limit, a missing name.
    pub fn from_json(input: Value) -> Result<Self, ValidationErrors> {
        validate::document(input).map(Self::of)
    }

    /// Reads a document that [`Document::text`] wrote; a field that the text does not have, because
    /// it was added later, gets its default.
    ///
    /// # Errors
    ///
    /// The stored text is damaged: no JSON object, or without a name.
    pub fn from_stored(text: &str) -> Result<Self, ValidationErrors> {
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Self::completed(members),
            Ok(_) => Err(damaged("the stored document is no object".into())),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Reads the document out of a representation, which also has the members that the store
    /// manages.
    ///
    /// # Errors
    ///
    /// The answer is damaged: no JSON object, or without a name.
    pub fn from_representation(answer: &Value) -> Result<Self, ValidationErrors> {
        let members = FIELDS
            .iter()
            .filter_map(|field| Some((field.name.to_owned(), answer.get(field.name)?.clone())));
        Self::completed(members.collect())
    }

    fn completed(mut members: Map<String, Value>) -> Result<Self, ValidationErrors> {
        for field in FIELDS {
            if !members.contains_key(field.name) {
                let value = field
                    .default()
                    .ok_or_else(|| damaged(format!("the stored document has no {}", field.name)))?;
                members.insert(field.name.into(), value);
            }
        }
        Ok(Self::of(members))
    }

    fn of(members: Map<String, Value>) -> Self {
        Self(Arc::new(Shared {
            members,
            text: OnceLock::new(),
            content_hash: OnceLock::new(),
            title_words: OnceLock::new(),
            text_words: OnceLock::new(),
        }))
    }

    /// The text that the store keeps: members in the order of [`FIELDS`], numbers exactly as the
    /// client sent them.
    ///
    /// The owner comes first, so that it stands at the same place in every representation
    /// ([`crate::owner_word_in`]). The text of a document without an owner has no member `owner`,
    /// so that it is equal to the text that older versions stored.
    pub fn text(&self) -> &str {
        let members = || {
            let others = FIELDS.iter().map(|field| field.name).filter(|name| *name != OWNER);
            let owner = self.get(OWNER).filter(|owner| !owner.is_null()).map(|_| OWNER);
            owner
                .into_iter()
                .chain(others)
                .filter_map(|name| self.get(name).map(|value| (name, value)))
        };
        self.0.text.get_or_init(|| object_text(members()))
    }

    /// The same document with another owner.
    #[must_use]
    pub fn owned_by(&self, owner: &Owner) -> Self {
        if self.owner().as_ref() == Some(owner) {
            return self.clone();
        }
        let mut members = self.0.members.clone();
        members.insert(OWNER.into(), owner.as_str().into());
        Self::of(members)
    }

    /// SHA-256 of the canonical JSON (RFC 8785) with whole numbers in all their digits: documents
    /// that differ in the value of a number have different hashes. The owner is part of the hash
    /// where there is one.
    pub fn content_hash(&self) -> ContentHash {
        *self.0.content_hash.get_or_init(|| ContentHash::of_members(&self.0.members))
    }

    /// Every hash that may be stored with this document: the current one, and the one of schema
    /// versions before 6, which rounds whole numbers beyond 2^53. The second is computed only when
    /// the first did not match.
    pub fn content_hashes(&self) -> impl Iterator<Item = ContentHash> {
        std::iter::once(self.content_hash())
            .chain(std::iter::once_with(|| ContentHash::of_rounded_members(&self.0.members)))
    }

    /// The words of name and tags, by which a search finds the persona.
    pub fn title_words(&self) -> &TitleWords {
        self.0.title_words.get_or_init(|| TitleWords::of(self))
    }

    /// The words of the longer texts, by which a search finds the persona.
    pub fn text_words(&self) -> &TextWords {
        self.0.text_words.get_or_init(|| TextWords::of(self))
    }

    /// Makes text, hash and words now instead of at their first use.
    pub fn prepare(&self) {
        self.text();
        self.content_hash();
        self.title_words();
        self.text_words();
    }

    /// Checks the size of the document against a limit. If the stored document is already over the
    /// limit, a smaller document is accepted even if it is still over the limit.
    ///
    /// # Errors
    ///
    /// The document is too large; the error names limit and actual size.
    pub fn check_bytes(
        &self,
        bytes_max: usize,
        before: Option<&Self>,
    ) -> Result<(), ValidationErrors> {
        let bytes = self.text().len();
        if bytes <= bytes_max || before.is_some_and(|before| bytes < before.text().len()) {
            return Ok(());
        }
        Err(ValidationErrors::one(
            "",
            "too_long",
            format!("must have at most {bytes_max} bytes as JSON in all, has {bytes}"),
        ))
    }

    /// The document as a JSON object.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.members.clone())
    }

    /// The value of a field; `None` for a name that no field has.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.members.get(field)
    }

    /// What the persona is called.
    pub fn name(&self) -> &str {
        self.str_of("name")
    }

    /// What sort of persona it is.
    pub fn kind(&self) -> Kind {
        self.str_of("kind").parse().unwrap_or(Kind::Character)
    }

    /// The unique short name, if it has one.
    pub fn handle(&self) -> Option<&str> {
        self.get("handle").and_then(Value::as_str)
    }

    /// Its owner, if it has one.
    pub fn owner(&self) -> Option<Owner> {
        self.get(OWNER).and_then(Value::as_str).map(Owner::stored)
    }

    /// The owner as the stores keep it: an empty text where there is none.
    pub fn owner_word(&self) -> &str {
        self.str_of(OWNER)
    }

    /// The tags, in the order in which they were given.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The tags by which a filter finds the persona: in folded case, each once, in the order of
    /// their bytes.
    pub fn folded_tags(&self) -> BTreeSet<String> {
        self.tags().map(folded_tag).collect()
    }

    /// Whether the persona is in use.
    pub fn is_active(&self) -> bool {
        self.get("is_active").and_then(Value::as_bool).unwrap_or(true)
    }

    /// The names of the fields that differ in value, in the order of [`FIELDS`].
    pub fn changed_fields(&self, other: &Self) -> Vec<&'static str> {
        FIELDS
            .iter()
            .map(|field| field.name)
            .filter(|name| self.get(name) != other.get(name))
            .collect()
    }

    fn str_of(&self, field: &str) -> &str {
        self.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

fn damaged(message: String) -> ValidationErrors {
    ValidationErrors::one("", "damaged", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Document;
    use crate::FIELDS;

    #[test]
    fn a_name_alone_makes_a_complete_document() {
        let document = Document::from_json(json!({ "name": "Ada" })).expect("a valid document");
        for field in FIELDS {
            assert_eq!(
                document.get(field.name).cloned(),
                field.default().or(Some(json!("Ada"))),
                "{}",
                field.name
            );
        }
    }

    #[test]
    fn the_stored_text_has_the_order_of_the_fields_and_reads_back_equal() {
        let document =
            Document::from_json(json!({ "name": "Ada", "extensions": { "b": 12_345_678_901_234_567_890_u64, "a": 1.0 } })).expect("valid");
        let text = document.text();
        assert!(
            text.starts_with("{\"name\":\"Ada\",\"nickname\":\"\",\"kind\":\"character\","),
            "{text}"
        );
        assert!(text.contains("{\"a\":1.0,\"b\":12345678901234567890}"), "{text}");
        assert_eq!(Document::from_stored(text), Ok(document.clone()));
    }

    #[test]
    fn a_stored_document_from_before_a_field_existed_gets_its_default() {
        let document = Document::from_stored("{\"name\":\"Ada\"}").expect("readable");
        assert_eq!(document, Document::from_json(json!({ "name": "Ada" })).expect("valid"));
        assert!(Document::from_stored("{}").is_err());
        assert!(Document::from_stored("[]").is_err());
        assert!(Document::from_stored("{\"na").is_err());
    }
}
