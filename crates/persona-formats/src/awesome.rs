//! Rows of the awesome-chatgpt-prompts collection: `act,prompt,for_devs,type,contributor`.

use serde_json::{Map, Value};

use super::{Draft, repair};

/// The columns that become fields.
pub const COLUMNS: [&str; 3] = ["act", "prompt", "contributor"];

/// Whether a row is of this collection. Older versions of the collection have only the columns
/// `act` and `prompt`.
pub fn matches(row: &Map<String, Value>) -> bool {
    row.contains_key("act") && row.contains_key("prompt")
}

/// The name of a row in the collection.
pub fn own_name(row: &Map<String, Value>) -> Option<&str> {
    row.get("act")?.as_str()
}

/// Makes a document of a row: `act` is the name, `prompt` the system prompt, `contributor` the
/// creator. The other cells, and `contributor` too, are kept unchanged in
/// `extensions.awesome_prompts`.
pub fn draft(mut row: Map<String, Value>) -> Draft {
    let mut draft = Draft::default();
    draft.set("kind", "prompt");
    let name = row.remove("act").unwrap_or_default();
    repair::set_name(&mut draft, name.as_str().unwrap_or_default());
    draft.set("system_prompt", row.remove("prompt").unwrap_or_default());
    if let Some(contributor) = row.get("contributor").and_then(Value::as_str) {
        repair::set_creator(&mut draft, contributor);
    }
    if !row.is_empty() {
        draft.extend("awesome_prompts", Value::Object(row));
    }
    draft
}
