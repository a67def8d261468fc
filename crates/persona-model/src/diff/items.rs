//! The difference of two lists of items with identities: which items are gone, new, changed, and
//! which stand elsewhere. The identities are those of a merge (`merge/identity.rs`).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::values::{self, Found, Place};
use crate::PATCH_OPERATIONS_MAX;
use crate::merge::{Identity, ItemKind, MERGE_ITEMS_MAX, Parts, Side, identities};

/// An item of a list that is not as it was.
#[derive(Clone, PartialEq, Debug)]
pub struct ItemDiff {
    /// The list: a JSON Pointer (RFC 6901) into both documents.
    pub list: String,
    /// What names the item: the `id` of an entry of a lorebook, or type and name of an asset.
    /// `None` for an item that is known by its value, such as a greeting.
    pub identity: Option<Value>,
    /// The place of the item in the first list, from 0; `None` where it is new.
    pub from: Option<usize>,
    /// The place of the item in the second list, from 0; `None` where it is gone.
    pub to: Option<usize>,
    /// Whether it stands elsewhere among the items that stay.
    pub is_moved: bool,
    /// Whether its content differs.
    pub is_changed: bool,
}

/// Whether both lists have so few items that they are told apart by their identities.
pub(super) fn are_comparable(from: &[Value], to: &[Value]) -> bool {
    from.len().max(to.len()) <= MERGE_ITEMS_MAX
}

/// The operations that turn one list into another: what is gone, what stands elsewhere, what is
/// new, and then the changes of what stays, at its place in the second list.
pub(super) fn operations<'a>(
    place: &Place,
    kind: ItemKind,
    from: &'a [Value],
    whole: &'a Value,
    found: &mut Found<'a>,
) -> Vec<Value> {
    let to = whole.as_array().map_or(&[][..], Vec::as_slice);
    let [before, after, _] = identities(kind, [from, to, &[]]);
    let origins = Side::of(kind, &before, to, &after).origins;
    let order: Vec<usize> = origins.iter().copied().flatten().collect();
    let kept: HashSet<usize> = order.iter().copied().collect();
    let at_rest = longest_rising(&order);
    if kind != ItemKind::Word {
        let told = Told { list: &place.to, identities: [&before, &after], at_rest: &at_rest };
        let gone = (0..from.len()).filter(|old| !kept.contains(old));
        found.items.extend(gone.map(|old| told.of(Some(old), None, false)));
        for (new, origin) in origins.iter().enumerate() {
            let is_changed = origin.is_some_and(|old| from[old] != to[new]);
            let is_moved = origin.is_some_and(|old| !at_rest.contains(&old));
            if origin.is_none() || is_moved || is_changed {
                found.items.push(told.of(*origin, Some(new), is_changed));
            }
        }
    }
    let mut changes = Vec::new();
    for (new, origin) in origins.iter().enumerate() {
        if let Some(old) = *origin {
            let (item, parts) = (place.part(old, new), Parts::of_item(kind));
            changes.extend(values::operations(&item, parts, &from[old], &to[new], found));
        }
    }
    match placing(&place.to, from, to, &origins, &at_rest) {
        Some(placing) => [placing, changes].concat(),
        None => vec![values::replacement(&place.to, whole)],
    }
}

/// What is told of the items of a list.
struct Told<'a> {
    list: &'a str,
    identities: [&'a [Identity<'a>]; 2],
    at_rest: &'a HashSet<usize>,
}

impl Told<'_> {
    fn of(&self, from: Option<usize>, to: Option<usize>, is_changed: bool) -> ItemDiff {
        let [before, after] = self.identities;
        let identity = to.map(|new| after[new]).or(from.map(|old| before[old]));
        let is_moved = to.is_some() && from.is_some_and(|old| !self.at_rest.contains(&old));
        let identity = identity.and_then(|identity| match identity {
            Identity::Named(id, None) => Some(id.clone()),
            Identity::Named(first, Some(second)) => Some(json!([first, second])),
            Identity::Equal(..) => None,
        });
        ItemDiff { list: self.list.to_owned(), identity, from, to, is_moved, is_changed }
    }
}

/// The operations that leave in a list what stays, in its order, with what is new at its place;
/// `None` where they would be more than a patch can have.
fn placing(
    list: &str,
    from: &[Value],
    to: &[Value],
    origins: &[Option<usize>],
    at_rest: &HashSet<usize>,
) -> Option<Vec<Value>> {
    let order: Vec<usize> = origins.iter().copied().flatten().collect();
    let changes = from.len() + to.len() - 2 * order.len() + order.len() - at_rest.len();
    if changes > PATCH_OPERATIONS_MAX {
        return None;
    }
    let at = |place: usize| format!("{list}/{place}");
    let kept: HashSet<usize> = order.iter().copied().collect();
    let gone = (0..from.len()).rev().filter(|old| !kept.contains(old));
    let mut all: Vec<Value> = gone.map(|old| json!({ "op": "remove", "path": at(old) })).collect();
    let mut now: Vec<usize> = (0..from.len()).filter(|old| kept.contains(old)).collect();
    let place_of = |now: &[usize], item: usize| {
        now.iter().position(|one| *one == item).expect("an item that stays is in the list")
    };
    for (place, item) in order.iter().enumerate().filter(|(_, item)| !at_rest.contains(item)) {
        let before = place_of(&now, *item);
        now.remove(before);
        let behind = place.checked_sub(1).map_or(0, |place| place_of(&now, order[place]) + 1);
        now.insert(behind, *item);
        if before != behind {
            all.push(json!({ "op": "move", "from": at(before), "path": at(behind) }));
        }
    }
    for (place, item) in to.iter().enumerate().filter(|(place, _)| origins[*place].is_none()) {
        all.push(json!({ "op": "add", "path": at(place), "value": item }));
    }
    Some(all)
}

/// The most numbers of a list that already rise from one to the next.
fn longest_rising(numbers: &[usize]) -> HashSet<usize> {
    // Of each length, the smallest number that such a run can end with; and of each number the one
    // before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(place);
        } else {
            ends[length] = place;
        }
    }
    let mut rising = HashSet::new();
    let mut next = ends.last().copied();
    while let Some(place) = next {
        rising.insert(numbers[place]);
        next = before[place];
    }
    rising
}

#[cfg(test)]
mod tests {
    use super::longest_rising;

    #[test]
    fn as_few_items_as_possible_stand_elsewhere() {
        for (numbers, count) in [
            (&[][..], 0),
            (&[0, 1, 2], 3),
            (&[1, 2, 0], 2),
            (&[2, 0, 1], 2),
            (&[3, 2, 1, 0], 1),
            (&[4, 0, 3, 1, 2, 5], 4),
        ] {
            let rising = longest_rising(numbers);
            assert_eq!(rising.len(), count, "{numbers:?}");
            let kept: Vec<_> = numbers.iter().filter(|number| rising.contains(number)).collect();
            assert!(kept.is_sorted(), "{numbers:?}: {kept:?}");
        }
    }
}
