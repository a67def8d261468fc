//! Personas, counted one after the other.

use std::collections::BTreeMap;

use persona_model::Persona;

use super::labels::holder;
use super::rows::Rows;
use crate::{Count, CountBy, CountRequest};

/// A page of the counts of the living.
pub(super) fn page(rows: &Rows, request: &CountRequest) -> Vec<Count> {
    let owners = request.reach.owners(None);
    let is_reached = |persona: &Persona| {
        owners.as_ref().is_none_or(|owners| owners.contains(&persona.document.owner_word()))
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (persona, _) in rows.histories.values().filter_map(|history| history.last()) {
        if persona.deleted_at.is_none() && is_reached(persona) {
            for name in names(rows, persona, &request.by) {
                *counts.entry(name).or_default() += 1;
            }
        }
    }
    let is_behind = |name: &str| {
        request.after.as_deref().is_none_or(|after| name.as_bytes() > after.as_bytes())
    };
    let all = counts.into_iter().map(|(name, personas)| Count { name, personas });
    all.filter(|count| is_behind(&count.name)).take(request.limit).collect()
}

/// By what a persona is counted.
fn names(rows: &Rows, persona: &Persona, by: &CountBy) -> Vec<String> {
    match by {
        CountBy::Folder(_) => {
            let beginning = by.beginning();
            let rest = persona.document.handle().and_then(|handle| handle.strip_prefix(beginning));
            let folder = rest.and_then(|rest| rest.split_once('/'));
            folder.map(|(word, _)| format!("{beginning}{word}/")).into_iter().collect()
        }
        CountBy::Label => {
            let labels = holder(rows, persona.id).map(|holder| holder.labels);
            labels.into_iter().flatten().map(|(label, _)| label.to_string()).collect()
        }
        CountBy::Owner => vec![persona.document.owner_word().to_owned()],
    }
}
