//! Character cards as JSON: recognised, so that a refusal says what the file is. Reading them comes
//! with a later version.

use serde_json::{Map, Value};

/// The members of every card of version 1, all of them texts. A persona has fields of the same
/// names.
const V1_MEMBERS: [&str; 6] =
    ["name", "description", "personality", "scenario", "first_mes", "mes_example"];

/// Why a card of version 2 or 3 is refused: such a card names its version in `spec`, and its fields
/// are in `data`.
///
/// Source: Character Card V2 and V3 specifications, section "Fields".
pub fn refusal(object: &Map<String, Value>) -> Option<String> {
    let spec = object.get("spec").and_then(Value::as_str);
    let name = match spec {
        Some(spec) if spec.starts_with("chara_card_") => spec,
        _ if object.contains_key("spec_version")
            && object.get("data").is_some_and(Value::is_object) =>
        {
            "without a known spec"
        }
        _ => return None,
    };
    Some(format!("this is a character card ({name}); character cards are not read in this version"))
}

/// A note before the faults of an object that has all members of a card of version 1 and further
/// ones that a persona does not have.
pub fn note_on_v1(object: &Map<String, Value>) -> Option<String> {
    let is_card = V1_MEMBERS.iter().all(|member| object.get(*member).is_some_and(Value::is_string));
    is_card.then(|| "this is a character card (version 1); only cards without further members are read in this version".into())
}
