//! Finds the persona that a user means: by identity, handle or name.

use persona_http::contract::page::Page;
use persona_model::{HandleName, PersonaId, Search};
use persona_server::exit_code::ExitCode;
use serde_json::Value;

use super::by_handle::{self, Lead};
use crate::client::{Api, PERSONAS, Query};
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Personas of one page while names are looked for: the largest page that the API has.
const PAGE: &str = "1000";
/// Most candidates or near names that are listed.
const LISTED_MAX: usize = 5;
/// Lowest similarity (Jaro-Winkler) of a suggested name, as for mistyped fields.
const SIMILARITY_MIN: f64 = 0.8;

/// The facts about a persona that a search for names needs.
struct Candidate {
    id: PersonaId,
    name: String,
    similarity: f64,
}

/// The result of a search for names.
#[derive(Default)]
struct Found {
    /// Whether only deleted personas are wanted. Several of them may have had the same handle.
    deleted: bool,
    /// Whether deleted personas are looked at too, to say that the wanted persona is deleted.
    with_deleted: bool,
    /// Personas with the handle; several if they have different owners.
    same_handle: Vec<Candidate>,
    same_name: Vec<Candidate>,
    /// Deleted personas that had the handle or name, where only living ones are wanted.
    deleted_same: Vec<Candidate>,
    near: Vec<Candidate>,
}

/// The deleted persona with this identity, or with the handle or name that it had.
pub async fn resolve_deleted(api: &Api, wanted: &str) -> Result<PersonaId, Failure> {
    must_name_something(wanted)?;
    if let Some(id) = PersonaId::parse(wanted) {
        return Ok(id);
    }
    if let Some(wanted) = wanted.strip_prefix(by_handle::MARK) {
        return match by_its_handle(api, wanted).await? {
            // A persona that is not deleted stays as it is.
            Lead::Persona(id) | Lead::Deleted(id) => Ok(id),
            Lead::Former(_) | Lead::Nothing => Err(no_handle(wanted)),
        };
    }
    let mut found = Found { deleted: true, ..Found::default() };
    found.look(api, wanted, None).await?;
    match found.same_name.as_slice() {
        [only] => Ok(only.id),
        [] => Err(unknown(
            wanted,
            &found.near,
            "deleted persona",
            "`persona list --include-deleted` shows deleted ones too",
        )),
        several => Err(ambiguous(wanted, several)),
    }
}

/// The persona with this identity, handle or name. A handle wins over a name, because within an
/// owner it is unique; one that was given up does not, because nothing keeps it from being a name.
/// The user is told where one that was given up leads.
pub async fn resolve(api: &Api, wanted: &str, output: &Output) -> Result<PersonaId, Failure> {
    must_name_something(wanted)?;
    if let Some(id) = PersonaId::parse(wanted) {
        return Ok(id);
    }
    let lead = by_its_handle(api, wanted).await?;
    let former = || followed(wanted, &lead, output);
    if let Lead::Persona(id) = lead {
        return Ok(id);
    }
    if let Some(handle) = wanted.strip_prefix(by_handle::MARK) {
        return match lead {
            Lead::Deleted(id) => Err(deleted(wanted, id)),
            _ => former().ok_or_else(|| no_handle(handle)),
        };
    }
    let phrase = format!("\"{}\"", wanted.replace('"', " "));
    let mut found = Found::default();
    if Search::parse(&phrase).is_ok() {
        // A persona with this name has these words in sequence, so the index finds it.
        found.look(api, wanted, Some(&phrase)).await?;
    }
    if found.is_empty() {
        // If none is found, or the name has no word, every name is looked at, also to suggest
        // similar ones. Deleted personas are included, because the user may mean one of them.
        found.with_deleted = true;
        found.look(api, wanted, None).await?;
    }
    match (found.same_handle.as_slice(), found.same_name.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only.id),
        ([], []) if matches!(lead, Lead::Former(_)) => former().ok_or_else(|| no_handle(wanted)),
        ([], []) => match found.deleted_same.as_slice() {
            [] => Err(unknown(wanted, &found.near, "persona", "`persona list` shows all")),
            [only] => Err(deleted(wanted, only.id)),
            several => Err(Failure::new(
                ExitCode::NotFound,
                format!("{} personas that were called {wanted:?} are deleted", several.len()),
            )
            .hint(format!("bring one back with `persona undelete`: {}", ids(several)))),
        },
        ([], several) | (several, _) => Err(ambiguous(wanted, several)),
    }
}

/// Where a text leads as a handle, with a mark before it or without.
async fn by_its_handle(api: &Api, wanted: &str) -> Result<Lead, Failure> {
    let text = wanted.strip_prefix(by_handle::MARK).unwrap_or(wanted);
    match HandleName::parse(text) {
        Some(handle) => by_handle::look(api, &handle).await,
        None => Ok(Lead::Nothing),
    }
}

