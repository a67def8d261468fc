//! The merge of one unit and its parts.

use serde_json::{Map, Value};

use super::document::Conflict;
use super::line_changes::Steps;
use super::lines;
use super::marked::Markers;
use super::parts::Parts;
use crate::pointer_step;

/// The value of one unit in the base and on both sides.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub base: Option<&'a Value>,
    pub theirs: Option<&'a Value>,
    pub yours: Option<&'a Value>,
}

impl<'a> Sides<'a> {
    fn member(&self, key: &str) -> Self {
        let of = |side: Option<&'a Value>| side.and_then(|value| value.get(key));
        Self { base: of(self.base), theirs: of(self.theirs), yours: of(self.yours) }
    }
}

/// A running merge.
#[derive(Default)]
pub(super) struct Merging {
    /// The conflicts so far.
    pub conflicts: Vec<Conflict>,
    /// The unit that is being merged: a JSON Pointer.
    at: String,
    /// How many comparisons of lines are left.
    steps: Steps,
    /// Makes the texts of conflicts; `None` if the caller wants no such texts.
    markers: Option<Markers>,
    /// Whether every conflict of the field has a text with markers.
    pub is_marked: bool,
}

impl Merging {
    /// A merge that makes the texts of conflicts.
    pub(super) fn with_markers() -> Self {
        Self { markers: Some(Markers::default()), ..Self::default() }
    }

    /// Merges a member of the current unit. For a conflict, returns the text with markers, or
    /// `None` without one.
    pub(super) fn member(&mut self, name: &str, parts: Parts, sides: Sides<'_>) -> Option<Value> {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&pointer_step(name));
        let value = self.unit(parts, sides);
        self.at.truncate(length);
        value
    }

    fn unit(&mut self, parts: Parts, sides: Sides<'_>) -> Option<Value> {
        if sides.theirs == sides.yours || sides.base == sides.yours {
            return sides.theirs.cloned();
        }
        if sides.base == sides.theirs {
            return sides.yours.cloned();
        }
        let before = self.conflicts.len();
        if let Some(value) = self.parts(parts, sides) {
            return Some(value);
        }
        // The conflict of the whole replaces the conflicts that were found in its parts.
        self.conflicts.truncate(before);
        let conflict = Conflict {
            pointer: self.at.clone(),
            base: sides.base.cloned(),
            theirs: sides.theirs.cloned(),
            yours: sides.yours.cloned(),
            has_lines: matches!(parts, Parts::Lines),
            reason: None,
        };
        let marked = self.markers.as_mut().and_then(|markers| markers.text_of(&conflict));
        self.is_marked &= marked.is_some();
        self.conflicts.push(conflict);
        marked.map(Value::String)
    }

    /// Merges the parts of a unit; `None` where that is not possible.
    fn parts(&mut self, parts: Parts, sides: Sides<'_>) -> Option<Value> {
        match (parts, sides.theirs?, sides.yours?) {
            (Parts::Lines, Value::String(theirs), Value::String(yours)) => {
                let base = sides.base?.as_str()?;
                lines::merge(base, theirs, yours, &mut self.steps).map(Value::String)
            }
            (Parts::Members(part), Value::Object(theirs), Value::Object(yours)) => {
                // Without a base the two objects may be different things.
                sides.base?.as_object()?;
                Some(self.members(part, theirs, yours, sides))
            }
            (Parts::Items(kind), Value::Array(theirs), Value::Array(yours)) => {
                let base =
                    sides.base.map_or(Some(&[][..]), |base| base.as_array().map(Vec::as_slice))?;
                self.items(kind, base, theirs, yours).map(Value::Array)
            }
            _ => None,
        }
    }

    fn members(
        &mut self,
        part: fn(&str) -> Parts,
        theirs: &Map<String, Value>,
        yours: &Map<String, Value>,
        sides: Sides<'_>,
    ) -> Value {
        let mut keys: Vec<&String> = theirs.keys().chain(yours.keys()).collect();
        keys.sort();
        keys.dedup();
        let mut merged = Map::new();
        for key in keys {
            if let Some(value) = self.member(key, part(key), sides.member(key)) {
                merged.insert(key.clone(), value);
            }
        }
        Value::Object(merged)
    }
}
