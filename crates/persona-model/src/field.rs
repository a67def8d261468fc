//! The one table of editable fields.
//!
//! Validation, patches, the OpenAPI schema, the property tests and the suggestions for mistyped
//! names all walk this table. A field that is added here is accepted, stored and returned
//! everywhere; there is no second list.

use serde_json::{Value, json};

/// Most bytes of one text field, in UTF-8. Real prompts reach 144,260 characters.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Most characters of a name, in Unicode code points.
pub const NAME_CHARS_MAX: usize = 256;
/// Most characters of a short line such as `creator`, in Unicode code points.
pub const LINE_CHARS_MAX: usize = 256;
/// Most characters of a handle.
pub const HANDLE_CHARS_MAX: usize = 64;
/// Most segments of a handle.
pub const HANDLE_SEGMENTS_MAX: usize = 8;
/// Most tags of a persona.
pub const TAGS_MAX: usize = 256;
/// Most characters of one tag, in Unicode code points.
pub const TAG_CHARS_MAX: usize = 128;
/// Most greetings in one list.
pub const GREETINGS_MAX: usize = 256;
/// Most entries of `source`.
pub const SOURCES_MAX: usize = 64;
/// Most characters of one entry of `source`, in Unicode code points.
pub const SOURCE_CHARS_MAX: usize = 2048;
/// Most languages of the creator's notes.
pub const LANGUAGES_MAX: usize = 32;
/// Most bytes of the lorebook as JSON.
pub const BOOK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most assets of a persona.
pub const ASSETS_MAX: usize = 10_000;
/// Most bytes of a free-form object as JSON.
pub const OBJECT_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of a free-form object, the object itself counted as 1.
pub const OBJECT_DEPTH_MAX: usize = 64;
/// The content ratings, mildest first.
pub const RATINGS: [&str; 3] = ["sfw", "moderate", "nsfw"];

/// The name of the field with the owner of a persona.
pub(crate) const OWNER: &str = "owner";

/// What a field may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// Required line of 1 to [`NAME_CHARS_MAX`] characters, not blank, without control characters.
    Name,
    /// Line of 0 to [`LINE_CHARS_MAX`] characters, without control characters.
    Line,
    /// Text of 0 to [`TEXT_BYTES_MAX`] bytes.
    Text,
    /// One word of this list; the first is the default.
    OneOf(&'static [&'static str]),
    /// Null, or a [`crate::HandleName`].
    Handle,
    /// Null, or the name of an [`crate::Owner`].
    Owner,
    /// At most this many items, each a text.
    Texts {
        /// Most items.
        items_max: usize,
    },
    /// At most this many items, each a line of 1 to this many characters.
    Lines {
        /// Most items.
        items_max: usize,
        /// Most characters of one item.
        chars_max: usize,
    },
    /// Map from language to text, at most [`LANGUAGES_MAX`] entries.
    TextByLanguage,
    /// `{"default": rating, "allowed": [rating...]}` with the default among the allowed.
    Rating,
    /// Free-form object of at most this many bytes of JSON.
    Object {
        /// Most bytes as JSON.
        bytes_max: usize,
    },
    /// List of `{"type", "uri", "name", "ext"}`, all strings (Character Card V3, `assets`).
    Assets,
    /// True or false.
    Flag {
        /// What an absent flag means.
        default: bool,
    },
}

/// One editable field of a persona.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// The name in the API; the name of Character Card V3 where cards have the field.
    pub name: &'static str,
    /// Which values the field may hold.
    pub shape: FieldKind,
    /// The purpose of the field, in one sentence.
    pub about: &'static str,
}

impl Field {
    /// The field with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// The value that an absent or null field gets; `None` for `name`, which is required.
    pub fn default(&self) -> Option<Value> {
        Some(match self.shape {
            FieldKind::Name => return None,
            FieldKind::Line | FieldKind::Text => json!(""),
            FieldKind::OneOf(words) => json!(words[0]),
            FieldKind::Handle | FieldKind::Owner => Value::Null,
            FieldKind::Texts { .. } | FieldKind::Lines { .. } | FieldKind::Assets => json!([]),
            FieldKind::TextByLanguage | FieldKind::Object { .. } => json!({}),
            FieldKind::Rating => json!({ "default": RATINGS[0], "allowed": [RATINGS[0]] }),
            FieldKind::Flag { default } => json!(default),
        })
    }
}

const GREETINGS: FieldKind = FieldKind::Texts { items_max: GREETINGS_MAX };

