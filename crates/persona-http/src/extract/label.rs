//! Labels in paths, and moves of labels in bodies.

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderValue};
use persona_model::{LABEL_LATEST, LabelName, LabelPrecondition, PersonaId, Revision, excerpt};
use persona_storage::{LABEL_MOVES_MAX, LabelMove, LabelTarget, View};
use serde_json::Value;

use super::etag;
use super::json::whole_number;
use super::members::{Members, missing, pointer_of, wrong};
use crate::contract::parameters::REVISION_MAX;
use crate::handles::{self, Target};
use crate::personas;
use crate::problem::Problem;

/// What a path of a label has before its word.
const LABELS: &str = "/labels/";
/// Every member that a target can have.
const TARGET: [&str; 2] = ["revision", "from"];
/// Every member that a move can have.
const MOVE: [&str; 7] = ["id", "label", "revision", "from", "remove", "if_match", "if_none_match"];

/// The word that a path names.
pub(crate) fn word_in(path: &str) -> String {
    let behind = path.split_once(LABELS).map_or("", |(_, behind)| behind);
    personas::plain(behind.split('/').next().unwrap_or_default()).into_owned()
}

/// The label that a path names, to be read.
pub(crate) fn label_to_read(path: &str) -> Result<LabelName, Problem> {
    let word = word_in(path);
    LabelName::parse(&word).map_err(|bad| Problem::no_such_label(&word).hint(bad.to_string()))
}

/// The label that a path names, to be moved.
pub(crate) fn label_to_move(path: &str) -> Result<LabelName, Problem> {
    let word = word_in(path);
    LabelName::parse(&word).map_err(|bad| Problem::bad_label(&word, bad))
}

/// What a client says in `If-Match` and `If-None-Match` of a move.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<LabelPrecondition, Problem> {
    if headers.contains_key(IF_UNMODIFIED_SINCE) {
        let reason = "is not understood here: a label can go back to an older revision";
        return Err(Problem::bad_header("If-Unmodified-Since", "not_here", reason));
    }
    if etag::must_be_new(headers)? {
        return Ok(LabelPrecondition::IsNotSet);
    }
    etag::label_precondition(headers)
}

/// Reads where a label is to point: `{"revision": 7}` or `{"from": "staging"}`.
pub(crate) fn target(body: Value) -> Result<LabelTarget, Problem> {
    let mut members = Members::of(body, &TARGET)?;
    let target = members.target()?;
    target.ok_or_else(|| wrong("", "required", "must have revision or from"))
}

/// Stands for the persona of a move that names it by a handle.
const UNNAMED: PersonaId = PersonaId::from_bytes([0; 16]);

/// A move of a release as its client wrote it.
#[derive(Debug)]
pub(crate) struct AskedMove {
    /// The move, which is about no persona yet where a handle names it.
    wanted: LabelMove,
    /// How the client names the persona.
    pub persona: String,
}

impl AskedMove {
    /// The move of the persona that it names, where it does so by a handle: the one that the handle
    /// leads to now. It is made only while that persona still has the handle; one that gave the
    /// handle up has nothing to lose.
    pub async fn led(&self, view: View<'_>) -> Result<LabelMove, Problem> {
        let wanted = self.wanted.clone();
        let Some(handle) = &wanted.named else { return Ok(wanted) };
        Ok(match handles::target_of(view, handle).await? {
            Target::Persona(persona) => LabelMove { persona, ..wanted },
            Target::Former(persona) => LabelMove { persona, named: None, ..wanted },
        })
    }

    /// What the move is about, for people.
    pub fn what(&self) -> String {
        format!("{} of {}", self.wanted.name, self.persona)
    }
}

