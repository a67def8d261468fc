//! The bodies of answers on the history of a persona.

use persona_model::{DocumentDiff, PATCH_OPERATIONS_MAX, Revision};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Time;

/// One page of the revisions of a persona.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevisionPage {
    /// The revisions, the newest first.
    pub items: Vec<RevisionEntry>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
}

/// A revision without its content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevisionEntry {
    /// The number of the revision.
    #[schemars(range(min = 1))]
    pub revision: u64,
    /// When it was committed.
    pub at: Time,
    /// The author of the revision, where known.
    pub by: Option<String>,
    /// The note of the author, if there is one.
    pub note: Option<String>,
    /// The names of the members that the revision changed: all of them for revision 1, none for a
    /// deletion.
    pub changed: Vec<String>,
    /// The revision that the author started from, where one was named.
    #[schemars(range(min = 1))]
    pub base: Option<u64>,
    /// Whether the persona is deleted in this revision.
    pub deleted: bool,
    /// Bytes of the document as JSON.
    pub size: u64,
}

/// What differs between two revisions of a persona, or between a revision and a document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevisionDiff {
    /// The revision that the comparison starts from.
    #[schemars(range(min = 1))]
    pub from: u64,
    /// The revision that is compared with from; null for a document of the client.
    #[schemars(range(min = 1))]
    pub to: Option<u64>,
    /// The names of the members that differ.
    pub changed: Vec<String>,
    /// A JSON Patch (RFC 6902) that turns the first document into the second.
    #[schemars(schema_with = "operations")]
    pub patch: Vec<Value>,
    /// The texts that both documents have and that differ.
    pub texts: Vec<TextDiff>,
    /// The items of the lists character_book.entries, assets and alternate_greetings that are gone,
    /// new, changed, or stand elsewhere.
    #[serde(default)]
    pub items: Vec<ItemDiff>,
}

/// An item of a list that is not as it was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ItemDiff {
    /// The list: a JSON Pointer (RFC 6901), such as /character_book/entries.
    pub list: String,
    /// What names the item: the id of an entry, or type and name of an asset; null for an item that
    /// is known by its value.
    pub identity: Option<Value>,
    /// The place of the item in the first list, from 0; null where it is new.
    pub from: Option<usize>,
    /// The place of the item in the second list, from 0; null where it is gone.
    pub to: Option<usize>,
    /// Whether it stands elsewhere among the items that stay.
    pub moved: bool,
    /// Whether its content differs.
    pub changed: bool,
}

/// What differs between two texts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TextDiff {
    /// The place of the text in the second document: a JSON Pointer (RFC 6901), such as
    /// /alternate_greetings/1.
    pub pointer: String,
    /// The place in the first document; absent where it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_pointer: Option<String>,
    /// Whether the texts were too large to be compared line by line. Then one hunk has everything
    /// between the common first lines and the common last lines.
    pub coarse: bool,
    /// The lines that differ, with up to three lines of context.
    pub hunks: Vec<Hunk>,
}

/// Some neighbouring lines of a text, of which some differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Hunk {
    /// Number of the first line of the hunk in the first text, from 1.
    #[schemars(range(min = 1))]
    pub from_line: usize,
    /// Number of the first line of the hunk in the second text, from 1.
    #[schemars(range(min = 1))]
    pub to_line: usize,
    /// The lines of the hunk. Where lines differ, those of the first text come before those of the
    /// second.
    pub lines: Vec<HunkLine>,
}

/// A line of a hunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HunkLine {
    /// The text that has the line.
    pub side: LineSide,
    /// The parts of the line, without the line break; none for an empty line.
    pub spans: Vec<Span>,
}

/// Which of two texts has a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LineSide {
    /// Both texts have the line.
    Both,
    /// Only the first text has the line.
    From,
    /// Only the second text has the line.
    To,
}

/// A part of a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Whether the other text does not have this part.
    pub changed: bool,
}

/// The schema of the operations of a JSON Patch, inlined because some generators skip the named
/// one.
fn operations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "object", "additionalProperties": true },
        "maxItems": PATCH_OPERATIONS_MAX,
    })
}

impl RevisionDiff {
    /// The difference between a revision and another one, or a document.
    pub fn of(from: Revision, to: Option<Revision>, diff: DocumentDiff) -> Self {
        Self {
            from: from.number(),
            to: to.map(Revision::number),
            changed: diff.changed.into_iter().map(String::from).collect(),
            patch: diff.patch,
            texts: diff.texts.into_iter().map(TextDiff::from).collect(),
            items: diff.items.into_iter().map(ItemDiff::from).collect(),
        }
    }
}

impl From<persona_model::TextDiff> for TextDiff {
    fn from(text: persona_model::TextDiff) -> Self {
        let persona_model::TextDiff { pointer, from_pointer, is_coarse, hunks } = text;
        let from_pointer = (from_pointer != pointer).then_some(from_pointer);
        let hunks = hunks.into_iter().map(Hunk::from).collect();
        Self { pointer, from_pointer, coarse: is_coarse, hunks }
    }
}

impl From<persona_model::ItemDiff> for ItemDiff {
    fn from(item: persona_model::ItemDiff) -> Self {
        let persona_model::ItemDiff { list, identity, from, to, is_moved, is_changed } = item;
        Self { list, identity, from, to, moved: is_moved, changed: is_changed }
    }
}

impl From<persona_model::Hunk> for Hunk {
    fn from(hunk: persona_model::Hunk) -> Self {
        let persona_model::Hunk { from_line, to_line, lines } = hunk;
        Self { from_line, to_line, lines: lines.into_iter().map(HunkLine::from).collect() }
    }
}

impl From<persona_model::HunkLine> for HunkLine {
    fn from(line: persona_model::HunkLine) -> Self {
        let side = match line.side {
            persona_model::LineSide::Both => LineSide::Both,
            persona_model::LineSide::From => LineSide::From,
            persona_model::LineSide::To => LineSide::To,
        };
        let span = |span: persona_model::Span| Span { text: span.text, changed: span.is_changed };
        Self { side, spans: line.spans.into_iter().map(span).collect() }
    }
}
