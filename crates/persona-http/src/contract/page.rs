//! The body of `GET /api/v1/personas`.

use persona_model::{SNIPPET_CHARS_MAX, SNIPPETS_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::schema::named;

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PersonaPage")]
pub struct Page<T> {
    /// The personas; with the parameter fields only these members of each.
    #[schemars(schema_with = "personas")]
    pub items: Vec<T>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
    /// With updated_since: the value of updated_since for the next request, so that no change is
    /// missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_updated_since: Option<String>,
    /// With count=exact: the number of personas in all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// With highlight=true: for each of items, in the same order, where the words of q are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(length(max = SNIPPETS_MAX)))]
    pub highlights: Option<Vec<Vec<Snippet>>>,
}

/// A part of a text in which words of a search are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Snippet {
    /// The place of the text in the persona: a JSON Pointer (RFC 6901), such as
    /// /alternate_greetings/1.
    pub pointer: String,
    /// The part as HTML text.
    #[schemars(description = about_html())]
    pub html: String,
}

fn about_html() -> String {
    format!(
        "The part as HTML text: what was found is between <mark> and </mark>, every other sign of \
         HTML is escaped, white space is one blank, and … stands where the text goes on. At most \
         {SNIPPET_CHARS_MAX} characters before it was marked and escaped."
    )
}

fn personas(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "anyOf": [named("Persona"), named("PersonaPart")] },
    })
}

impl From<persona_model::Snippet> for Snippet {
    fn from(snippet: persona_model::Snippet) -> Self {
        let persona_model::Snippet { pointer, html } = snippet;
        Self { pointer, html }
    }
}
