//! Writes as values: operations and their outcomes.

use std::str::FromStr;
use std::time::{Duration, Instant};

use persona_model::{
    DOCUMENT_BYTES_MAX, Document, HandleName, PastRevision, Patch, PersonaId, Precondition,
    Revision, UnknownWord,
};

use crate::fault_injection::{InjectedFault, is_on};
use crate::{Party, Representation, Squash, Viewer};

/// How long the answer to a request with an idempotency key is kept and replayed, at least: 24
/// hours of elapsed time that a maintenance process saw (`time.rs`).
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(24);

/// Most idempotency keys that a database keeps, about, when nothing else was chosen: with a day
/// each, 115 new ones a second without a pause. Each takes some 300 bytes with its indexes, 3 GB
/// together.
pub const IDEMPOTENCY_KEYS_MAX: u64 = 10_000_000;

/// An operation that changes a persona.
#[derive(Clone, PartialEq, Debug)]
pub enum Operation {
    /// Creates a persona, with revision 1.
    ///
    /// Fails with [`crate::Error::AlreadyExists`] when the identity is in use, also by a
    /// soft-deleted persona.
    Create {
        /// Its identity.
        id: PersonaId,
        /// Its document.
        document: Document,
    },
    /// Replaces the whole document.
    Replace {
        /// Which persona.
        id: PersonaId,
        /// The precondition of the writer.
        precondition: Precondition,
        /// The new document.
        document: Document,
    },
    /// Changes a part of the document.
    Patch {
        /// Which persona.
        id: PersonaId,
        /// The precondition of the writer.
        precondition: Precondition,
        /// The change.
        patch: Patch,
        /// The revision that the change was made for, if named; the change is then merged with
        /// later ones.
        base: Option<Revision>,
    },
    /// Soft-deletes the persona, as a new revision. Deleting it again changes nothing, whatever the
    /// precondition.
    Delete {
        /// Which persona.
        id: PersonaId,
        /// The precondition of the writer.
        precondition: Precondition,
    },
    /// Undeletes the persona, as a new revision. Undeleting a living one changes nothing.
    Undelete {
        /// Which persona.
        id: PersonaId,
        /// The precondition of the writer.
        precondition: Precondition,
    },
    /// Gives the persona the document of an earlier revision, as a new revision.
    ///
    /// Fails with [`crate::Error::UnknownRevision`] where there is no such revision.
    Revert {
        /// Which persona.
        id: PersonaId,
        /// The precondition of the writer.
        precondition: Precondition,
        /// The revision with the document.
        revision: Revision,
    },
    /// Stores a revision of another store unchanged, with its times and authors: the first revision
    /// of a new persona, or the revision after the current one. To import the current revision
    /// again changes nothing.
    ///
    /// Fails with [`crate::Error::Stale`] where the persona is at another revision, or at this
    /// revision with other content. Fails with [`crate::Error::NotFound`] where the persona does
    /// not exist and this is not its first revision.
    Import {
        /// Which persona.
        id: PersonaId,
        /// The revision.
        past: Box<PastRevision>,
    },
}

impl Operation {
    /// The precondition of the writer; `None` for a creation.
    pub fn precondition(&self) -> Option<&Precondition> {
        match self {
            Self::Create { .. } | Self::Import { .. } => None,
            Self::Replace { precondition, .. }
            | Self::Patch { precondition, .. }
            | Self::Delete { precondition, .. }
            | Self::Revert { precondition, .. }
            | Self::Undelete { precondition, .. } => Some(precondition),
        }
    }

    /// Bytes of the document in the operation; 0 for an operation without one.
    pub(crate) fn document_bytes(&self) -> usize {
        match self {
            Self::Create { document, .. } | Self::Replace { document, .. } => document.text().len(),
            Self::Import { past, .. } => past.document.text().len(),
            Self::Patch { .. }
            | Self::Delete { .. }
            | Self::Undelete { .. }
            | Self::Revert { .. } => 0,
        }
    }

    /// The earlier revision of which the decision needs the document.
    pub(crate) fn looks_back_to(&self) -> Option<Revision> {
        match self {
            Self::Patch { base, .. } => *base,
            Self::Revert { revision, .. } => Some(*revision),
            _ => None,
        }
    }

    /// The same about another persona.
    #[must_use]
    pub fn about(mut self, persona: PersonaId) -> Self {
        match &mut self {
            Self::Create { id, .. }
            | Self::Replace { id, .. }
            | Self::Patch { id, .. }
            | Self::Delete { id, .. }
            | Self::Undelete { id, .. }
            | Self::Revert { id, .. }
            | Self::Import { id, .. } => *id = persona,
        }
        self
    }

