//! How the types of bodies become schemas of the OpenAPI document, in the form that generators of
//! clients understand.
//!
//! What `schemars` derives is valid JSON Schema. The transform in this file rewrites forms that
//! generators read wrongly, and details that belong to Rust and not to the API.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The place of named schemas in the OpenAPI document, with which references begin.
const DEFINITIONS: &str = "/components/schemas";

/// The schema of a body.
#[derive(Clone, Copy, Debug)]
pub enum BodySchema {
    /// A schema of a persona, by name; it follows from the table of fields.
    Persona(&'static str),
    /// The schema of a Rust type of this folder.
    Type(fn(&mut SchemaGenerator) -> Schema),
}

/// The schema of the type of a body.
pub const fn schema_of<T: JsonSchema>() -> BodySchema {
    BodySchema::Type(SchemaGenerator::subschema_for::<T>)
}

/// A reference to a named schema.
pub fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#{DEFINITIONS}/{schema}") })
}

/// Collects the schemas of types. A type is described as the server writes it: a member that is
/// always written is required, even if it can be null.
pub fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = DEFINITIONS.into())
        .with_transform(for_generators)
        .into_generator()
}

fn for_generators(schema: &mut Schema) {
    transform_subschemas(&mut for_generators, schema);
    let Some(members) = schema.as_object_mut() else { return };
    // The OpenAPI document has no defaults (ADR 0042), because some generated clients send or
    // assume them.
    members.remove("default");
    forget_width(members);
    // The line breaks of a Rust comment become spaces.
    if let Some(Value::String(text)) = members.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|lines| lines.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    fold_words(members);
    part_list_from_null(members);
    forbid_null_of_optional(members);
}

/// Removes the width of a Rust integer, such as `uint64`, on which clients must not depend. The
/// lower bound 0 stays.
fn forget_width(members: &mut Map<String, Value>) {
    let format = members.get("format").and_then(Value::as_str).unwrap_or_default();
    let Some(bits) = format.strip_prefix("uint") else { return };
    let is_bound = match bits {
        "8" => members.get("maximum") == Some(&u8::MAX.into()),
        "16" => members.get("maximum") == Some(&u16::MAX.into()),
        _ => false,
    };
    if is_bound {
        members.remove("maximum");
    }
    members.remove("format");
}

/// Joins the words of an enum into one `enum` or `const`. `schemars` makes a schema for each word
/// that has a comment, and generators would make a type for each.
fn fold_words(members: &mut Map<String, Value>) {
    let word = |one: &Value| one.get("const").filter(|word| word.is_string()).cloned();
    let words: Option<Vec<Value>> = members
        .get("oneOf")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().map(word).collect());
    if let Some(mut words) = words {
        members.remove("oneOf");
        members.insert("type".into(), "string".into());
        match words.as_mut_slice() {
            [only] => members.insert("const".into(), only.take()),
            _ => members.insert("enum".into(), words.into()),
        };
    }
}

/// Makes an `anyOf` of a list that can be null: openapi-python-client drops a list of types that
/// has a structure beside it.
fn part_list_from_null(members: &mut Map<String, Value>) {
    if members.get("type") != Some(&json!(["array", "null"])) {
        return;
    }
    let about = members.remove("description");
    let mut list = std::mem::take(members);
    list.insert("type".into(), "array".into());
    members.insert("anyOf".into(), json!([list, { "type": "null" }]));
    members.extend(about.map(|about| ("description".to_owned(), about)));
}

/// Forbids null for optional members, because the server leaves such a member out instead.
fn forbid_null_of_optional(members: &mut Map<String, Value>) {
    let required = members.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| {
        required.as_array().is_some_and(|all| all.iter().any(|known| known == name))
    };
    let properties = members.get_mut("properties").and_then(Value::as_object_mut);
    for (_, schema) in properties.into_iter().flatten().filter(|(name, _)| !is_required(name)) {
        let null = json!({ "type": "null" });
        if let Some(Value::Array(kinds)) = schema.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [only] = kinds.as_mut_slice() {
                schema["type"] = only.take();
            }
        }
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        let any = schema.get_mut("anyOf").and_then(Value::as_array_mut);
        if let Some(any) = any.filter(|any| any.contains(&null)) {
            any.retain(|one| *one != null);
            if let [Value::Object(only)] = any.as_mut_slice() {
                let only = std::mem::take(only);
                let members = schema.as_object_mut().expect("it has a member");
                members.remove("anyOf");
                members.extend(only);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::{generator, named};

    /// What all of it shows.
    #[derive(Serialize, JsonSchema)]
    #[serde(default)]
    struct Shown {
        /// A number of lines.
        always: u64,
        null: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sometimes: Option<Vec<Inner>>,
        lists: Option<Vec<Inner>>,
        inner: Option<Inner>,
        #[serde(skip_serializing_if = "Option::is_none")]
        word: Option<Word>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        only: Only,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[schemars(inline)]
    #[expect(dead_code, reason = "only its schema is made")]
    enum Word {
        /// The first.
        One,
        /// The second.
        Two,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[schemars(inline)]
    #[expect(dead_code, reason = "only its schema is made")]
    enum Only {
        /// There is no other.
        One,
    }

    impl Default for Shown {
        fn default() -> Self {
            Self { always: 1, null: None, sometimes: None, lists: None, inner: None, word: None }
        }
    }

    #[test]
    fn a_type_becomes_a_schema_that_generators_understand() {
        let mut generator = generator();
        let reference = generator.subschema_for::<Shown>();
        assert_eq!(Value::from(reference), named("Shown"));
        let definitions = Value::from(generator.take_definitions(true));
        let inner = || named("Inner");
        assert_eq!(
            definitions,
            json!({
                "Inner": {
                    "type": "object",
                    "properties": { "only": { "type": "string", "const": "one" } },
                    "required": ["only"],
                },
                "Shown": {
                    "type": "object",
                    "description": "What all of it shows.",
                    "properties": {
                        "always": { "type": "integer", "minimum": 0, "description": "A number of lines." },
                        "null": { "type": ["integer", "null"], "minimum": 0 },
                        "sometimes": { "type": "array", "items": inner() },
                        "lists": { "anyOf": [{ "type": "array", "items": inner() }, { "type": "null" }] },
                        "inner": { "anyOf": [inner(), { "type": "null" }] },
                        "word": { "type": "string", "enum": ["one", "two"] },
                    },
                    "required": ["always", "null", "lists", "inner"],
                },
            })
        );
    }
}
