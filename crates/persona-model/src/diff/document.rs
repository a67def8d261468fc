//! The difference of two documents.

use serde_json::Value;

use super::text::{self, Hunk, Work};
use super::values::{self, Pairs};
use crate::{Document, FIELDS, PATCH_OPERATIONS_MAX};

/// What differs between two documents.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentDiff {
    /// The names of the fields that differ, in the order of [`FIELDS`].
    pub changed: Vec<&'static str>,
    /// A JSON Patch (RFC 6902) that makes the second document of the first: at most
    /// [`PATCH_OPERATIONS_MAX`] operations.
    pub patch: Vec<Value>,
    /// The texts that are in both and differ.
    pub texts: Vec<TextDiff>,
}

/// What differs between two texts at the same place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextDiff {
    /// Where the text is: a JSON Pointer (RFC 6901) into both documents.
    pub pointer: String,
    /// Whether the texts were too large to be compared line by line: then one hunk holds everything
    /// between what they begin and end with in common.
    pub is_coarse: bool,
    /// What differs, with some lines around.
    pub hunks: Vec<Hunk>,
}

/// Compares two documents.
///
/// A field of which the parts would take too many operations is replaced as a whole.
pub fn diff_documents(from: &Document, to: &Document) -> DocumentDiff {
    let mut changed = Vec::new();
    let mut patches = Vec::new();
    let mut texts = Vec::new();
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
        let mut pairs = Pairs::default();
        let operations = values::operations(&pointer, before, after, &mut pairs);
        patches.push((pointer, after, operations));
        for (pointer, before, after) in pairs.0 {
            let (hunks, is_coarse) = text::hunks(before, after, &mut work);
            texts.push(TextDiff { pointer, is_coarse, hunks });
        }
    }
    DocumentDiff { changed, patch: within_limit(patches), texts }
}

/// The operations of all fields, where those of the fields with the most are exchanged for one each
/// until they are few enough.
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
