//! Saves a typed text, and handles changes that another client made meanwhile.

use std::path::Path;

use http::{Method, StatusCode, header};
use persona_http::contract::problem_body::Conflict;
use persona_http::contract::problems::Code;
use persona_model::{
    Document, EntityTag, FIELDS, PersonaId, has_conflict_marker, merge_with_markers,
};
use persona_server::exit_code::ExitCode;
use serde_json::{Map, Value};

use super::edit_draft::read_base;
use super::form::without_null;
use crate::client::{Api, Query, Reply, persona_path};
use crate::failure::Failure;
use crate::terminal::{harmless, shortened};

/// Most cells of another client's value that are shown.
const SHOWN_CELLS_MAX: usize = 120;

/// Headers of a request.
pub type Headers = Vec<(header::HeaderName, String)>;

/// The state of the persona that a text started from.
pub struct Base {
    /// The entity tag of the state.
    pub tag: EntityTag,
    /// The editable members, including those that are null.
    pub members: Map<String, Value>,
}

impl Base {
    /// Reads the state at a path of the API.
    ///
    /// # Errors
    ///
    /// The path cannot be read, or the answer is no persona.
    pub async fn at(api: &Api, path: &str) -> Result<Self, Failure> {
        let reply = api.get(path).await?.success()?;
        Self::of(&reply).ok_or_else(|| Failure::new(ExitCode::Failure, "the answer is no persona"))
    }

    /// Reads the state that a kept text started from: from the database, or, where its revision was
    /// dropped there, from what was kept beside the text.
    ///
    /// # Errors
    ///
    /// As with [`Base::at`]; and the revision was dropped and nothing was kept.
    pub async fn of_kept(
        api: &Api,
        id: PersonaId,
        tag: EntityTag,
        text: &Path,
    ) -> Result<Self, Failure> {
        let reply = api.get(&format!("{}?revision={}", persona_path(id), tag.revision)).await?;
        let kept = (reply.status == StatusCode::GONE).then(|| read_base(text)).flatten();
        if let Some(members) = kept {
            return Ok(Self { tag, members });
        }
        let unusable = || Failure::new(ExitCode::Failure, "the answer is no persona");
        Self::of(&reply.success()?).ok_or_else(unusable)
    }

    fn of(reply: &Reply) -> Option<Self> {
        let tag = EntityTag::parse(reply.etag()?.strip_prefix('"')?.strip_suffix('"')?)?;
        let persona = reply.json();
        let members = FIELDS
            .iter()
            .filter_map(|field| Some((field.name.into(), persona.get(field.name)?.clone())))
            .collect();
        Some(Self { tag, members })
    }

    /// The members as the form shows them: without those that are null.
    pub fn typed(&self) -> Map<String, Value> {
        without_null(&self.members)
    }
}

/// Why a text was not saved.
pub struct Refused {
    /// The failure to report.
    pub failure: Failure,
    /// The newer state that another client made, if that is the reason.
    pub newer: Option<Base>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, newer: None }
    }
}

/// Replaces the whole document, if no other client changed it meanwhile.
pub async fn replace(
    api: &Api,
    id: PersonaId,
    base: &Base,
    after: Map<String, Value>,
    author: &Headers,
) -> Result<Reply, Refused> {
    let mut headers = author.clone();
    headers.push((header::IF_MATCH, format!("\"{}\"", base.tag)));
    let reply =
        api.write(Method::PUT, &persona_path(id), &headers, Some(&Value::Object(after))).await?;
    if reply.status != StatusCode::PRECONDITION_FAILED {
        return Ok(reply.success()?);
    }
    let mut failure = Failure::new(
        ExitCode::Conflict,
        "the persona was changed by another side while you edited it",
    );
    let newer = Base::at(api, &persona_path(id)).await?;
    for (name, theirs) in
        newer.members.iter().filter(|(name, value)| base.members.get(*name) != Some(value))
    {
        failure = failure.because(format!("{name} is now {}", shown(theirs)));
    }
    failure = failure.hint("edit again with --merge to take over what does not overlap");
    Err(Refused { failure, newer: Some(newer) })
}

