//! The members of a persona's JSON that the store manages, as a client sends them back.

use persona_model::{Document, FieldError, PersonaId, Timestamp, ValidationErrors};
use serde_json::Value;

use crate::contract::managed_members::{FORMERLY_MANAGED, MANAGED, Managed, MemberKind};
use crate::extract::json::whole_number;

/// The document in the body of a PUT.
///
/// The body may have store-managed members, so that a client can send back an answer. They must
/// have the form of those in an answer and are ignored, except for the identity, which must be that
/// of the path.
pub(super) fn document_of_put(
    id: PersonaId,
    mut body: Value,
) -> Result<Document, ValidationErrors> {
    let mut wrong = ValidationErrors { errors: Vec::new(), more: 0 };
    if let Value::Object(members) = &mut body {
        members.remove(FORMERLY_MANAGED);
        for managed in MANAGED {
            if let Some(value) = members.remove(managed.name) {
                wrong.errors.extend(managed.error_of(id, &value));
            }
        }
    }
    match Document::from_json(body) {
        Ok(document) if wrong.errors.is_empty() => Ok(document),
        Ok(_) => Err(wrong),
        Err(invalid) => Err(wrong.and(invalid)),
    }
}

impl Managed {
    /// The error of a value that a client sends for this member; `None` if there is none.
    pub(super) fn error_of(&self, id: PersonaId, value: &Value) -> Option<FieldError> {
        let text_meets = |rule: fn(&str) -> bool| value.as_str().is_some_and(rule);
        let is_time = |text: &str| Timestamp::parse(text).is_some();
        let (good, wanted) = match self.holds {
            MemberKind::Id => {
                (value.as_str().and_then(PersonaId::parse) == Some(id), "the id of the path")
            }
            MemberKind::Revision => {
                (whole_number(value).is_some_and(|number| number > 0), "a revision")
            }
            MemberKind::Time => (text_meets(is_time), "a time"),
            MemberKind::TimeOrNull => (value.is_null() || text_meets(is_time), "a time or null"),
            MemberKind::AuthorOrNull => (value.is_null() || value.is_string(), "a string or null"),
            MemberKind::Hash => (
                text_meets(|text| {
                    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                }),
                "a SHA-256",
            ),
        };
        let message = || {
            format!(
                "{} is managed by the store; leave it out, or send what a GET answered: {wanted}",
                self.name
            )
        };
        (!good).then(|| FieldError {
            pointer: format!("/{}", self.name),
            code: "read_only",
            message: message(),
        })
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{
        ContentHash, Document, Persona, PersonaId, Revision, Timestamp, join_representation,
        metadata_text,
    };
    use serde_json::{Value, json};

    use super::document_of_put;
    use crate::contract::managed_members::{FORMERLY_MANAGED, member_names};

    fn answer() -> (PersonaId, Value) {
        let document = Document::from_json(json!({ "name": "Ada" })).expect("valid");
        let persona = Persona {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            created_at: Timestamp::from_micros(1),
            updated_at: Timestamp::from_micros(2),
            deleted_at: None,
            created_by: Some("ada".into()),
            updated_by: None,
            content_hash: ContentHash::from_bytes([7; 32]),
            document,
        };
        let text = join_representation(&metadata_text(&persona), persona.document.text());
        (persona.id, serde_json::from_slice(&text).expect("an answer is JSON"))
    }

    #[test]
    fn the_tables_name_exactly_the_members_of_an_answer() {
        let (_, answer) = answer();
        let mut known: Vec<&str> = member_names().collect();
        known.sort_unstable();
        assert_eq!(answer.as_object().expect("an object").keys().collect::<Vec<_>>(), known);
    }

    #[test]
    fn an_answer_can_be_put_back() {
        let (id, mut answer) = answer();
        answer[FORMERLY_MANAGED] = json!({});
        assert_eq!(document_of_put(id, answer), Document::from_json(json!({ "name": "Ada" })));
    }

    #[test]
    fn managed_members_of_another_form_are_refused_together_with_all_other_errors() {
        let (id, _) = answer();
        let body = json!({ "id": "0193b0c2-7f3e-7a10-8c1d-000000000001", "revision": 0, "deleted_at": 1, "tags": 1 });
        let errors = document_of_put(id, body).expect_err("refused").errors;
        let places: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(places, ["/id", "/revision", "/deleted_at", "/name", "/tags"]);
    }
}
