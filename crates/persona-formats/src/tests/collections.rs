//! Real collections: every item is imported, and no text of it is altered.

use std::path::Path;

use serde_json::Value;

use super::items;

/// The excerpts that are part of the project.
const EXCERPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
/// A folder with the whole collections, given when the tests are built.
const COLLECTIONS: Option<&str> = option_env!("PERSONA_COLLECTIONS");

#[test]
fn every_prompt_of_the_collection_comes_through_character_for_character() {
    let text = collection("prompts.csv", "prompts-excerpt.csv");
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let rows: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().expect("a well-formed collection");
    let items = items(text);
    assert_eq!(items.len(), rows.len());
    for (item, row) in items.into_iter().zip(&rows) {
        let item = item.expect("a valid item");
        let field = |name: &str| {
            item.document.get(name).and_then(Value::as_str).expect("a text").to_string()
        };
        let rest = &item.document.get("extensions").expect("extensions")["awesome_prompts"];
        let cell = |name: &str| rest[name].as_str().expect("a text").to_string();
        let back = [
            field("name"),
            field("system_prompt"),
            cell("for_devs"),
            cell("type"),
            cell("contributor"),
        ];
        assert_eq!(
            back.iter().map(String::as_str).collect::<Vec<_>>(),
            row.iter().collect::<Vec<_>>()
        );
        assert_eq!(item.warnings, Vec::<String>::new());
    }
}

#[test]
fn every_agent_of_the_collection_comes_back_whole() {
    let text = collection("lobe-agents.ndjson", "lobe-agents-excerpt.ndjson");
    let agents: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let items = items(text);
    assert_eq!(items.len(), agents.len());
    for (item, agent) in items.into_iter().zip(agents) {
        let document = item.expect("a valid item").document;
        let extensions = document.get("extensions").expect("extensions");
        let original = |field: &str| {
            extensions
                .pointer(&format!("/import/original/{field}"))
                .or(document.get(field))
                .cloned()
                .expect("a value")
        };
        let mut back = extensions["lobehub"].clone();
        back["agent"]["author"] = original("creator");
        back["agent"]["config"]["systemRole"] = original("system_prompt");
        back["agent"]["config"]["openingMessage"] = original("first_mes");
        for (member, field) in [("title", "name"), ("description", "description"), ("tags", "tags")]
        {
            back["agent"]["meta"][member] = original(field);
        }
        assert_eq!(back, agent);
    }
}

/// The whole collection if there is a folder of them, else the excerpt.
fn collection(whole: &str, excerpt: &str) -> Vec<u8> {
    let path = match COLLECTIONS {
        Some(folder) => Path::new(folder).join(whole),
        None => Path::new(EXCERPTS).join(excerpt),
    };
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
