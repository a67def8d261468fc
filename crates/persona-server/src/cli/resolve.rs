//! Which persona a user means: by identity, handle or name.

use persona_model::PersonaId;
use serde_json::Value;

use super::api::{Api, PERSONAS, Query};
use super::failure::Failure;
use crate::exit_code::ExitCode;

/// Personas of one page while names are looked for: the largest page that the API has.
const PAGE: &str = "1000";
/// Most candidates or near names that are listed.
const LISTED_MAX: usize = 5;
/// Least similarity (Jaro-Winkler) of a name that is suggested, as for mistyped fields.
const SIMILARITY_MIN: f64 = 0.8;

/// What can be told of a persona while names are looked for.
struct Candidate {
    id: PersonaId,
    name: String,
    similarity: f64,
}

/// The persona with this identity, handle or name. A handle wins over a name, because handles are unique.
pub async fn resolve(api: &Api, wanted: &str) -> Result<PersonaId, Failure> {
    if let Some(id) = PersonaId::parse(wanted) {
        return Ok(id);
    }
    let (mut same_name, mut near) = (Vec::new(), Vec::new());
    let mut cursor: Option<String> = None;
    loop {
        let query = Query::new(PERSONAS).with("limit", PAGE).with("fields", "id,name,handle").with_some("cursor", cursor.as_deref());
        let page = api.get(&query.into_path()).await?.success()?.json();
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
            let Some(id) = PersonaId::parse(text("id")) else { continue };
            if text("handle") == wanted {
                return Ok(id);
            }
            let candidate = Candidate { id, name: text("name").into(), similarity: similarity(wanted, text("name"), text("handle")) };
            if candidate.name == wanted {
                same_name.push(candidate);
            } else if candidate.similarity >= SIMILARITY_MIN {
                near.push(candidate);
                // Only the nearest can be listed, so no more are kept.
                near.sort_by(|left, right| right.similarity.total_cmp(&left.similarity));
                near.truncate(LISTED_MAX);
            }
        }
        cursor = page.get("next_cursor").and_then(Value::as_str).map(ToString::to_string);
        if cursor.is_none() {
            break;
        }
    }
    match same_name.as_slice() {
        [only] => Ok(only.id),
        [] => Err(unknown(wanted, &near)),
        several => Err(ambiguous(wanted, several)),
    }
}

fn similarity(wanted: &str, name: &str, handle: &str) -> f64 {
    let wanted = wanted.to_lowercase();
    strsim::jaro_winkler(&wanted, &name.to_lowercase()).max(strsim::jaro_winkler(&wanted, handle))
}

fn unknown(wanted: &str, near: &[Candidate]) -> Failure {
    let failure = Failure::new(ExitCode::NotFound, format!("there is no persona {wanted:?}"));
    match near {
        [] => failure.hint("`persona list` shows all"),
        _ => failure.hint(format!("did you mean {}?", listed(near))),
    }
}

fn ambiguous(wanted: &str, candidates: &[Candidate]) -> Failure {
    let message = format!("{} personas are called {wanted:?}", candidates.len());
    Failure::new(ExitCode::Conflict, message).hint(format!("name one by its identity: {}", ids(candidates)))
}

fn listed(candidates: &[Candidate]) -> String {
    candidates.iter().map(|candidate| format!("{:?} ({})", candidate.name, candidate.id)).collect::<Vec<_>>().join(", ")
}

fn ids(candidates: &[Candidate]) -> String {
    let more = candidates.len().saturating_sub(LISTED_MAX);
    let named: Vec<String> = candidates.iter().take(LISTED_MAX).map(|candidate| candidate.id.to_string()).collect();
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}
