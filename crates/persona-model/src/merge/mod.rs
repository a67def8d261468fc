//! Three-way merge of documents: what two editors may do at once.
//!
//! A unit that only one side changed is taken from that side; a unit that both changed to the same
//! value is no conflict; a unit that both changed differently is a conflict, and no side's value is
//! thrown away. The smallest unit depends on the field: a key of an object, an item of a list, a
//! run of lines of a text, or the field itself.
//!
//! - `document.rs`: the merge of a document; start there.
//! - `parts.rs`: which parts the fields have.
//! - `unit.rs`: the merge of one unit and its parts.
//! - `items.rs`: the merge of a list by its items.
//! - `identity.rs`: when two items of two lists are the same one.
//! - `fates.rs`: what one side made of the items of a list.
//! - `lines.rs`: the merge of a text by its lines.
//! - `line_changes.rs`: which lines one side changed.
//! - `marked.rs`: the text of a conflict, with markers.
//!
//! The work is bounded by sizes and not by a clock, because every process has to come to the same
//! result: a merge is worked out before the write lock, and again under it.

mod document;
mod fates;
mod identity;
mod items;
mod line_changes;
mod lines;
mod marked;
mod parts;
mod unit;

pub(crate) use fates::Side;
pub(crate) use identity::{Identity, ItemKind, identities};
pub(crate) use parts::Parts;

pub use document::{Conflict, Merged, merge_three_way, merge_with_markers};
pub use items::MERGE_ITEMS_MAX;
pub use line_changes::{MERGE_CHANGES_MAX, MERGE_STEPS_MAX};
pub use marked::{MARKED_BYTES_MAX, Markers, has_conflict_marker};
