//! The filter and the order of lists.

use std::cmp::Ordering;

use persona_model::{Cursor, ListRequest, Nearness, Persona, PersonaId, Rank, Sort, SortKey};

/// What a list is ordered by: a number or a text.
pub(super) fn sort_value<'a>(persona: &'a Persona, request: &ListRequest) -> (i64, &'a str) {
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
pub(super) fn compare(
    one: ((i64, &str), PersonaId),
    other: ((i64, &str), PersonaId),
    sort: Sort,
) -> Ordering {
    let turned = |order: Ordering, is_turned: bool| if is_turned { order.reverse() } else { order };
    let by_identity = turned(one.1.cmp(&other.1), sort.is_newest_first_among_equals());
    turned(one.0.cmp(&other.0), sort.descending).then(by_identity)
}

pub(super) fn cursor_value(cursor: &Cursor, key: SortKey) -> (i64, &str) {
    match key {
        SortKey::Name => (0, &cursor.key),
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
            (cursor.key.parse().unwrap_or_default(), "")
        }
    }
}

pub(super) fn meets(persona: &Persona, request: &ListRequest) -> bool {
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
}
