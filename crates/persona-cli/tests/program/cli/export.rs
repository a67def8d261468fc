//! Exports, and imports of them.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::runner::Folder;

const PROMPTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-formats/testdata/prompts-excerpt.csv");
const AGENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-formats/testdata/lobe-agents-excerpt.ndjson");

/// Content hashes by identity.
fn hashes(export: &str) -> BTreeMap<String, String> {
    let text =
        |persona: &Value, member: &str| persona[member].as_str().expect("a text").to_string();
    let personas = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    personas.map(|persona| (text(&persona, "id"), text(&persona, "content_hash"))).collect()
}

#[test]
fn an_export_that_is_imported_elsewhere_has_the_same_hashes() {
    let folder = Folder::new();
    folder.results(&["import", PROMPTS, AGENTS]);
    assert_snapshot!("export", folder.run(&["export", "-o", "out.ndjson"]));
    folder.results(&["import", "out.ndjson", "--database", "fresh.db"]);
    let (first, second) = (
        hashes(&folder.read("out.ndjson")),
        hashes(&folder.results(&["export", "--database", "fresh.db"])),
    );
    assert_eq!(first.len(), 24);
    assert_eq!(first, second);
}

#[test]
fn a_file_is_only_replaced_by_force() {
    let folder = Folder::with_personas(&[&["Ada"]]).file("out.ndjson", "precious");
    assert_snapshot!("export_refused", folder.run(&["export", "--output", "out.ndjson"]));
    assert_eq!(folder.read("out.ndjson"), "precious");
    assert_eq!(folder.run(&["export", "--output", "out.ndjson", "--force"]).code, 0);
    assert_eq!(hashes(&folder.read("out.ndjson")).len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_reported() {
    assert_snapshot!(
        "export_no_folder",
        Folder::with_personas(&[&["Ada"]]).run(&["export", "-o", "none/out.ndjson"])
    );
}