/// Reads the body of a release: its moves, with everything that is wrong with them at once.
pub(crate) fn moves(body: Value) -> Result<Vec<AskedMove>, Problem> {
    let Value::Object(mut members) = body else {
        return Err(wrong("", "not_an_object", "must be an object with moves"));
    };
    let Some(Value::Array(moves)) = members.remove("moves") else {
        return Err(wrong("/moves", "required", "must be a list of moves"));
    };
    if let Some(name) = members.keys().next() {
        let message = format!("{:?} is no member of a release, which has moves", excerpt(name));
        return Err(wrong(&pointer_of(name), "unknown_member", &message));
    }
    if !(1..=LABEL_MOVES_MAX).contains(&moves.len()) {
        let message = format!("must have 1 to {LABEL_MOVES_MAX} moves, has {}", moves.len());
        let code = if moves.is_empty() { "too_short" } else { "too_many" };
        return Err(wrong("/moves", code, &message));
    }
    let (mut read, mut first) = (Vec::with_capacity(moves.len()), None::<Problem>);
    for (place, one) in moves.into_iter().enumerate() {
        match (one_move(one), &mut first) {
            (Ok(one), _) => read.push(one),
            (Err(problem), None) => first = Some(problem.of_move(place)),
            (Err(problem), Some(first)) => first.add_errors(problem.of_move(place)),
        }
    }
    first.map_or(Ok(read), Err)
}

fn one_move(body: Value) -> Result<AskedMove, Problem> {
    let mut members = Members::of(body, &MOVE)?;
    let text = members.text("id")?.ok_or_else(|| missing("id"))?;
    let named = handles::of_reference(&text).transpose()?;
    let unnamed = named.is_some().then_some(UNNAMED);
    let persona = unnamed.or_else(|| PersonaId::parse(&text)).ok_or_else(|| {
        Problem::no_such_persona(&excerpt(&text)).hint("an id is a UUID with hyphens")
    })?;
    let word = members.text("label")?.ok_or_else(|| missing("label"))?;
    let name =
        LabelName::parse(&word).map_err(|bad| wrong("/label", "bad_value", &bad.to_string()))?;
    let precondition = members.precondition()?;
    let target = match (members.target()?, members.removes()?) {
        (Some(target), false) => target,
        (None, true) => LabelTarget::Nowhere,
        (Some(_), true) => {
            return Err(wrong("/remove", "not_here", "does not go with revision or from"));
        }
        (None, false) => {
            return Err(wrong("", "required", "must have revision, from or remove"));
        }
    };
    let wanted = LabelMove { precondition, named, ..LabelMove::new(persona, name, target) };
    Ok(AskedMove { wanted, persona: text })
}

