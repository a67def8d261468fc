//! The global feed of changes.

use std::str::FromStr;

use crate::{LabelName, PersonaId, Revision, Timestamp, UnknownWord};

/// What happened to a persona.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    /// The persona was created.
    Created,
    /// The document of the persona changed.
    Updated,
    /// The persona was soft-deleted.
    Deleted,
    /// The persona was undeleted.
    Undeleted,
    /// One of its labels was set, or moved to another revision; the persona is as it was.
    Labelled,
    /// One of its labels was removed; the persona is as it was.
    Unlabelled,
    /// The persona was purged: it is gone with its history.
    Purged,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Updated,
        Self::Deleted,
        Self::Undeleted,
        Self::Labelled,
        Self::Unlabelled,
        Self::Purged,
    ];

    /// Whether it is about a label of the persona.
    pub const fn is_of_label(self) -> bool {
        matches!(self, Self::Labelled | Self::Unlabelled)
    }

    /// The word for this kind in the database. Clients get the words of the API, which are others
    /// for some kinds. `restored` is what undeleting was called when the schema was made: it stays,
    /// because a constraint of every database names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Undeleted => "restored",
            Self::Labelled => "label",
            Self::Unlabelled => "label_removed",
            Self::Purged => "purged",
        }
    }
}

impl FromStr for ChangeKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or(UnknownWord)
    }
}

/// One line of the feed, written in the same transaction as the change itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Place in the feed: from 1, growing in commit order, never reused.
    pub sequence: u64,
    /// The persona that was changed.
    pub persona: PersonaId,
    /// The revision that the change made. Of a label the revision that it points to then, or that
    /// it pointed to before it was removed; of a purged persona its last one.
    pub revision: Revision,
    /// What happened.
    pub kind: ChangeKind,
    /// The time of the write transaction that made the change.
    pub at: Timestamp,
    /// Which label was moved; `None` where the persona itself was changed.
    pub label: Option<LabelName>,
}