/// The persona that gave a handle up.
fn followed(wanted: &str, lead: &Lead, output: &Output) -> Option<PersonaId> {
    let Lead::Former(id) = lead else { return None };
    output.note(&format!("{:?} was given up as a handle, and leads to {id}", harmless(wanted)));
    Some(*id)
}

fn no_handle(handle: &str) -> Failure {
    Failure::new(ExitCode::NotFound, format!("no persona has the handle {handle:?}"))
        .hint("`persona list` shows all; a name is given without @")
}

/// Refuses what a script gets from a variable that is not set.
fn must_name_something(wanted: &str) -> Result<(), Failure> {
    if wanted.trim().is_empty() {
        return Err(Failure::new(ExitCode::Usage, "an empty text names no persona")
            .hint("name one by its id, handle or name"));
    }
    Ok(())
}

impl Found {
    fn is_empty(&self) -> bool {
        self.same_handle.is_empty() && self.same_name.is_empty()
    }

    /// Looks through all personas that meet a search, or through all, page by page.
    async fn look(&mut self, api: &Api, wanted: &str, search: Option<&str>) -> Result<(), Failure> {
        let include_deleted = self.deleted || self.with_deleted;
        let mut cursor: Option<String> = None;
        loop {
            let query = Query::new(PERSONAS)
                .with("limit", PAGE)
                .with("fields", "id,name,handle,deleted_at")
                .with("sort", "created_at");
            let query = query
                .with_some("include_deleted", include_deleted.then_some("true"))
                .with_some("q", search)
                .with_some("cursor", cursor.as_deref());
            let page = api.get(&query.into_path()).await?.success()?.read_as::<Page<Value>>()?;
            for item in &page.items {
                self.take(wanted, item);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, wanted: &str, item: &Value) {
        let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
        let Some(id) = PersonaId::parse(text("id")) else { return };
        let is_deleted = item.get("deleted_at").is_some_and(|time| !time.is_null());
        let has_handle = item.get("handle").and_then(Value::as_str) == Some(wanted);
        if self.deleted != is_deleted {
            if is_deleted && (has_handle || text("name") == wanted) {
                let name = text("name").into();
                self.deleted_same.push(Candidate { id, name, similarity: 1.0 });
            }
            return;
        }
        let candidate = Candidate {
            id,
            name: text("name").into(),
            similarity: similarity(wanted, text("name"), text("handle")),
        };
        if has_handle && !self.deleted {
            self.same_handle.push(candidate);
        } else if candidate.name == wanted || has_handle {
            self.same_name.push(candidate);
        } else if candidate.similarity >= SIMILARITY_MIN
            && !self.near.iter().any(|known| known.id == id)
        {
            self.near.push(candidate);
            // Only the most similar names are kept, because no more are listed.
            self.near.sort_by(|left, right| right.similarity.total_cmp(&left.similarity));
            self.near.truncate(LISTED_MAX);
        }
    }
}

fn similarity(wanted: &str, name: &str, handle: &str) -> f64 {
    let wanted = wanted.to_lowercase();
    strsim::jaro_winkler(&wanted, &name.to_lowercase()).max(strsim::jaro_winkler(&wanted, handle))
}

fn unknown(wanted: &str, near: &[Candidate], what: &str, all: &str) -> Failure {
    let failure = Failure::new(ExitCode::NotFound, format!("there is no {what} {wanted:?}"));
    match near {
        [] => failure.hint(all),
        _ => failure.hint(format!("did you mean {}?", listed(near))),
    }
}

fn deleted(wanted: &str, id: PersonaId) -> Failure {
    Failure::new(ExitCode::NotFound, format!("the persona {wanted:?} is deleted"))
        .hint(format!("`persona undelete {id}` brings it back"))
}

fn ambiguous(wanted: &str, candidates: &[Candidate]) -> Failure {
    let message = format!("{} personas are called {wanted:?}", candidates.len());
    Failure::new(ExitCode::Conflict, message)
        .hint(format!("name one by its identity: {}", ids(candidates)))
}

fn listed(candidates: &[Candidate]) -> String {
    candidates
        .iter()
        .map(|candidate| format!("{:?} ({})", candidate.name, candidate.id))
        .collect::<Vec<_>>()
        .join(", ")
}

fn ids(candidates: &[Candidate]) -> String {
    let more = candidates.len().saturating_sub(LISTED_MAX);
    let named: Vec<String> =
        candidates.iter().take(LISTED_MAX).map(|candidate| candidate.id.to_string()).collect();
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}