/// Every editable field, in the order in which people read them.
pub const FIELDS: &[Field] = &[
    Field { name: "name", shape: FieldKind::Name, about: "What the persona is called." },
    Field {
        name: "nickname",
        shape: FieldKind::Line,
        about: "What it is called in prompts, where that differs from the name.",
    },
    Field {
        name: "kind",
        shape: FieldKind::OneOf(&["character", "user", "agent", "prompt"]),
        about: "What sort of persona it is.",
    },
    Field {
        name: "handle",
        shape: FieldKind::Handle,
        about: "A short name for URLs and tools, such as support/tier-1; unique among those of its owner.",
    },
    Field {
        name: OWNER,
        shape: FieldKind::Owner,
        about: "Whose it is: a user, a team or a tenant of the application. A token can be bound to one.",
    },
    Field { name: "description", shape: FieldKind::Text, about: "Who or what the persona is." },
    Field { name: "appearance", shape: FieldKind::Text, about: "What the persona looks like." },
    Field { name: "personality", shape: FieldKind::Text, about: "How the persona behaves." },
    Field { name: "scenario", shape: FieldKind::Text, about: "The situation of the conversation." },
    Field {
        name: "system_prompt",
        shape: FieldKind::Text,
        about: "Instructions for the model, before the conversation.",
    },
    Field {
        name: "post_history_instructions",
        shape: FieldKind::Text,
        about: "Instructions for the model, after the conversation so far.",
    },
    Field {
        name: "first_mes",
        shape: FieldKind::Text,
        about: "The first message, the default greeting.",
    },
    Field { name: "mes_example", shape: FieldKind::Text, about: "Examples of the conversation." },
    Field {
        name: "alternate_greetings",
        shape: GREETINGS,
        about: "Other first messages to choose from.",
    },
    Field {
        name: "group_only_greetings",
        shape: GREETINGS,
        about: "First messages for group chats only.",
    },
    Field {
        name: "creator_notes",
        shape: FieldKind::Text,
        about: "Notes from the creator to users.",
    },
    Field {
        name: "creator_notes_multilingual",
        shape: FieldKind::TextByLanguage,
        about: "The creator's notes by language (ISO 639-1).",
    },
    Field {
        name: "tags",
        shape: FieldKind::Lines { items_max: TAGS_MAX, chars_max: TAG_CHARS_MAX },
        about: "Words to find the persona by.",
    },
    Field { name: "creator", shape: FieldKind::Line, about: "Who made the persona." },
    Field {
        name: "character_version",
        shape: FieldKind::Line,
        about: "The creator's own version name.",
    },
    Field {
        name: "license",
        shape: FieldKind::Line,
        about: "Under which terms the persona may be used.",
    },
    Field {
        name: "source",
        shape: FieldKind::Lines { items_max: SOURCES_MAX, chars_max: SOURCE_CHARS_MAX },
        about: "Where the persona came from, such as URLs.",
    },
    Field {
        name: "content_rating",
        shape: FieldKind::Rating,
        about: "How mature the content is by default, and what is allowed.",
    },
    Field {
        name: "style_preferences",
        shape: FieldKind::Object { bytes_max: OBJECT_BYTES_MAX },
        about: "Free-form preferences for style.",
    },
    Field {
        name: "character_book",
        shape: FieldKind::Object { bytes_max: BOOK_BYTES_MAX },
        about: "The lorebook, as in Character Card V3.",
    },
    Field {
        name: "assets",
        shape: FieldKind::Assets,
        about: "References to pictures and other files, as in Character Card V3.",
    },
    Field {
        name: "is_active",
        shape: FieldKind::Flag { default: true },
        about: "Whether the persona is in use.",
    },
    Field {
        name: "extensions",
        shape: FieldKind::Object { bytes_max: OBJECT_BYTES_MAX },
        about: "Data of other applications, kept as it is.",
    },
];

/// Longest mistyped name that is compared with the known ones, in bytes. It is about twice the
/// longest route.
const NEAR_BYTES_MAX: usize = 64;

/// The editable field with the name nearest to a mistyped one, if any name is near.
pub fn nearest_field(name: &str) -> Option<&'static str> {
    nearest_name(name, FIELDS.iter().map(|field| field.name))
}

/// The known name that is nearest to a mistyped one, if any is near.
///
/// Near means a Jaro-Winkler similarity of at least 0.8 (a swapped, missing or doubled letter, a
/// forgotten suffix). A mistyped name of more than 64 bytes gets no suggestion, because the time of
/// a comparison grows with the product of both lengths.
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.into_iter().filter(|_| name.len() <= NEAR_BYTES_MAX);
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
