//! The difference of two documents.

use serde_json::Value;

use super::items::ItemDiff;
use super::text::{self, Hunk, Work};
use super::values::{self, Found, Place};
use crate::merge::Parts;
use crate::{Document, FIELDS, PATCH_OPERATIONS_MAX};

/// What differs between two documents.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentDiff {
    /// The names of the fields that differ, in the order of [`FIELDS`].
    pub changed: Vec<&'static str>,
    /// A JSON Patch (RFC 6902) that turns the first document into the second: at most
    /// [`PATCH_OPERATIONS_MAX`] operations.
    pub patch: Vec<Value>,
    /// The texts that both documents have and that differ.
    pub texts: Vec<TextDiff>,
    /// The items of lists that are gone, new, changed or elsewhere, of the lists of items with
    /// identities: at most [`PATCH_OPERATIONS_MAX`].
    pub items: Vec<ItemDiff>,
}

/// What differs between two texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextDiff {
    /// Where the text is: a JSON Pointer (RFC 6901) into the second document.
    pub pointer: String,
    /// The same in the first document. It differs for an item of a list that stands elsewhere.
    pub from_pointer: String,
    /// Whether the texts were too large to be compared line by line. Then one hunk holds everything
    /// between the lines at the start and at the end that both texts have in common.
    pub is_coarse: bool,
    /// The lines that differ, each group with [`TEXT_CONTEXT_LINES`](crate::TEXT_CONTEXT_LINES)
    /// lines of context.
    pub hunks: Vec<Hunk>,
}

/// Compares two documents.
///
/// A field that differs in too many parts is replaced as a whole, so that the patch keeps to
/// [`PATCH_OPERATIONS_MAX`].
pub fn diff_documents(from: &Document, to: &Document) -> DocumentDiff {
    let mut changed = Vec::new();
    let mut patches = Vec::new();
    let (mut texts, mut items) = (Vec::new(), Vec::new());
    let mut work = Work::default();
    for field in FIELDS {
        let (Some(before), Some(after)) = (from.get(field.name), to.get(field.name)) else {
            continue;
        };
        if before == after {
            continue;
        }
        changed.push(field.name);
        let pointer = format!("/{}", field.name);
        let (place, parts) = (Place::of(pointer.clone()), Parts::of_field(field));
        let mut found = Found::default();
        let operations = values::operations(&place, parts, before, after, &mut found);
        patches.push((pointer, after, operations));
        items.extend(found.items);
        for (Place { from, to }, before, after) in found.texts {
            let (hunks, is_coarse) = text::hunks(before, after, &mut work);
            texts.push(TextDiff { pointer: to, from_pointer: from, is_coarse, hunks });
        }
    }
    items.truncate(PATCH_OPERATIONS_MAX);
    DocumentDiff { changed, patch: within_limit(patches), texts, items }
}

/// The operations of all fields, at most [`PATCH_OPERATIONS_MAX`]. While there are too many, the
/// field with the most operations is replaced as a whole by one operation.
fn within_limit(mut patches: Vec<(String, &Value, Vec<Value>)>) -> Vec<Value> {
    let count = |patches: &[(String, &Value, Vec<Value>)]| -> usize {
        patches.iter().map(|(_, _, operations)| operations.len()).sum()
    };
    while count(&patches) > PATCH_OPERATIONS_MAX {
        let largest = patches.iter_mut().max_by_key(|(_, _, operations)| operations.len());
        let Some((pointer, after, operations)) = largest else { break };
        *operations = vec![values::replacement(pointer, after)];
    }
    patches.into_iter().flat_map(|(_, _, operations)| operations).collect()
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
