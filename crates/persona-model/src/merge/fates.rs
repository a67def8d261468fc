//! Which items of a list one side kept, changed, removed and added.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use super::identity::{Identity, ItemKind, parts_of};

/// The fate of an item of the base on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// The side has the item at this place, unchanged or changed.
    Kept(usize),
    /// The side does not have the item any more.
    Removed,
    /// The side does not have the item any more, but an item that the side added may be a changed
    /// form of it.
    Replaced,
}

/// A list as one side has it, compared with the base.
pub(crate) struct Side<'a> {
    pub items: &'a [Value],
    pub identities: &'a [Identity<'a>],
    /// The fate of each item of the base.
    pub fates: Vec<Fate>,
    /// For each item of the side, the place of the same item in the base; `None` for an item that
    /// the side added.
    pub origins: Vec<Option<usize>>,
}

/// The items of the base before and behind a run of items, by their places in the base; `None` at
/// the start or the end of the list.
type Between = (Option<usize>, Option<usize>);

impl<'a> Side<'a> {
    pub(crate) fn of(
        kind: ItemKind,
        base: &[Identity<'a>],
        items: &'a [Value],
        identities: &'a [Identity<'a>],
    ) -> Self {
        let places: HashMap<Identity<'a>, usize> =
            base.iter().enumerate().map(|(place, identity)| (*identity, place)).collect();
        let origins: Vec<Option<usize>> =
            identities.iter().map(|identity| places.get(identity).copied()).collect();
        let mut fates = vec![Fate::Removed; base.len()];
        for (place, origin) in origins.iter().enumerate() {
            if let Some(origin) = origin {
                fates[*origin] = Fate::Kept(place);
            }
        }
        let mut side = Self { items, identities, fates, origins };
        // A word is never a changed form of another word.
        if kind != ItemKind::Word {
            side.find_changed(kind, base);
            side.find_replaced(base);
        }
        side
    }

    /// The items that were added.
    pub(crate) fn added(&self) -> impl Iterator<Item = &'a Value> {
        let items = self.items.iter().zip(&self.origins);
        items.filter_map(|(item, origin)| origin.is_none().then_some(item))
    }

    /// Finds items that were changed in place: between two neighbours that stay, the side has as
    /// many new items as the base had items that are gone.
    fn find_changed(&mut self, kind: ItemKind, base: &[Identity<'a>]) {
        let kept: Vec<Option<usize>> = self
            .fates
            .iter()
            .enumerate()
            .map(|(place, fate)| matches!(fate, Fate::Kept(_)).then_some(place))
            .collect();
        let gone: HashMap<Between, Range<usize>> = runs(&kept).into_iter().collect();
        let mut changed: Vec<Option<usize>> = vec![None; self.items.len()];
        for (between, added) in runs(&self.origins) {
            let Some(gone) = gone.get(&between).filter(|gone| gone.len() == added.len()) else {
                continue;
            };
            let pairs = || gone.clone().zip(added.clone());
            let is_nameless = |(old, new): (usize, usize)| {
                base[old].value().is_some() && self.identities[new].value().is_some()
            };
            if pairs().all(is_nameless) {
                pairs().for_each(|(old, new)| changed[new] = Some(old));
            }
        }
        let unclear = self.unclear(kind, base, &changed);
        for (new, old) in changed.into_iter().enumerate() {
            if let Some(old) = old.filter(|old| !unclear.contains(old)) {
                self.fates[old] = Fate::Kept(new);
                self.origins[new] = Some(old);
            }
        }
    }

    /// The items of the base for which a change in place is doubtful: a new item at another place
    /// has a line or word that only this item had. The item of the base at the place of that new
    /// item is doubtful too.
    fn unclear(
        &self,
        kind: ItemKind,
        base: &[Identity<'a>],
        changed: &[Option<usize>],
    ) -> HashSet<usize> {
        // A part that several items have identifies none of them.
        let mut owners: HashMap<&str, Option<usize>> = HashMap::new();
        for (old, identity) in base.iter().enumerate().filter(|(old, _)| self.is_gone(*old)) {
            for part in identity.value().into_iter().flat_map(|value| parts_of(kind, value)) {
                let owner = owners.entry(part).or_insert(Some(old));
                *owner = owner.filter(|owner| *owner == old);
            }
        }
        let mut unclear = HashSet::new();
        for (new, item) in self.items.iter().enumerate() {
            if self.origins[new].is_none() {
                let owners = parts_of(kind, item).filter_map(|part| owners.get(part).copied()?);
                for owner in owners.filter(|owner| changed[new] != Some(*owner)) {
                    unclear.extend([owner].into_iter().chain(changed[new]));
                }
            }
        }
        unclear
    }

    fn is_gone(&self, old: usize) -> bool {
        !matches!(self.fates[old], Fate::Kept(_))
    }

    /// Finds removed items of which some added item may be a changed form. Which one is not known.
    fn find_replaced(&mut self, base: &[Identity<'a>]) {
        let added: Vec<Identity<'a>> = self
            .identities
            .iter()
            .zip(&self.origins)
            .filter_map(|(identity, origin)| origin.is_none().then_some(*identity))
            .collect();
        // All added items of one form give the same answer, so one of each form is enough.
        let named = added.iter().find(|identity| matches!(identity, Identity::Named(..)));
        let equal = added.iter().find(|identity| matches!(identity, Identity::Equal(..)));
        for (fate, old) in self.fates.iter_mut().zip(base) {
            let may_become = [named, equal].into_iter().flatten().any(|new| old.can_become(*new));
            if *fate == Fate::Removed && may_become {
                *fate = Fate::Replaced;
            }
        }
    }
}

/// The runs of items without a partner in the other list, each with the partners of the items
/// before and behind the run.
fn runs(partners: &[Option<usize>]) -> Vec<(Between, Range<usize>)> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut before = None;
    for place in 0..=partners.len() {
        let partner = partners.get(place).copied().flatten();
        if place < partners.len() && partner.is_none() {
            continue;
        }
        if start < place {
            runs.push(((before, partner), start..place));
        }
        (start, before) = (place + 1, partner);
    }
    runs
}
