//! JSON bodies of personas.

use persona_model::{Document, Search, read_strictly};

/// Reads a document, and reads what was stored of it back.
pub fn run(bytes: &[u8]) {
    let Ok(value) = read_strictly(bytes) else { return };
    // Other readers read the text too, and find the same value.
    let again = serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
    assert_eq!(value, again);
    let Ok(document) = Document::from_json(value) else { return };
    document.prepare();
    let stored = Document::from_stored(document.text()).expect("a document reads back");
    assert_eq!(stored.to_json(), document.to_json());
    assert_eq!(stored.text(), document.text());
    assert_eq!(stored.content_hash(), document.content_hash());
    let same = Document::from_json(document.to_json()).expect("a document is valid");
    assert_eq!(same.text(), document.text());
    if let Ok(search) = Search::parse(document.name()) {
        search.is_met_by(&document);
        let _ = search.nearness(&document);
    }
}
