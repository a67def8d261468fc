//! The filter and the order of lists.

use std::cmp::Ordering;

use persona_model::{Cursor, ListRequest, Nearness, Persona, PersonaId, Rank, Sort, SortKey};

use super::labels::holder;
use super::rows::Rows;
use crate::{Error, Page, RevisionRecord};

/// One page of a list.
pub(super) fn page(rows: &Rows, request: &ListRequest) -> Result<Page, Error> {
    let key = request.sort.key;
    let since = request.filter.updated_since;
    let position = since.map(|since| rows.position(since)).transpose()?;
    let mut all: Vec<&(Persona, RevisionRecord)> = rows
        .histories
        .values()
        .filter_map(|history| history.last())
        .filter(|(persona, _)| {
            meets(rows, persona, request) && since.is_none_or(|since| rows.changed(persona, since))
        })
        .collect();
    let total = request.count.then_some(all.len() as u64);
    all.sort_by(|(one, _), (other, _)| {
        compare(
            (sort_value(one, request), one.id),
            (sort_value(other, request), other.id),
            request.sort,
        )
    });
    if let Some(after) = &request.after {
        let start = (cursor_value(after, key), after.id);
        all.retain(|(persona, _)| {
            compare((sort_value(persona, request), persona.id), start, request.sort).is_gt()
        });
    }
    let fitting = crate::page::fitting(
        all.iter().map(|(_, record)| record.representation.body.len()),
        request.limit,
    );
    let more = all.len() > fitting;
    all.truncate(fitting);
    let next_cursor = all.last().filter(|_| more).map(|(persona, _)| {
        let (number, name) = sort_value(persona, request);
        let key = if key == SortKey::Name { name.to_owned() } else { number.to_string() };
        Cursor { key, id: persona.id }.encode(&request.filter, request.sort)
    });
    let items = all.into_iter().map(|(_, record)| record.representation.clone()).collect();
    Ok(Page { items, next_cursor, total, position })
}

/// What a list is ordered by: a number or a text.
fn sort_value<'a>(persona: &'a Persona, request: &ListRequest) -> (i64, &'a str) {
    match request.sort.key {
        SortKey::Name => (0, persona.document.name()),
        SortKey::CreatedAt => (persona.created_at.as_micros(), ""),
        SortKey::UpdatedAt => (persona.updated_at.as_micros(), ""),
        SortKey::Relevance => {
            let search = request.filter.search.as_ref();
            let nearness =
                search.map_or(Nearness::Name, |search| search.nearness(&persona.document));
            (Rank::new(nearness, persona.created_at).number(), "")
        }
    }
}

/// Compares two places in a list.
fn compare(one: ((i64, &str), PersonaId), other: ((i64, &str), PersonaId), sort: Sort) -> Ordering {
    let turned = |order: Ordering, is_turned: bool| if is_turned { order.reverse() } else { order };
    let by_identity = turned(one.1.cmp(&other.1), sort.is_newest_first_among_equals());
    turned(one.0.cmp(&other.0), sort.descending).then(by_identity)
}

fn cursor_value(cursor: &Cursor, key: SortKey) -> (i64, &str) {
    match key {
        SortKey::Name => (0, &cursor.key),
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
            (cursor.key.parse().unwrap_or_default(), "")
        }
    }
}

fn meets(rows: &Rows, persona: &Persona, request: &ListRequest) -> bool {
    let filter = &request.filter;
    let tags = persona.document.folded_tags();
    let owners = filter.reach.owners(filter.owned.as_ref());
    (filter.include_deleted || persona.deleted_at.is_none())
        && filter.kind.is_none_or(|kind| persona.document.kind() == kind)
        && filter.is_active.is_none_or(|active| persona.document.is_active() == active)
        && filter.search.as_ref().is_none_or(|search| search.is_met_by(&persona.document))
        && owners.is_none_or(|owners| owners.contains(&persona.document.owner_word()))
        && filter.handle_prefix.as_ref().is_none_or(|prefix| {
            persona.document.handle().is_some_and(|handle| handle.starts_with(prefix.as_str()))
        })
        && filter.tags.iter().all(|tag| tags.contains(tag))
        && !filter.without_tags.iter().any(|tag| tags.contains(tag))
        && filter.label.as_ref().is_none_or(|label| {
            holder(rows, persona.id).is_some_and(|holder| holder.labels.contains_key(label))
        })
}
