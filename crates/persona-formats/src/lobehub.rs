//! Agents of the LobeHub collection: `{"file", "agent": {author, config, meta, ...}}`, or the agent
//! alone.

use serde_json::{Map, Value};

use super::{Draft, repair};

/// Whether an object is an agent of this collection.
pub fn matches(object: &Map<String, Value>) -> bool {
    let agent = object.get("agent").and_then(Value::as_object).unwrap_or(object);
    ["config", "meta"].iter().all(|member| agent.get(*member).is_some_and(Value::is_object))
}

/// The name of an agent in the collection: its file, which differs for each translation, else its
/// identifier, else its title.
pub fn own_name(object: &Map<String, Value>) -> Option<&str> {
    let agent = object.get("agent").and_then(Value::as_object).unwrap_or(object);
    let title = || agent.get("meta")?.get("title");
    object.get("file").or_else(|| agent.get("identifier")).or_else(title)?.as_str()
}

/// Makes a document of an agent. Members without a field are kept under `extensions.lobehub`, at
/// the place where they were.
pub fn draft(mut object: Map<String, Value>) -> Draft {
    let mut draft = Draft::default();
    draft.set("kind", "agent");
    let agent = match object.get_mut("agent") {
        Some(Value::Object(agent)) => agent,
        _ => &mut object,
    };
    let name = take_text(agent, &["meta", "title"]).unwrap_or_default();
    repair::set_name(&mut draft, &name);
    for (field, path) in [
        ("description", ["meta", "description"]),
        ("system_prompt", ["config", "systemRole"]),
        ("first_mes", ["config", "openingMessage"]),
    ] {
        if let Some(text) = take_text(agent, &path) {
            draft.set(field, text);
        }
    }
    if let Some(author) = take_text(agent, &["author"]) {
        repair::set_creator(&mut draft, &author);
    }
    if let Some(tags) = take(agent, &["meta", "tags"], Value::is_array) {
        repair::set_tags(&mut draft, tags.as_array().map_or(&[], Vec::as_slice));
    }
    draft.extend("lobehub", Value::Object(object));
    draft
}

fn take_text(agent: &mut Map<String, Value>, path: &[&str]) -> Option<String> {
    match take(agent, path, Value::is_string)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Takes a member out if it has the expected type; else it stays.
fn take(
    object: &mut Map<String, Value>,
    path: &[&str],
    is_wanted: fn(&Value) -> bool,
) -> Option<Value> {
    let (member, parents) = path.split_last()?;
    let mut place = object;
    for parent in parents {
        place = place.get_mut(*parent)?.as_object_mut()?;
    }
    if place.get(*member).is_some_and(is_wanted) { place.remove(*member) } else { None }
}
