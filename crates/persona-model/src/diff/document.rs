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
    /// A JSON Patch (RFC 6902) that turns the first document into the second: at most
    /// [`PATCH_OPERATIONS_MAX`] operations.
    pub patch: Vec<Value>,
    /// The texts that both documents have and that differ.
    pub texts: Vec<TextDiff>,
}

/// What differs between two texts at the same place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextDiff {
    /// Where the text is: a JSON Pointer (RFC 6901) into both documents.
    pub pointer: String,
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
