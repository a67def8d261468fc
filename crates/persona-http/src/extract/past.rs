//! The body of an import of a revision: a persona as another store answered it, with a member
//! `history` where that is known.

use persona_model::{
    Document, FieldError, PastRevision, PersonaId, Revision, Timestamp, ValidationErrors,
};
use serde_json::{Map, Value};

use super::json::whole_number;
use crate::contract::managed_members::{FORMERLY_MANAGED, MANAGED};

/// Reads the body. The import keeps the members that the store manages, so each of them is checked.
///
/// # Errors
///
/// Every member that breaks a rule, all at once.
pub(crate) fn past_revision(
    id: PersonaId,
    revision: Revision,
    mut body: Value,
) -> Result<PastRevision, ValidationErrors> {
    let mut wrong = ValidationErrors { errors: Vec::new(), more: 0 };
    let mut managed = Map::new();
    let mut history = Value::Null;
    if let Value::Object(members) = &mut body {
        history = members.remove("history").unwrap_or_default();
        members.remove(FORMERLY_MANAGED);
        for known in MANAGED {
            if let Some(value) = members.remove(known.name) {
                wrong.errors.extend(known.error_of(id, &value));
                managed.insert(known.name.into(), value);
            }
        }
    }
    let mut reader = Reader { managed: &managed, errors: Vec::new() };
    let (created_at, updated_at) = (reader.time("created_at"), reader.time("updated_at"));
    let is_deleted = managed.get("deleted_at").is_some_and(|time| !time.is_null());
    // Times are compared, not texts: one time can be written in several ways.
    if is_deleted && reader.time("deleted_at") != updated_at {
        reader.complain(
            "/deleted_at",
            "the revision that deletes a persona has its time: deleted_at is updated_at, or null",
        );
    }
    if managed.get("revision").is_some_and(|number| whole_number(number) != Some(revision.number()))
    {
        reader.complain("/revision", "is not the revision of the path");
    }
    let (base, note) = (reader.earlier(&history, "base"), reader.note(&history));
    let previous = reader.earlier(&history, "previous");
    let (created_by, updated_by) = (reader.text("created_by"), reader.text("updated_by"));
    wrong.errors.append(&mut reader.errors);
    let document = match Document::from_json(body) {
        Ok(document) => document,
        Err(invalid) => return Err(wrong.and(invalid)),
    };
    let stated = managed.get("content_hash");
    let content_hash = stated
        .and_then(|stated| document.content_hashes().find(|hash| *stated == hash.to_string()));
    if stated.is_some() && content_hash.is_none() {
        wrong.errors.push(error_at(
            "/content_hash",
            "is not that of the content: one of the two was changed",
        ));
    }
    match (created_at, updated_at) {
        (Some(created_at), Some(updated_at)) if wrong.errors.is_empty() => Ok(PastRevision {
            revision,
            created_at,
            updated_at,
            created_by,
            updated_by,
            is_deleted,
            previous,
            base,
            note,
            content_hash,
            document,
        }),
        _ => Err(wrong),
    }
}

fn error_at(pointer: &str, message: &str) -> FieldError {
    FieldError { pointer: pointer.into(), code: "bad_history", message: message.into() }
}

