//! Three-way merge of documents: two editors change one persona at the same time, and the merge
//! keeps the changes of both.
//!
//! The base is the revision from which both editors started. The side `theirs` is the persona as
//! it is stored now, the side `yours` what the second editor wants to store.
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
//! - `identity.rs`: when an item of one list is the same as an item of another list.
//! - `fates.rs`: which items of a list one side kept, changed, removed and added.
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
