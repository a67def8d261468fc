//! The limits in the documentation are those of the code.

use std::fs;
use std::path::Path;

use persona_model::{
    DOCUMENT_BYTES_MAX, FIELD_ERRORS_MAX, FILTER_TAGS_MAX, MARKED_BYTES_MAX, MERGE_CHANGES_MAX,
    MERGE_ITEMS_MAX, MERGE_STEPS_MAX, NAME_CHARS_MAX, OBJECT_DEPTH_MAX, PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX, PATCH_COPIED_BYTES_MAX, PATCH_COPY_BYTES_MIN, PATCH_MOVED_ITEMS_MAX,
    PATCH_OPERATIONS_MAX, SEARCH_BYTES_MAX, SEARCH_TERMS_MAX, SEARCH_WORDS_MAX, SNIPPET_CHARS_MAX,
    SNIPPETS_MAX, TAG_CHARS_MAX, TAGS_MAX, TEXT_BYTES_MAX, VALUE_DEPTH_MAX,
};

/// A number as the documentation writes it: groups of three digits with commas between.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let groups =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).expect("digits"));
    groups.collect::<Vec<_>>().join(",")
}

fn bytes(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

#[test]
fn the_limits_in_the_documents_are_those_of_the_code() {
    let read = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name))
            .expect("a document")
    };
    let (api, operations) = (read("api.md"), read("operations.md"));
    let (copied, least, moved) =
        (bytes(PATCH_COPIED_BYTES_MAX), bytes(PATCH_COPY_BYTES_MIN), number(PATCH_MOVED_ITEMS_MAX));
    let patch = format!("{} operations", number(PATCH_OPERATIONS_MAX));
    let cases = [
        (&api, format!("as JSON) {} unless", bytes(DOCUMENT_BYTES_MAX))),
        (&api, format!("text fields {} each", bytes(TEXT_BYTES_MAX))),
        (
            &api,
            format!(
                "name 1 to {NAME_CHARS_MAX} characters; {TAGS_MAX} tags of 1 to {TAG_CHARS_MAX} characters"
            ),
        ),
        (&api, format!("`extensions` 1 MiB and {OBJECT_DEPTH_MAX} levels")),
        (&api, format!("pages of 1 to {} ({PAGE_LIMIT_DEFAULT})", number(PAGE_LIMIT_MAX))),
        (&api, format!("`q` {} bytes and {SEARCH_TERMS_MAX} terms", number(SEARCH_BYTES_MAX))),
        (&api, format!("nesting beyond {VALUE_DEPTH_MAX} levels")),
        (
            &api,
            format!(
                "at most {patch}, copies at most {copied} of JSON (each `copy` counts at least {least}), moves at most {moved} items"
            ),
        ),
        (&api, format!("at most {FILTER_TAGS_MAX})")),
        (&api, format!("up to {FIELD_ERRORS_MAX} of them")),
        (&api, format!("at most {SNIPPETS_MAX} short parts")),
        (&api, format!("at most {SNIPPET_CHARS_MAX} characters of the text")),
        (
            &operations,
            format!(
                "| {patch}, {copied} copied (each copy counts at least {least}), {moved} items of lists moved"
            ),
        ),
        (&operations, format!("| {FILTER_TAGS_MAX} different ones")),
        (
            &operations,
            format!("| a document, all editable members as JSON | {} |", bytes(DOCUMENT_BYTES_MAX)),
        ),
        (&operations, format!("| {} different ones of its longer texts", number(SEARCH_WORDS_MAX))),
        (&operations, format!("| {} bytes, {SEARCH_TERMS_MAX} terms |", number(SEARCH_BYTES_MAX))),
        (&operations, format!("| {FIELD_ERRORS_MAX} field errors or conflicts")),
        (&api, format!("beyond {} of them in an answer", bytes(MARKED_BYTES_MAX))),
        (
            &api,
            format!(
                "Lists of more than {} items, texts in which one side took or added more than {MERGE_CHANGES_MAX} lines, and texts that need more than {} comparisons",
                number(MERGE_ITEMS_MAX),
                number(MERGE_STEPS_MAX),
            ),
        ),
    ];
    let missing: Vec<&String> = cases
        .iter()
        .filter(|(document, words)| !document.contains(words))
        .map(|(_, words)| words)
        .collect();
    assert!(missing.is_empty(), "no document says: {missing:#?}");
}