/// Reads members after a check of their form.
struct Reader<'a> {
    managed: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Reader<'_> {
    fn complain(&mut self, pointer: &str, message: &str) {
        self.errors.push(error_at(pointer, message));
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        if !self.managed.contains_key(name) {
            self.errors.push(FieldError {
                pointer: format!("/{name}"),
                code: "required",
                message: format!("{name} is required"),
            });
        }
        self.managed.get(name)?.as_str().and_then(Timestamp::parse)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let text = self.managed.get(name)?.as_str()?;
        if text.chars().count() > super::request::AUTHOR_CHARS_MAX
            || text.chars().any(char::is_control)
        {
            let message = format!(
                "must be at most {} characters without control characters",
                super::request::AUTHOR_CHARS_MAX
            );
            self.complain(&format!("/{name}"), &message);
        }
        Some(text.into())
    }

    /// A revision before, which the history names.
    fn earlier(&mut self, history: &Value, member: &str) -> Option<Revision> {
        if member == "base" && !(history.is_null() || history.is_object()) {
            self.complain("/history", "must be an object");
        }
        let number = history.get(member).filter(|number| !number.is_null())?;
        let revision = whole_number(number).and_then(Revision::new);
        if revision.is_none() {
            self.complain(&format!("/history/{member}"), "must be a revision or null");
        }
        revision
    }

    fn note(&mut self, history: &Value) -> Option<String> {
        let text = history.get("note").filter(|note| !note.is_null())?;
        let note = text.as_str().and_then(super::note::checked);
        if note.is_none() {
            self.complain("/history/note", &format!("must be {}", super::note::wanted()));
        }
        note
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{Document, PastRevision, PersonaId, Revision, Timestamp};
    use serde_json::{Value, json};

    use super::past_revision;

    const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";

    fn read(body: Value) -> Result<PastRevision, Vec<String>> {
        let id = PersonaId::parse(ID).expect("an identity");
        let read = past_revision(id, Revision::new(2).expect("not zero"), body);
        read.map_err(|invalid| {
            invalid
                .errors
                .into_iter()
                .map(|error| format!("{} {}", error.pointer, error.code))
                .collect()
        })
    }

    #[test]
    fn an_answer_is_read_with_everything_that_its_store_said_of_it() {
        let document = Document::from_json(json!({ "name": "Ada" })).expect("valid");
        let times = ["2020-01-01T00:00:00.000001Z", "2021-01-01T00:00:00.000002Z"];
        let body = json!({
            "id": ID, "revision": 2, "created_at": times[0], "updated_at": times[1], "deleted_at": times[1], "created_by": "ada",
            "updated_by": null, "content_hash": document.content_hash().to_string(), "labels": {}, "name": "Ada",
            "history": { "last": 3, "base": 1, "previous": 1, "note": "why" },
        });
        let [created_at, updated_at] = times.map(|time| Timestamp::parse(time).expect("a time"));
        let revision = |number| Revision::new(number).expect("not zero");
        let expected = PastRevision {
            revision: revision(2),
            created_at,
            updated_at,
            created_by: Some("ada".into()),
            updated_by: None,
            is_deleted: true,
            previous: Some(revision(1)),
            base: Some(revision(1)),
            note: Some("why".into()),
            content_hash: Some(document.content_hash()),
            document,
        };
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = json!({
            "revision": 3, "updated_at": "2021-01-01T00:00:00Z", "deleted_at": "2020-01-01T00:00:00Z", "updated_by": "a\nb", "tags": 1,
            "history": { "base": 0, "note": 7, "previous": -1 },
        });
        assert_eq!(
            read(body),
            Err([
                "/created_at required",
                "/deleted_at bad_history",
                "/revision bad_history",
                "/history/base bad_history",
                "/history/note bad_history",
                "/history/previous bad_history",
                "/updated_by bad_history",
                "/name required",
                "/tags wrong_type"
            ]
            .map(String::from)
            .to_vec())
        );
        let altered = json!({
            "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "content_hash": "0".repeat(64), "name": "Ada",
        });
        assert_eq!(read(altered), Err(vec!["/content_hash bad_history".into()]));
    }

    #[test]
    fn the_time_of_a_deletion_may_be_written_otherwise() {
        let of = |deleted_at: &str| {
            read(json!({
                "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T12:00:00.000000Z", "deleted_at": deleted_at, "name": "Ada",
            }))
        };
        for same in ["2020-01-01T12:00:00Z", "2020-01-01T13:00:00.0+01:00"] {
            assert_eq!(of(same).map(|past| past.is_deleted), Ok(true), "{same}");
        }
        assert_eq!(
            of("2020-01-01T12:00:00+01:00").map(|_| ()),
            Err(vec!["/deleted_at bad_history".into()])
        );
    }

    #[test]
    fn a_hash_of_the_earlier_rule_is_kept_as_it_was_stated() {
        let members = json!({ "name": "Ada", "extensions": { "n": 9_007_199_254_740_993_u64 } });
        let document = Document::from_json(members.clone()).expect("valid");
        let hashes: Vec<_> = document.content_hashes().collect();
        assert_ne!(hashes[0], hashes[1]);
        for hash in hashes {
            let mut body = json!({ "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "content_hash": hash.to_string() });
            let all = body.as_object_mut().expect("an object");
            all.extend(members.as_object().expect("an object").clone());
            assert_eq!(read(body).map(|past| past.content_hash), Ok(Some(hash)));
        }
    }
}
