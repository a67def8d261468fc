//! The schemas of a persona: as it is answered, created, replaced and patched.

use persona_model::{
    ASSETS_MAX, FIELDS, Field, HANDLE_CHARS_MAX, LANGUAGES_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, OBJECT_DEPTH_MAX, PATCH_OPERATIONS_MAX,
    RATINGS, Shape, TEXT_BYTES_MAX,
};
use serde_json::{Map, Value, json};

use crate::http::wire::{Holds, MANAGED, Managed, member_names};

/// A persona as answers have it: every member is there.
pub(super) fn answered() -> Value {
    let required: Vec<&str> = member_names().collect();
    json!({
        "type": "object",
        "description": "A persona.",
        "properties": members(MANAGED.iter().map(managed_member).chain(FIELDS.iter().map(member))),
        "required": required,
    })
}

/// The body of a POST.
pub(super) fn created() -> Value {
    json!({
        "type": "object",
        "description": "The editable part of a persona. What is absent or null gets its default.",
        "properties": members(FIELDS.iter().map(clearable)),
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The body of a PUT.
pub(super) fn replaced() -> Value {
    json!({
        "type": "object",
        "description": "The whole new document. Store-managed members may be sent as they were answered; they are ignored.",
        "properties": members(MANAGED.iter().map(managed_member).chain(FIELDS.iter().map(clearable))),
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// A merge patch.
pub(super) fn merge_patch() -> Value {
    json!({
        "type": "object",
        "description": "What is named is replaced, null clears, what is not named is not touched. Objects are merged key by key.",
        "properties": members(FIELDS.iter().map(clearable)),
        "additionalProperties": false,
    })
}

/// A JSON Patch.
pub(super) fn json_patch() -> Value {
    json!({
        "type": "array",
        "description": "Operations in order, all or none. A failed test is answered with 409.",
        "maxItems": PATCH_OPERATIONS_MAX,
        "items": {
            "type": "object",
            "properties": {
                "op": { "type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"] },
                "path": { "type": "string", "description": "A JSON Pointer (RFC 6901)." },
                "from": { "type": "string", "description": "For move and copy: where the value comes from." },
                "value": { "description": "For add, replace and test: the value." },
            },
            "required": ["op", "path"],
        },
    })
}

fn members(rows: impl Iterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    rows.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn member(field: &'static Field) -> (&'static str, Value) {
    let mut schema = shape(field.shape);
    schema["description"] = described(field).into();
    if let Some(default) = field.default() {
        schema["default"] = default;
    }
    (field.name, schema)
}

/// A field in a request: null clears it, unless it is required.
fn clearable(field: &'static Field) -> (&'static str, Value) {
    let (name, mut schema) = member(field);
    if field.default().is_some() && schema["type"].is_string() {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    (name, schema)
}

/// What a field is for, with the limits that JSON Schema cannot say.
fn described(field: &Field) -> String {
    match field.shape {
        Shape::Text => format!("{} At most {TEXT_BYTES_MAX} bytes of UTF-8.", field.about),
        Shape::Texts { .. } | Shape::TextByLanguage => format!("{} At most {TEXT_BYTES_MAX} bytes of UTF-8 each.", field.about),
        Shape::Object { bytes_max } => {
            format!("{} At most {bytes_max} bytes as JSON, nested at most {OBJECT_DEPTH_MAX} deep.", field.about)
        }
        _ => field.about.to_owned(),
    }
}

fn shape(shape: Shape) -> Value {
    // A character has at least one byte, so a limit in bytes also bounds the characters that JSON Schema counts.
    let text = json!({ "type": "string", "maxLength": TEXT_BYTES_MAX });
    match shape {
        Shape::Name => json!({ "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX }),
        Shape::Line => json!({ "type": "string", "maxLength": LINE_CHARS_MAX }),
        Shape::Text => text,
        Shape::OneOf(words) => json!({ "type": "string", "enum": words }),
        Shape::Handle => json!({ "type": ["string", "null"], "pattern": format!("^[a-z0-9-]{{1,{HANDLE_CHARS_MAX}}}$") }),
        Shape::Texts { items_max } => json!({ "type": "array", "maxItems": items_max, "items": text }),
        Shape::Lines { items_max, chars_max } => {
            json!({ "type": "array", "maxItems": items_max, "items": { "type": "string", "minLength": 1, "maxLength": chars_max } })
        }
        Shape::TextByLanguage => json!({ "type": "object", "maxProperties": LANGUAGES_MAX, "additionalProperties": text }),
        Shape::Rating => {
            let rating = json!({ "type": "string", "enum": RATINGS });
            let properties = json!({ "default": rating, "allowed": { "type": "array", "maxItems": RATINGS.len(), "items": rating } });
            json!({ "type": "object", "properties": properties, "required": ["default", "allowed"], "additionalProperties": false })
        }
        Shape::Object { .. } => json!({ "type": "object" }),
        Shape::Assets => {
            let names = ["type", "uri", "name", "ext"];
            let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
            let asset = json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false });
            json!({ "type": "array", "maxItems": ASSETS_MAX, "items": asset })
        }
        Shape::Flag { .. } => json!({ "type": "boolean" }),
    }
}

fn managed_member(managed: &'static Managed) -> (&'static str, Value) {
    let mut schema = match managed.holds {
        Holds::Id => json!({ "type": "string", "format": "uuid" }),
        Holds::Revision => json!({ "type": "integer", "minimum": 1 }),
        Holds::Time => json!({ "type": "string", "format": "date-time" }),
        Holds::TimeOrNull => json!({ "type": ["string", "null"], "format": "date-time" }),
        Holds::AuthorOrNull => json!({ "type": ["string", "null"] }),
        Holds::Hash => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
        Holds::Labels => json!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 1 } }),
    };
    schema["description"] = managed.about.into();
    schema["readOnly"] = true.into();
    (managed.name, schema)
}