/// Sends only the changed fields, which the server merges with later changes.
pub async fn merge(
    api: &Api,
    id: PersonaId,
    base: &Base,
    after: &Map<String, Value>,
    author: &Headers,
) -> Result<Reply, Refused> {
    let before = base.typed();
    let changed = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()));
    let removed = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| (name.clone(), Value::Null));
    let mut patch: Map<String, Value> = changed.chain(removed).collect();
    for (name, value) in &mut patch {
        clear_removed_members(before.get(name), value);
    }
    let query = Query::new(&persona_path(id)).with("base_revision", &base.tag.revision.to_string());
    let reply =
        api.write(Method::PATCH, &query.into_path(), author, Some(&Value::Object(patch))).await?;
    let problem = reply.problem();
    if problem.is(Code::UnknownBase) {
        // The text started from an autosave that a later one replaced in the history.
        let newer = Base::at(api, &persona_path(id)).await?;
        let failure = Failure::new(
            ExitCode::Conflict,
            "the persona was changed by another side while you edited it, and the revision that \
             you began with is not kept",
        );
        return Err(Refused { failure, newer: Some(newer) });
    }
    if reply.status != StatusCode::CONFLICT || problem.conflicts.is_empty() {
        return Ok(reply.success()?);
    }
    let mut failure = Failure::new(
        ExitCode::Conflict,
        "the same fields were changed by another side while you edited them",
    );
    for Conflict { pointer, theirs, yours, reason, .. } in problem.conflicts {
        let why = reason.map(|rule| format!("; both together {rule}")).unwrap_or_default();
        failure = failure.because(format!(
            "{pointer} is now {}, and you wrote {}{why}",
            shown(&theirs.unwrap_or_default()),
            shown(&yours.unwrap_or_default())
        ));
    }
    let newer = Base::at(api, &persona_path(id)).await?;
    Err(Refused {
        failure: failure.hint("edit again, and decide the fields that are named"),
        newer: Some(newer),
    })
}

/// What was typed, merged with what the other side made. What both changed differently is as it was
/// typed, or, in a text, both between markers.
pub fn on_top_of(newer: &Base, base: &Base, typed: &Map<String, Value>) -> Map<String, Value> {
    let document = |members: &Map<String, Value>| Document::from_json(members.clone().into()).ok();
    let (old, theirs, yours) = (document(&base.members), document(&newer.members), document(typed));
    if let (Some(old), Some(theirs), Some(yours)) = (old, theirs, yours) {
        return merge_with_markers(&old, &theirs, &yours);
    }
    // A document of a server of another version: the fields that were typed stay.
    let before = base.typed();
    let mut members = newer.members.clone();
    for field in FIELDS {
        if typed.get(field.name) != before.get(field.name) {
            members.insert(
                field.name.into(),
                typed.get(field.name).cloned().or_else(|| field.default()).unwrap_or_default(),
            );
        }
    }
    members
}

/// The fields in which markers of conflicts are left that the persona does not have.
pub fn fields_with_markers(typed: &Map<String, Value>, base: &Base) -> Vec<&'static str> {
    let is_marked = |value: Option<&Value>| value.is_some_and(has_marker);
    let is_left = |name: &str| is_marked(typed.get(name)) && !is_marked(base.members.get(name));
    FIELDS.iter().map(|field| field.name).filter(|name| is_left(name)).collect()
}

fn has_marker(value: &Value) -> bool {
    match value {
        Value::String(text) => has_conflict_marker(text),
        Value::Array(items) => items.iter().any(has_marker),
        Value::Object(members) => members.values().any(has_marker),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn shown(value: &Value) -> String {
    shortened(&harmless(&value.to_string()), SHOWN_CELLS_MAX)
}

/// Adds null for each removed member of an object, because a merge patch (RFC 7396) removes only
/// members that are null in it.
fn clear_removed_members(before: Option<&Value>, after: &mut Value) {
    let (Some(Value::Object(before)), Value::Object(after)) = (before, after) else { return };
    for (name, old) in before {
        match after.get_mut(name) {
            Some(new) => clear_removed_members(Some(old), new),
            None => drop(after.insert(name.clone(), Value::Null)),
        }
    }
}
