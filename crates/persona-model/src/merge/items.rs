//! The merge of a list by its items.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::fates::{Fate, Side};
use super::identity::{Identity, ItemKind, identities};
use super::parts::Parts;
use super::unit::{Merging, Sides};

/// Most items of a list that is merged item by item; one with more is a unit as a whole. Three
/// lists of so many take some milliseconds, and lists of people are far shorter.
pub const MERGE_ITEMS_MAX: usize = 10_000;

/// The place of an item that the base does not have, in a JSON Pointer (RFC 6901 section 4).
const NO_PLACE: &str = "-";

/// The items that each side added behind one item of the base.
#[derive(Default)]
struct Gap<'a> {
    theirs: Vec<&'a Value>,
    yours: Vec<&'a Value>,
}

impl Merging {
    /// Merges a list; `None` where that is not possible item by item.
    pub(super) fn items(
        &mut self,
        kind: ItemKind,
        base: &[Value],
        theirs: &[Value],
        yours: &[Value],
    ) -> Option<Vec<Value>> {
        let lists = [base, theirs, yours];
        if lists.iter().any(|list| list.len() > MERGE_ITEMS_MAX) {
            return None;
        }
        let [base_ids, their_ids, your_ids] = identities(kind, lists);
        let theirs = Side::of(kind, &base_ids, theirs, &their_ids);
        let yours = Side::of(kind, &base_ids, yours, &your_ids);
        let kept = self.kept(kind, base, &theirs, &yours)?;
        let order = order(&kept, &theirs, &yours)?;
        let mut gaps = self.gaps(&kept, &theirs, &yours);
        let mut merged = Vec::new();
        let mut kept = kept;
        let places = order.into_iter().map(Some);
        for place in std::iter::once(None).chain(places) {
            merged.extend(place.and_then(|place| kept[place].take()));
            let Gap { theirs, yours } = gaps.remove(&place).unwrap_or_default();
            // The stored items come before the new ones.
            merged.extend(theirs.into_iter().chain(yours).cloned());
        }
        Some(merged)
    }

    /// For each item of the base, the merged item; `None` for an item that is removed.
    fn kept<'a>(
        &mut self,
        kind: ItemKind,
        base: &'a [Value],
        theirs: &'a Side<'_>,
        yours: &'a Side<'_>,
    ) -> Option<Vec<Option<Value>>> {
        let add_the_same = theirs.added().eq(yours.added());
        let mut kept = Vec::with_capacity(base.len());
        for (place, item) in base.iter().enumerate() {
            let fates = (theirs.fates[place], yours.fates[place]);
            let value = |side: &'a Side<'_>, fate| match fate {
                Fate::Kept(place) => Some(&side.items[place]),
                Fate::Removed | Fate::Replaced => None,
            };
            let (their, your) = (value(theirs, fates.0), value(yours, fates.1));
            let is_untouched = their == Some(item) || your == Some(item);
            let is_unclear = fates.0 == Fate::Replaced || fates.1 == Fate::Replaced;
            // One side changed the item, and the item may be among those that the other side added.
            if is_unclear && !is_untouched && !add_the_same {
                return None;
            }
            let sides = Sides { base: Some(item), theirs: their, yours: your };
            let value = self.member(&place.to_string(), Parts::of_item(kind), sides);
            // An item that only one side still has is removed, or in conflict. It has no place in
            // the merged list.
            kept.push(value.filter(|_| their.is_some() && your.is_some()));
        }
        Some(kept)
    }

    /// The items that either side added, by the item of the base behind which they are. An item
    /// that both sides added is there once. If only its name is the same on both sides, it is a
    /// conflict.
    fn gaps<'a>(
        &mut self,
        kept: &[Option<Value>],
        theirs: &Side<'a>,
        yours: &Side<'a>,
    ) -> HashMap<Option<usize>, Gap<'a>> {
        let mut gaps: HashMap<Option<usize>, Gap<'a>> = HashMap::new();
        let added: HashMap<Identity<'_>, &Value> =
            additions(kept, theirs).map(|(_, identity, item)| (identity, item)).collect();
        let mut of_both = HashSet::new();
        for (behind, identity, item) in additions(kept, yours) {
            if let Some(their) = added.get(&identity) {
                let sides = Sides { base: None, theirs: Some(*their), yours: Some(item) };
                self.member(NO_PLACE, Parts::None, sides);
                of_both.insert(identity);
            } else {
                gaps.entry(behind).or_default().yours.push(item);
            }
        }
        for (behind, _, item) in additions(kept, theirs) {
            gaps.entry(behind).or_default().theirs.push(item);
        }
        gaps
    }
}

/// The items that a side added, each with the item of the base behind which it is.
fn additions<'s, 'a>(
    kept: &'s [Option<Value>],
    side: &'s Side<'a>,
) -> impl Iterator<Item = (Option<usize>, Identity<'a>, &'a Value)> + 's {
    let items = side.items.iter().zip(side.identities).zip(&side.origins);
    items
        .scan(None, |behind, ((item, identity), origin)| {
            if let Some(place) = origin.filter(|place| kept[*place].is_some()) {
                *behind = Some(place);
            }
            Some(origin.is_none().then_some((*behind, *identity, item)))
        })
        .flatten()
}

/// The order of the items that stay: that of the side that moved items. `None` if both sides moved
/// items differently.
fn order(kept: &[Option<Value>], theirs: &Side<'_>, yours: &Side<'_>) -> Option<Vec<usize>> {
    let of = |side: &Side<'_>| -> Vec<usize> {
        let places = side.origins.iter().copied().flatten();
        places.filter(|place| kept[*place].is_some()).collect()
    };
    let (theirs, yours) = (of(theirs), of(yours));
    if theirs.is_sorted() || theirs == yours {
        Some(yours)
    } else {
        yours.is_sorted().then_some(theirs)
    }
}
