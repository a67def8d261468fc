//! When an item of one list is the same as an item of another list.

use std::collections::HashMap;

use serde_json::Value;

/// What the items of a list are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// Words, such as tags. Two different words are two items.
    Word,
    /// Texts, such as greetings.
    Text,
    /// Assets (Character Card V3): the same type and name is the same asset.
    Asset,
    /// Entries of a lorebook: the same `id` is the same entry.
    Entry,
}

/// What identifies an item in several lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Identity<'a> {
    /// The members that name the item. No other item of its list has the same name.
    Named(&'a Value, Option<&'a Value>),
    /// The value of the item, and the number of equal items before it in its list.
    Equal(&'a Value, usize),
}

impl<'a> Identity<'a> {
    /// The value that identifies the item, if no name does.
    pub(crate) fn value(self) -> Option<&'a Value> {
        match self {
            Self::Named(..) => None,
            Self::Equal(value, _) => Some(value),
        }
    }

    /// Whether an item with this identity can be changed into an item with the other identity.
    pub(crate) fn can_become(self, other: Self) -> bool {
        !matches!((self, other), (Self::Named(..), Self::Named(..)))
    }
}

/// The identities of the items of three versions of a list.
///
/// A name identifies an item only if no list has the name twice. An entry without an `id`, or with
/// the `id` of another entry, is identified by its value.
pub(crate) fn identities<'a>(kind: ItemKind, lists: [&'a [Value]; 3]) -> [Vec<Identity<'a>>; 3] {
    // For each name, the largest number of items of one list that have it.
    let mut names: HashMap<Identity<'a>, usize> = HashMap::new();
    for list in lists {
        let mut own: HashMap<Identity<'a>, usize> = HashMap::new();
        for name in list.iter().filter_map(|item| name_of(kind, item)) {
            *own.entry(name).or_default() += 1;
        }
        for (name, times) in own {
            let most = names.entry(name).or_default();
            *most = times.max(*most);
        }
    }
    lists.map(|list| {
        let mut equal: HashMap<&Value, usize> = HashMap::new();
        let mut of = |item: &'a Value| {
            let name = name_of(kind, item).filter(|name| names.get(name) == Some(&1));
            name.unwrap_or_else(|| {
                let before = equal.entry(item).or_default();
                *before += 1;
                Identity::Equal(item, *before)
            })
        };
        list.iter().map(&mut of).collect()
    })
}

fn name_of(kind: ItemKind, item: &Value) -> Option<Identity<'_>> {
    match kind {
        ItemKind::Word | ItemKind::Text => None,
        ItemKind::Asset => Some(Identity::Named(item.get("type")?, Some(item.get("name")?))),
        ItemKind::Entry => {
            let id = item.get("id").filter(|id| id.is_number() || id.is_string())?;
            Some(Identity::Named(id, None))
        }
    }
}

/// The lines and words by which an item can be recognised.
pub(crate) fn parts_of(kind: ItemKind, item: &Value) -> impl Iterator<Item = &str> {
    let members: &[&str] = match kind {
        ItemKind::Word | ItemKind::Text => &[],
        ItemKind::Asset => &["name", "uri"],
        ItemKind::Entry => &["content", "name", "comment"],
    };
    let keys = item.get("keys").and_then(Value::as_array).into_iter().flatten();
    let values = members.iter().filter_map(|name| item.get(name)).chain([item]).chain(keys);
    values.filter_map(Value::as_str).flat_map(str::lines).filter(|line| !line.trim().is_empty())
}
