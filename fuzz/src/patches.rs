//! Patches: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902).

use persona_model::{Document, Patch, PatchError, read_strictly};

/// The document that is patched.
const DOCUMENT: &str = r#"{"name":"Ada","handle":"ada","tags":["a","b"],"description":"Straße, C++",
    "alternate_greetings":["x"],"extensions":{"a":{"b":[1,2,{"c":null}]},"d/e~f":1.5}}"#;

/// Applies a patch: a list is a JSON Patch, everything else a merge patch.
pub fn run(bytes: &[u8]) {
    let Ok(value) = read_strictly(bytes) else { return };
    let before = read_strictly(DOCUMENT.as_bytes()).expect("JSON");
    let before = Document::from_json(before).expect("a document");
    let is_merge = value.is_object();
    let patch = if is_merge { Patch::merge(value) } else { Patch::json(value) };
    let Ok(patch) = patch else { return };
    match patch.apply(&before) {
        Ok(after) => {
            let stored = Document::from_stored(after.text()).expect("a document reads back");
            assert_eq!(stored.to_json(), after.to_json());
            if is_merge {
                // A merge patch changes nothing when it is applied again (RFC 7396, section 2).
                let again = patch.apply(&after).expect("it was applied before");
                assert_eq!(again.text(), after.text());
            }
        }
        Err(PatchError::Invalid(errors)) => assert!(!errors.errors.is_empty()),
        Err(_) => {}
    }
}
