//! Three-way merge of documents: what two editors may do at once.
//!
//! The unit is the top-level field; for free-form objects it is the key. A unit that only one side
//! changed is taken from that side; a unit that both changed to the same value is no conflict; a
//! unit that both changed differently is a conflict, and no side's value is thrown away.

use serde_json::{Map, Value};

use crate::field::{FIELDS, FieldKind};
use crate::{Document, ValidationErrors};

/// A unit that two sides changed differently since their common base.
#[derive(Clone, PartialEq, Debug)]
pub struct Conflict {
    /// Which unit: a JSON Pointer (RFC 6901) into the document.
    pub pointer: String,
    /// Its value in the base; `None` where it did not exist.
    pub base: Option<Value>,
    /// Its value now, made by another writer.
    pub theirs: Option<Value>,
    /// The value that this writer wants.
    pub yours: Option<Value>,
}

/// What came of a three-way merge.
#[derive(Clone, PartialEq, Debug)]
pub enum Merged {
    /// Both sides' changes in one document.
    Clean(Document),
    /// Units that both changed, in the order of the fields; at least one.
    Conflicts(Vec<Conflict>),
}

/// Merges what they and you made of the same base.
///
/// # Errors
///
/// The merged document breaks a rule that each side alone keeps, such as the size of a free-form
/// object.
pub fn merge_three_way(
    base: &Document,
    theirs: &Document,
    yours: &Document,
) -> Result<Merged, ValidationErrors> {
    let mut merged = Map::new();
    let mut conflicts = Vec::new();
    for field in FIELDS {
        let sides = Sides {
            base: base.get(field.name),
            theirs: theirs.get(field.name),
            yours: yours.get(field.name),
        };
        let pointer = format!("/{}", field.name);
        let value = match field.shape {
            FieldKind::Object { .. } | FieldKind::TextByLanguage => {
                Some(merge_keys(&pointer, &sides, &mut conflicts))
            }
            _ => sides.merge(pointer, &mut conflicts),
        };
        if let Some(value) = value {
            merged.insert(field.name.into(), value);
        }
    }
    if conflicts.is_empty() {
        Document::from_json(Value::Object(merged)).map(Merged::Clean)
    } else {
        Ok(Merged::Conflicts(conflicts))
    }
}

/// One unit as the three sides have it.
struct Sides<'a> {
    base: Option<&'a Value>,
    theirs: Option<&'a Value>,
    yours: Option<&'a Value>,
}

impl Sides<'_> {
    fn merge(&self, pointer: String, conflicts: &mut Vec<Conflict>) -> Option<Value> {
        if self.theirs == self.yours || self.base == self.yours {
            return self.theirs.cloned();
        }
        if self.base != self.theirs {
            let owned = |value: Option<&Value>| value.cloned();
            conflicts.push(Conflict {
                pointer,
                base: owned(self.base),
                theirs: owned(self.theirs),
                yours: owned(self.yours),
            });
        }
        self.yours.cloned()
    }
}

fn merge_keys(pointer: &str, sides: &Sides<'_>, conflicts: &mut Vec<Conflict>) -> Value {
    let member =
        |side: Option<&'_ Value>, key: &str| side.and_then(|value| value.get(key)).cloned();
    let mut keys: Vec<&String> = [sides.theirs, sides.yours]
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .collect();
    keys.sort();
    keys.dedup();
    let mut merged = Map::new();
    for key in keys {
        let (base, theirs, yours) =
            (member(sides.base, key), member(sides.theirs, key), member(sides.yours, key));
        let unit = Sides { base: base.as_ref(), theirs: theirs.as_ref(), yours: yours.as_ref() };
        let escaped = key.replace('~', "~0").replace('/', "~1");
        if let Some(value) = unit.merge(format!("{pointer}/{escaped}"), conflicts) {
            merged.insert(key.clone(), value);
        }
    }
    Value::Object(merged)
}
