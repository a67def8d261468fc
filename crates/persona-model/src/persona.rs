//! The record as a whole.

use std::str::FromStr;

use crate::{ContentHash, Document, PersonaId, Revision, Timestamp, UnknownWord};

/// A persona: the members that the store manages, and the document that people edit.
#[derive(Clone, PartialEq, Debug)]
pub struct Persona {
    /// The identity, which never changes.
    pub id: PersonaId,
    /// Current revision.
    pub revision: Revision,
    /// When revision 1 was committed.
    pub created_at: Timestamp,
    /// When the current revision was committed.
    pub updated_at: Timestamp,
    /// When the persona was soft-deleted; `None` while it is not.
    pub deleted_at: Option<Timestamp>,
    /// The author of revision 1, where known.
    pub created_by: Option<String>,
    /// The author of the current revision, where known.
    pub updated_by: Option<String>,
    /// SHA-256 of the canonical JSON of the document.
    pub content_hash: ContentHash,
    /// The editable part.
    pub document: Document,
}

/// The sort of a persona.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A character that a model plays (the default).
    Character,
    /// A person's own identity in a chat.
    User,
    /// An assistant or agent configuration.
    Agent,
    /// A reusable prompt.
    Prompt,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Character, Self::User, Self::Agent, Self::Prompt];

    /// The word for this kind in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Character => "character",
            Self::User => "user",
            Self::Agent => "agent",
            Self::Prompt => "prompt",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or(UnknownWord)
    }
}