    /// Which persona it is about.
    pub fn id(&self) -> PersonaId {
        match self {
            Self::Create { id, .. }
            | Self::Replace { id, .. }
            | Self::Patch { id, .. }
            | Self::Delete { id, .. }
            | Self::Undelete { id, .. }
            | Self::Revert { id, .. }
            | Self::Import { id, .. } => *id,
        }
    }
}

/// How a repeated request is recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idempotency {
    /// The client's key, 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 over the parts of the request; the same key with another fingerprint is refused.
    pub fingerprint: [u8; 32],
}

/// Where the identity of a new persona comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdentityOrigin {
    /// The client chose it. A client that is bound to an owner may not: whether the identity is in
    /// use would tell of personas of others.
    Chosen,
    /// The store made the identity for this persona, so that no other one has it.
    New,
}

/// One request to change something.
#[derive(Clone, PartialEq, Debug)]
pub struct Write {
    /// What is to be changed.
    pub operation: Operation,
    /// The client that it is for. A persona that the viewer may not change does not exist for it.
    pub viewer: Viewer,
    /// Where the identity of a new persona comes from.
    pub identity: IdentityOrigin,
    /// The handle that the persona was named by. Fails with [`crate::Error::HandleMoved`] where it
    /// has another one when the write has its turn.
    pub named: Option<HandleName>,
    /// The author of the write, where known.
    pub author: Option<String>,
    /// The note of the author, stored with the revision; an import has its own.
    pub note: Option<String>,
    /// Asks that the revision which this one replaces is dropped from the history, where both are
    /// autosaves of one writer within the window.
    pub squash: Option<Squash>,
    /// How a repetition is recognised; `None` where the client did not ask for it.
    pub idempotency: Option<Idempotency>,
    /// The deadline of the wait for the turn; after it the write fails with [`crate::Error::Busy`]
    /// and is never applied.
    pub deadline: Instant,
    /// The client, for a fair order; `None` for the command line.
    pub client: Option<Party>,
    /// Bytes of the request's body; 0 if unknown.
    pub bytes: usize,
    /// Most bytes of JSON that the document may have after the write; a larger document may still
    /// become smaller.
    pub document_bytes_max: usize,
}

impl Write {
    /// A write of a trusted program without author, idempotency key and client, and with the usual
    /// limit.
    pub fn new(operation: Operation, deadline: Instant) -> Self {
        let document_bytes_max = DOCUMENT_BYTES_MAX;
        Self {
            operation,
            viewer: Viewer::trusted(),
            identity: IdentityOrigin::Chosen,
            named: None,
            author: None,
            note: None,
            squash: None,
            idempotency: None,
            deadline,
            client: None,
            bytes: 0,
            document_bytes_max,
        }
    }
}

impl Write {
    /// Whether a persona of this owner does not exist for the viewer, because the viewer may not
    /// change it.
    pub(crate) fn hides(&self, owner: &str) -> bool {
        !self.viewer.reach().changes(owner) && !is_on(InjectedFault::OverlookOwnersOfWrites)
    }

    /// Whether the write is decided as if there were no persona, where this owner has the persona
    /// with its identity. A creation with an identity of the server's choice is refused instead:
    /// its row could not be kept beside the other one.
    pub(crate) fn overlooks(&self, owner: &str) -> bool {
        let is_new = matches!(self.operation, Operation::Create { .. })
            && self.identity == IdentityOrigin::New;
        self.hides(owner) && !is_new
    }
}

/// The outcome of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The persona was created.
    Created,
    /// The persona has a new revision with another document.
    Updated,
    /// The persona was already as wanted; it has no new revision.
    Unchanged,
    /// The persona was soft-deleted.
    Deleted,
    /// The persona was undeleted.
    Undeleted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::Created, Self::Updated, Self::Unchanged, Self::Deleted, Self::Undeleted];

    /// The word for this outcome in the database. `restored` is what undeleting was called when the
    /// schema was made: it stays in the records of idempotency keys and in the feed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Undeleted => "restored",
        }
    }
}

impl FromStr for Outcome {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word).ok_or(UnknownWord)
    }
}

/// A committed write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The outcome.
    pub outcome: Outcome,
    /// The row as committed.
    pub representation: Representation,
    /// Whether the answer is that of an earlier request with the same idempotency key; nothing was
    /// changed now.
    pub replayed: bool,
}
