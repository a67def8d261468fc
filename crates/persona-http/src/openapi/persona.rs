//! The schemas of a persona: as it is answered, created, replaced and patched.

use persona_model::{
    ASSETS_MAX, FIELDS, Field, FieldKind, LANGUAGES_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX,
    NOTE_CHARS_MAX, OBJECT_DEPTH_MAX, PATCH_OPERATIONS_MAX, RATINGS, TEXT_BYTES_MAX,
};
use serde_json::{Map, Value, json};

use super::grammar;
use crate::contract::managed_members::{MANAGED, Managed, MemberKind, member_names};
use crate::contract::schema::named;

/// Every schema of a persona, by its name.
pub(super) fn schemas() -> [(&'static str, Value); 14] {
    [
        ("Persona", answered()),
        ("PersonaCreate", created()),
        ("PersonaReplace", replaced()),
        ("PastRevision", past()),
        ("PersonaMergePatch", merge_patch()),
        ("PersonaJsonPatch", json_patch()),
        ("JsonPatch", json_patch_operations()),
        ("JsonPatchValue", operation_with_value()),
        ("JsonPatchFrom", operation_with_from()),
        ("JsonPatchRemove", operation_remove()),
        ("KeptPersona", kept()),
        ("PersonaPart", part()),
        ("ContentRating", content_rating()),
        ("Asset", asset()),
    ]
}

/// A persona as answers have it: every member is there, and its labels where they were asked for.
fn answered() -> Value {
    let required: Vec<&str> = member_names().collect();
    json!({
        "type": "object",
        "description": "A persona.",
        "properties": answered_members(),
        "required": required,
    })
}

/// A persona in a list that was asked for some members only.
fn part() -> Value {
    json!({
        "type": "object",
        "description": "Those members of a persona that fields named.",
        "properties": answered_members(),
        "additionalProperties": false,
    })
}

/// Every member that an answer can have.
fn answered_members() -> Map<String, Value> {
    let labels = json!({
        "type": "object",
        "description": "The labels and the revisions that they point to, where include=labels asked for them.",
        "additionalProperties": { "type": "integer", "minimum": 1 },
    });
    let always = MANAGED.iter().map(managed_member).chain(FIELDS.iter().map(member));
    members(always.chain([("labels", labels)]))
}

/// What a write answers where there is no memory to show the persona.
fn kept() -> Value {
    let short = ["id", "revision"];
    let rows = MANAGED.iter().filter(|managed| short.contains(&managed.name));
    json!({
        "type": "object",
        "description": "The short form of a persona: the answer to a write that was kept, for a client that leaves so many large answers unread that there is no memory for one more. Read the persona to see all of it.",
        "properties": members(rows.map(managed_member)),
        "required": short,
        "additionalProperties": false,
    })
}

/// The body of a POST.
fn created() -> Value {
    json!({
        "type": "object",
        "description": "The editable part of a persona. What is absent or null gets its default.",
        "properties": members(FIELDS.iter().map(clearable)),
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The body of a PUT.
fn replaced() -> Value {
    json!({
        "type": "object",
        "description": "The whole new document: what is absent or null gets its default. Store-managed members may be sent as they were answered; they are ignored.",
        "properties": members(MANAGED.iter().map(managed_member).chain(FIELDS.iter().map(clearable))),
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The body of an import of a revision.
fn past() -> Value {
    let history = json!({
        "type": "object",
        "description": "What the line of an exported history has besides the persona.",
        "properties": {
            "last": { "type": "integer", "minimum": 1, "description": "How many revisions the persona has; ignored here." },
            "base": { "type": ["integer", "null"], "minimum": 1, "description": "The revision that its writer started from." },
            "previous": { "type": ["integer", "null"], "minimum": 1, "description": "The last revision before it that is kept, where those between were dropped." },
            "note": { "type": ["string", "null"], "minLength": 1, "maxLength": NOTE_CHARS_MAX, "description": "Why it was made." },
        },
    });
    json!({
        "type": "object",
        "description": "A persona as it was at this revision: as an answer or the line of an exported history has it.",
        "properties": members(
            MANAGED.iter().map(taken_over).chain(FIELDS.iter().map(clearable)).chain([("history", history)])
        ),
        "required": ["name", "created_at", "updated_at"],
        "additionalProperties": false,
    })
}

/// A merge patch.
fn merge_patch() -> Value {
    json!({
        "type": "object",
        "description": "What is named is replaced, null clears, what is not named is not touched. Objects are merged key by key.",
        "properties": members(FIELDS.iter().map(clearable)),
        "additionalProperties": false,
    })
}

/// A JSON Patch, with this server's limit of operations.
fn json_patch() -> Value {
    json!({
        "description": "Operations in order, all or none. A failed test is answered with 409.",
        // The list is in a schema of its own. From a body that is an object or a plain list,
        // openapi-python-client makes broken code; a body of this form it skips with a warning, and
        // keeps the merge patch.
        "allOf": [named("JsonPatch"), { "maxItems": PATCH_OPERATIONS_MAX }],
    })
}

/// A JSON Patch of RFC 6902, without a limit of operations.
fn json_patch_operations() -> Value {
    let kinds = ["JsonPatchValue", "JsonPatchFrom", "JsonPatchRemove"];
    json!({ "type": "array", "description": "A list of operations (RFC 6902).", "items": { "oneOf": kinds.map(named) } })
}

/// An operation of a JSON Patch that has a value.
fn operation_with_value() -> Value {
    operation(
        "Puts a value at a place, or tests the one there.",
        &["add", "replace", "test"],
        json!({ "value": { "description": "Any value." } }),
    )
}

/// An operation of a JSON Patch that has a source.
fn operation_with_from() -> Value {
    operation(
        "Takes a value from one place to another.",
        &["move", "copy"],
        json!({ "from": pointer("Where the value comes from.") }),
    )
}

/// The operation of a JSON Patch that has neither value nor source.
fn operation_remove() -> Value {
    operation("Takes a value away.", &["remove"], json!({}))
}

fn operation(about: &str, words: &[&str], mut properties: Value) -> Value {
    let own: Vec<String> =
        properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    properties["op"] = json!({ "type": "string", "enum": words });
    properties["path"] = pointer("Which place.");
    let required: Vec<&str> =
        ["op", "path"].into_iter().chain(own.iter().map(String::as_str)).collect();
    json!({ "type": "object", "description": about, "properties": properties, "required": required })
}

fn pointer(about: &str) -> Value {
    json!({ "type": "string", "pattern": grammar::POINTER, "description": format!("{about} A JSON Pointer (RFC 6901).") })
}

/// A content rating.
fn content_rating() -> Value {
    let rating = json!({ "type": "string", "enum": RATINGS });
    json!({
        "type": "object",
        "description": "How mature the content is: by default, which is one of those that are allowed.",
        "properties": { "default": rating, "allowed": { "type": "array", "minItems": 1, "maxItems": RATINGS.len(), "items": rating } },
        "required": ["default", "allowed"],
        "additionalProperties": false,
    })
}

/// An asset.
fn asset() -> Value {
    let names = ["type", "uri", "name", "ext"];
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({
        "type": "object",
        "description": "A reference to a picture or another file, as in Character Card V3.",
        "properties": properties,
        "required": names,
        "additionalProperties": false,
    })
}

fn members(rows: impl Iterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    rows.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A field in an answer.
fn member(field: &'static Field) -> (&'static str, Value) {
    (field.name, with_description(shape(field.shape), described(field)))
}

/// A field in a request: null clears it, unless it is required. The default is only described in
/// words: clients that fill in the default of a schema would set every field that they do not name.
fn clearable(field: &'static Field) -> (&'static str, Value) {
    let about = match field.default() {
        Some(Value::Bool(flag)) => format!("{} {flag} by default.", described(field)),
        Some(Value::String(word)) if !word.is_empty() => {
            format!("{} {word} by default.", described(field))
        }
        _ => described(field),
    };
    let is_required = field.default().is_none();
    (
        field.name,
        with_description(
            if is_required { shape(field.shape) } else { or_null(shape(field.shape)) },
            about,
        ),
    )
}

/// A schema that also allows null, as an `anyOf`, because generators of clients misread a list of
/// types.
fn or_null(schema: Value) -> Value {
    if schema.get("anyOf").is_some() {
        schema
    } else {
        json!({ "anyOf": [schema, { "type": "null" }] })
    }
}

/// Adds a description. A reference is wrapped first, because some readers misread a description
/// beside a reference.
fn with_description(schema: Value, about: String) -> Value {
    let mut schema =
        if schema.get("$ref").is_some() { json!({ "allOf": [schema] }) } else { schema };
    schema["description"] = about.into();
    schema
}

/// The description of a field, with the limits that JSON Schema cannot express.
fn described(field: &Field) -> String {
    match field.shape {
        FieldKind::Text => format!("{} At most {TEXT_BYTES_MAX} bytes of UTF-8.", field.about),
        FieldKind::Texts { .. } | FieldKind::TextByLanguage => {
            format!("{} At most {TEXT_BYTES_MAX} bytes of UTF-8 each.", field.about)
        }
        FieldKind::Object { bytes_max } => {
            format!(
                "{} At most {bytes_max} bytes as JSON, nested at most {OBJECT_DEPTH_MAX} deep.",
                field.about
            )
        }
        _ => field.about.to_owned(),
    }
}

fn shape(shape: FieldKind) -> Value {
    // JSON Schema counts characters. A character has at least one byte, so a limit in bytes bounds
    // them too.
    let text = json!({ "type": "string", "maxLength": TEXT_BYTES_MAX });
    match shape {
        FieldKind::Name => {
            json!({ "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": grammar::NAME })
        }
        FieldKind::Line => {
            json!({ "type": "string", "maxLength": LINE_CHARS_MAX, "pattern": grammar::LINE })
        }
        FieldKind::Text => text,
        FieldKind::OneOf(words) => json!({ "type": "string", "enum": words }),
        FieldKind::Handle => or_null(grammar::handle()),
        FieldKind::Owner => or_null(grammar::owner()),
        FieldKind::Texts { items_max } => {
            json!({ "type": "array", "maxItems": items_max, "items": text })
        }
        FieldKind::Lines { items_max, chars_max } => {
            let item = json!({ "type": "string", "minLength": 1, "maxLength": chars_max, "pattern": grammar::LINE });
            json!({ "type": "array", "maxItems": items_max, "items": item })
        }
        FieldKind::TextByLanguage => {
            json!({ "type": "object", "maxProperties": LANGUAGES_MAX, "additionalProperties": text })
        }
        FieldKind::Rating => named("ContentRating"),
        FieldKind::Object { .. } => json!({ "type": "object", "additionalProperties": true }),
        FieldKind::Assets => {
            json!({ "type": "array", "maxItems": ASSETS_MAX, "items": named("Asset") })
        }
        FieldKind::Flag { .. } => json!({ "type": "boolean" }),
    }
}

/// A store-managed member that the import of a revision takes over, and that is therefore required.
fn taken_over(managed: &'static Managed) -> (&'static str, Value) {
    let (name, mut schema) = managed_member(managed);
    schema.as_object_mut().expect("a schema is an object").remove("readOnly");
    (name, schema)
}

fn managed_member(managed: &'static Managed) -> (&'static str, Value) {
    let mut schema = match managed.holds {
        MemberKind::Id => json!({ "type": "string", "format": "uuid" }),
        MemberKind::Revision => json!({ "type": "integer", "format": "int64", "minimum": 1 }),
        MemberKind::Time => json!({ "type": "string", "format": "date-time" }),
        MemberKind::TimeOrNull => or_null(json!({ "type": "string", "format": "date-time" })),
        MemberKind::AuthorOrNull => or_null(json!({ "type": "string" })),
        MemberKind::Hash => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
    };
    schema["description"] = managed.about.into();
    schema["readOnly"] = true.into();
    (managed.name, schema)
}