impl Members {
    /// Where a label is to point; `None` where it is not said.
    fn target(&mut self) -> Result<Option<LabelTarget>, Problem> {
        let revision = self.0.remove("revision");
        let from = self.text("from")?;
        match (revision, from) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(wrong("/from", "not_here", "does not go with revision")),
            (Some(revision), None) => {
                let number = whole_number(&revision).filter(|number| *number <= REVISION_MAX);
                let revision = number.and_then(Revision::new).ok_or_else(|| {
                    let message = format!("must be a whole number from 1 to {REVISION_MAX}");
                    wrong("/revision", "bad_value", &message)
                })?;
                Ok(Some(LabelTarget::Revision(revision)))
            }
            (None, Some(word)) if word == LABEL_LATEST => Ok(Some(LabelTarget::Latest)),
            (None, Some(word)) => {
                let name = LabelName::parse(&word);
                let name = name.map_err(|bad| wrong("/from", "bad_value", &bad.to_string()))?;
                Ok(Some(LabelTarget::Label(name)))
            }
        }
    }

    fn removes(&mut self) -> Result<bool, Problem> {
        match self.0.remove("remove") {
            None => Ok(false),
            Some(Value::Bool(true)) => Ok(true),
            Some(_) => Err(wrong("/remove", "bad_value", "must be true, or not be there")),
        }
    }

    /// What a move says in place of headers.
    fn precondition(&mut self) -> Result<LabelPrecondition, Problem> {
        let mut headers = HeaderMap::new();
        for (member, header) in [("if_match", IF_MATCH), ("if_none_match", IF_NONE_MATCH)] {
            if let Some(text) = self.text(member)? {
                let value = HeaderValue::try_from(text).map_err(|_| {
                    let message = "must be what the header of this name can be";
                    wrong(&format!("/{member}"), "bad_value", message)
                })?;
                headers.insert(header, value);
            }
        }
        precondition(&headers)
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{LabelPrecondition, Revision};
    use persona_storage::LabelTarget;
    use serde_json::{Value, json};

    use super::{moves, target};

    fn revision(number: u64) -> LabelTarget {
        LabelTarget::Revision(Revision::new(number).expect("not zero"))
    }

    /// What is wrong with a body, and where.
    fn refused(body: Value) -> Vec<(String, String)> {
        let problem = target(body).expect_err("refused").body("r-1");
        let errors = problem.errors.into_iter();
        errors.map(|error| (error.pointer.unwrap_or_default(), error.code.into_owned())).collect()
    }

    #[test]
    fn a_target_is_a_revision_or_another_label_and_nothing_else() {
        assert_eq!(target(json!({ "revision": 7 })).expect("read"), revision(7));
        let last = (1_u64 << 63) - 1;
        assert_eq!(target(json!({ "revision": last })).expect("read"), revision(last));
        assert_eq!(target(json!({ "from": "latest" })).expect("read"), LabelTarget::Latest);
        assert!(matches!(target(json!({ "from": "staging" })), Ok(LabelTarget::Label(_))));
        for bad in [
            json!(0),
            json!(1_u64 << 63),
            json!(u64::MAX),
            json!(-1),
            json!(1.5),
            json!("7"),
            json!(null),
        ] {
            let expected = [("/revision".to_owned(), "bad_value".to_owned())];
            assert_eq!(refused(json!({ "revision": bad })), expected);
        }
        for (body, pointer, code) in [
            (json!([]), "", "not_an_object"),
            (json!({}), "", "required"),
            (json!({ "revision": 1, "from": "a" }), "/from", "not_here"),
            (json!({ "from": "7" }), "/from", "bad_value"),
            (json!({ "from": 7 }), "/from", "wrong_type"),
            (json!({ "revison": 1 }), "/revison", "unknown_member"),
        ] {
            assert_eq!(refused(body), [(pointer.to_owned(), code.to_owned())]);
        }
    }

    #[test]
    fn a_release_is_read_whole_and_all_that_is_wrong_is_told_with_its_place() {
        let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
        let read = moves(json!({ "moves": [
            { "id": id, "label": "production", "from": "staging", "if_none_match": "*" },
            { "id": id, "label": "old", "remove": true, "if_match": "\"l3-9f3c21aa\"" },
        ] }));
        let read = read.expect("read");
        assert_eq!(read[0].wanted.precondition, LabelPrecondition::IsNotSet);
        let second = &read[1].wanted;
        assert!(matches!(&second.precondition, LabelPrecondition::OneOf(tags) if tags.len() == 1));
        assert_eq!(second.target, LabelTarget::Nowhere);
        assert_eq!(read[1].what(), format!("old of {id}"));
        let bad = moves(json!({ "moves": [
            { "id": id, "label": "a", "revision": 1 },
            { "id": id, "label": "latest", "revision": 1 },
            { "id": id, "label": "b", "revision": 0 },
            { "id": id, "label": "c" },
            { "id": id, "label": "d", "revision": 1, "remove": true },
        ] }));
        let body = bad.expect_err("refused").body("r-1");
        let pointers: Vec<_> =
            body.errors.iter().filter_map(|error| error.pointer.as_deref()).collect();
        assert_eq!(
            pointers,
            ["/moves/1/label", "/moves/2/revision", "/moves/3", "/moves/4/remove"]
        );
        assert_eq!(body.item, Some(1));
        for empty in
            [json!({}), json!({ "moves": [] }), json!({ "moves": [{}], "more": 1 }), json!([])]
        {
            assert!(moves(empty).is_err());
        }
    }
}
