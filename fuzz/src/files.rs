//! Files that are imported: CSV, NDJSON, JSON.

use std::io::{BufReader, Cursor};

use persona_formats::Items;

/// Most items that are read of one input.
const ITEMS_MAX: usize = 1000;

/// Reads a file twice, in one piece and in small ones: the items are the same, and each document
/// is one that can be stored.
pub fn run(bytes: &[u8]) {
    let whole: Vec<_> = Items::new(Box::new(Cursor::new(bytes.to_vec()))).take(ITEMS_MAX).collect();
    let pieces = BufReader::with_capacity(7, Cursor::new(bytes.to_vec()));
    let again: Vec<_> = Items::new(Box::new(pieces)).take(ITEMS_MAX).collect();
    assert_eq!(whole, again);
    for item in whole {
        match item {
            Ok(item) => {
                let text = item.document.text();
                persona_model::Document::from_stored(text).expect("a document reads back");
            }
            Err(bad) => assert!(!bad.reasons.is_empty()),
        }
    }
}
