//! The merge of a document, field by field.

use serde_json::{Map, Value};

use super::parts::Parts;
use super::unit::{Merging, Sides};
use crate::field::{FIELDS, Field};
use crate::{Document, ValidationErrors, validate};

/// A unit that two sides changed differently since their common base.
#[derive(Clone, PartialEq, Debug)]
pub struct Conflict {
    /// Which unit: a JSON Pointer (RFC 6901) into the base, where the members of objects have the
    /// same place on all sides. The place `-` of a list is an item that the base does not have.
    pub pointer: String,
    /// The value of the unit in the base; `None` where it did not exist.
    pub base: Option<Value>,
    /// The value of the unit now, made by another writer.
    pub theirs: Option<Value>,
    /// The value that this writer wants.
    pub yours: Option<Value>,
    /// Whether the unit is a text that is merged by lines.
    pub has_lines: bool,
    /// The rule that the changes of both sides together would break, for people. `None` where both
    /// changed the same thing.
    pub reason: Option<String>,
}

/// The result of a three-way merge.
#[derive(Clone, PartialEq, Debug)]
pub enum Merged {
    /// Both sides' changes in one document.
    Clean(Document),
    /// The units that both sides changed differently, in the order of the fields; at least one.
    Conflicts(Vec<Conflict>),
}

/// Merges two documents that come from the same base.
///
/// If both sides changed a field and the merged field would break a rule, for example because a
/// list would have too many items, the whole field is a conflict.
///
/// # Errors
///
/// A field that at most one side changed breaks a rule.
pub fn merge_three_way(
    base: &Document,
    theirs: &Document,
    yours: &Document,
) -> Result<Merged, ValidationErrors> {
    let mut merging = Merging::default();
    let merged = merging.document(base, theirs, yours);
    if merging.conflicts.is_empty() {
        Document::from_json(Value::Object(merged)).map(Merged::Clean)
    } else {
        Ok(Merged::Conflicts(merging.conflicts))
    }
}

/// Merges two documents that come from the same base, for a person who then decides the conflicts.
/// A text that is merged by lines has both sides between markers. Any other field with a conflict
/// has the value of `yours`.
pub fn merge_with_markers(
    base: &Document,
    theirs: &Document,
    yours: &Document,
) -> Map<String, Value> {
    Merging::with_markers().document(base, theirs, yours)
}

impl Merging {
    fn document(
        &mut self,
        base: &Document,
        theirs: &Document,
        yours: &Document,
    ) -> Map<String, Value> {
        let mut merged = Map::new();
        for field in FIELDS {
            let sides = Sides {
                base: base.get(field.name),
                theirs: theirs.get(field.name),
                yours: yours.get(field.name),
            };
            if let Some(value) = self.field(field, sides) {
                merged.insert(field.name.into(), value);
            }
        }
        merged
    }

    fn field(&mut self, field: &Field, sides: Sides<'_>) -> Option<Value> {
        let before = self.conflicts.len();
        self.is_marked = true;
        let value = self.member(field.name, Parts::of_field(field), sides);
        if self.conflicts.len() > before {
            return if self.is_marked { value } else { sides.yours.cloned() };
        }
        let is_of_both = value.as_ref() != sides.theirs && value.as_ref() != sides.yours;
        let broken = value.as_ref().filter(|_| is_of_both);
        let Some(reason) = broken.and_then(|value| validate::broken_rule(field, value)) else {
            return value;
        };
        self.member(field.name, Parts::None, sides);
        for conflict in &mut self.conflicts[before..] {
            conflict.reason = Some(reason.clone());
        }
        sides.yours.cloned()
    }
}
