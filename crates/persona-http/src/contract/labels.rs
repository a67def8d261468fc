//! The bodies of what tells about labels, and of what moves them.

use std::borrow::Cow;

use persona_model::{LABEL_CHARS_MAX, LabelName, PersonaId, Revision};
use persona_storage::{LABEL_MOVES_MAX, Label, LabelMovePage, MoveRecord, MovedLabel};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Time;

/// What a label looks like: a word that is no number.
pub const LABEL_PATTERN: &str = "^([a-z][a-z0-9._-]*|[0-9]+[a-z._-][a-z0-9._-]*)$";

/// Where a label is moved to, as JSON that can be sent.
pub const TARGET_EXAMPLE: &str = r#"{"revision":1}"#;

/// A release of two personas.
pub const RELEASE_EXAMPLE: &str = r#"{
    "moves": [
        { "id": "0193b0c2-7f3e-7a10-8c1d-000000000001", "label": "production", "from": "staging" },
        { "id": "0193b0c2-7f3e-7a10-8c1d-000000000002", "label": "production", "revision": 7 }
    ]
}"#;

/// The labels of a persona.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelList {
    /// The labels that are set, in the order of their words.
    pub items: Vec<LabelEntry>,
    /// The current revision, which the label latest always points to.
    #[schemars(range(min = 1))]
    pub latest: u64,
}

/// A label that is set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelEntry {
    /// The word.
    pub label: String,
    /// The revision that it points to.
    #[schemars(range(min = 1))]
    pub revision: u64,
    /// How often it was moved, from 1.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// Its entity tag, with its quotes, for If-Match of the next move.
    pub etag: String,
    /// When it was moved there.
    pub at: Time,
    /// The author of that move, where known.
    pub by: Option<String>,
}

impl From<&Label> for LabelEntry {
    fn from(label: &Label) -> Self {
        Self {
            label: label.name.to_string(),
            revision: label.revision.number(),
            version: label.tag.version,
            etag: format!("\"{}\"", label.tag),
            at: Time(label.at),
            by: label.author.clone(),
        }
    }
}

/// One page of the moves of a label.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelMoves {
    /// The moves, the newest first.
    pub items: Vec<LabelMoveEntry>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
}

/// A move of a label.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelMoveEntry {
    /// The number of the move among those of the label, from 1.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// The revision that the label pointed to then; null where it was removed.
    #[schemars(range(min = 1))]
    pub revision: Option<u64>,
    /// When it was moved.
    pub at: Time,
    /// The author of the move, where known.
    pub by: Option<String>,
}

impl From<LabelMovePage> for LabelMoves {
    fn from(page: LabelMovePage) -> Self {
        let last = page.items.last().filter(|_| page.has_more);
        let next_cursor = last.map(|one| one.version.to_string());
        let entry = |one: MoveRecord| LabelMoveEntry {
            version: one.version,
            revision: one.revision.map(Revision::number),
            at: Time(one.at),
            by: one.author,
        };
        Self { items: page.items.into_iter().map(entry).collect(), next_cursor }
    }
}

/// Where a label is moved to, which the server reads member by member (`extract/label.rs`).
#[derive(Clone, Copy, Debug)]
pub enum LabelTarget {}

impl JsonSchema for LabelTarget {
    fn schema_name() -> Cow<'static, str> {
        "LabelTarget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": targets(),
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
        })
    }
}

/// Moves of labels that are made together, which the server reads member by member
/// (`extract/label.rs`).
#[derive(Clone, Copy, Debug)]
pub enum Release {}

impl JsonSchema for Release {
    fn schema_name() -> Cow<'static, str> {
        "Release".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "moves": {
                "type": "array",
                "items": one_move(),
                "minItems": 1,
                "maxItems": LABEL_MOVES_MAX,
                "description": "The moves, made in their order, all of them or none. Each label of a persona comes once.",
            } },
            "required": ["moves"],
            "additionalProperties": false,
        })
    }
}

/// What became of a release.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseAnswer {
    /// What became of each label, in the order of the moves.
    pub items: Vec<ReleaseItem>,
}

/// What became of a label.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseItem {
    /// The persona.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The word.
    pub label: String,
    /// The revision that the label pointed to before; null where it was not set.
    #[schemars(range(min = 1))]
    pub before: Option<u64>,
    /// The revision that it points to; null where it was removed.
    #[schemars(range(min = 1))]
    pub revision: Option<u64>,
    /// Its entity tag, with its quotes; null where it was removed.
    pub etag: Option<String>,
    /// Whether it was moved: one that pointed there already is left as it is.
    pub moved: bool,
}

impl ReleaseItem {
    /// What became of this label of a persona.
    pub fn of(id: PersonaId, name: &LabelName, moved: &MovedLabel) -> Self {
        Self {
            id: id.to_string(),
            label: name.to_string(),
            before: moved.before.map(Revision::number),
            revision: moved.label.as_ref().map(|label| label.revision.number()),
            etag: moved.label.as_ref().map(|label| format!("\"{}\"", label.tag)),
            moved: moved.is_moved,
        }
    }
}

/// The schema of the word of a label.
pub fn label_schema(about: &str) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": LABEL_CHARS_MAX,
        "pattern": LABEL_PATTERN,
        "description": about,
    })
}

/// The members that say where a label is moved to.
fn targets() -> Value {
    json!({
        "revision": {
            "type": "integer",
            "minimum": 1,
            "description": "To this revision.",
        },
        "from": label_schema("Where this label of the persona points then, or, with latest, to the current revision."),
    })
}

/// The schema of one move of a release.
fn one_move() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let mut members = targets();
    members["id"] = text("Whose label: the id of the persona, or @ and its handle.");
    members["label"] = label_schema("Which label.");
    members["remove"] = json!({
        "type": "boolean",
        "enum": [true],
        "description": "The label is removed; instead of revision and from.",
    });
    members["if_match"] = text("As the header If-Match of a single move.");
    members["if_none_match"] = json!({
        "type": "string",
        "enum": ["*"],
        "description": "As the header If-None-Match of a single move.",
    });
    json!({
        "type": "object",
        "properties": members,
        "required": ["id", "label"],
        "additionalProperties": false,
    })
}
