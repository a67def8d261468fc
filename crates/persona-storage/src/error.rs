//! What can go wrong when personas are kept, in the vocabulary of the contract.

use std::time::Duration;

use persona_model::{
    Conflict, EntityTag, HandleName, Owner, PersonaId, Revision, ValidationErrors,
};

use crate::{LabelError, TokenError};

/// Why the store did not do what was asked. Nothing was changed, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No persona with this identity was ever created, or the client does not reach it.
    #[error("no such persona")]
    NotFound,
    /// The persona is soft-deleted; it can be undeleted.
    #[error("the persona is deleted")]
    Deleted {
        /// Its current state.
        current: EntityTag,
    },
    /// A persona with this identity exists already, alive or soft-deleted.
    #[error("the persona exists already")]
    AlreadyExists {
        /// Its current state.
        current: EntityTag,
    },
    /// The current state is not an expected one.
    #[error("the current revision is {}", current.revision)]
    Stale {
        /// The current state.
        current: EntityTag,
    },
    /// Another living persona has this handle.
    #[error("the handle {handle} is taken by {holder}")]
    HandleTaken {
        /// The handle that was asked for.
        handle: String,
        /// The persona that has it.
        holder: PersonaId,
    },
    /// The persona was named by a handle that it gave up meanwhile.
    #[error("the handle {handle} was given up by the persona that had it")]
    HandleMoved {
        /// The handle.
        handle: HandleName,
    },
    /// The client is bound to this owner, and the persona would get another one, or none.
    #[error("the persona would not be one of {owner}")]
    OwnerRefused {
        /// The owner that the client is bound to.
        owner: Owner,
    },
    /// The patched or merged document breaks rules.
    #[error(transparent)]
    Invalid(#[from] ValidationErrors),
    /// A `test` operation of a JSON Patch did not hold.
    #[error("the test at {pointer} failed")]
    TestFailed {
        /// What was tested: a JSON Pointer.
        pointer: String,
        /// The current state.
        current: EntityTag,
    },
    /// The base revision of a three-way merge does not exist.
    #[error("the base revision {base} does not exist")]
    UnknownBase {
        /// The revision that was named.
        base: Revision,
    },
    /// The persona never had this revision.
    #[error("there is no revision {revision}")]
    UnknownRevision {
        /// The revision that was named.
        revision: Revision,
        /// The current state.
        current: EntityTag,
    },
    /// Both sides of a three-way merge changed the same units differently.
    #[error("{} units were changed on both sides", conflicts.len())]
    Conflicts {
        /// The units, at least one.
        conflicts: Vec<Conflict>,
        /// The current state.
        current: EntityTag,
    },
    /// No line of the feed is what this position says: it is of another database, or of a state
    /// that was given up when an earlier one was restored.
    #[error("the position is of another history")]
    UnknownPosition,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// As many idempotency keys are kept as may be; each is kept for a day, because an earlier end
    /// would break its promise. Nothing was changed. Requests without a key, or with a known one,
    /// are served.
    #[error("{max} idempotency keys are kept, which is the most")]
    TooManyKeys {
        /// The most that are kept.
        max: u64,
    },
    /// The documents of an atomic batch are too large together; the same at once is never possible.
    #[error("the documents of an atomic batch have more than {max} bytes together")]
    TooMuchAtOnce {
        /// The most bytes that they may have.
        max: usize,
    },
    /// A token is not changed as asked.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A label is not moved as asked.
    #[error(transparent)]
    Label(Box<LabelError>),
    /// The queue was full, or the lock was not had before the deadline. Trying again later can
    /// succeed.
    #[error("the store is busy: {what}")]
    Busy {
        /// What was waited for.
        what: &'static str,
    },
    /// A read was ended at its time limit. The same read again is likely to end alike; one that
    /// asks for less is not.
    #[error("the read took longer than {} ms", limit.as_millis())]
    ReadTimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// A read was ended because writers filled the WAL beside it, which is reset
    /// only when no reader is on an old snapshot. Trying again later can succeed.
    #[error("the read was ended because writers filled the WAL beside it")]
    ReadGaveWay,
    /// The process may have no more memory. Trying again later can succeed.
    #[error("no memory left for the database")]
    OutOfMemory,
    /// The database cannot be reached now. Nothing was changed; trying again later can succeed.
    #[error("the database cannot be reached")]
    Unreachable,
    /// The database failed or its connection broke while a write was being committed, and it could
    /// not be found out what became of it.
    #[error("whether the write was kept is unknown")]
    OutcomeUnknown,
    /// The disk or a quota is full, a limit on the size of files is reached, or less is free than
    /// is to stay free. Nothing was changed. Reads go on; writes succeed again when there is room.
    #[error("no space left for the database: {0}")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is damaged; nothing was repaired and nothing was deleted.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The store is closing, or lost its writer before the request had its turn. Nothing was
    /// changed.
    #[error("the store is closed: {0}")]
    Closed(&'static str),
    /// The disk failed to read or to write something. A write that met this was not kept, and never
    /// will be.
    #[error("the disk failed: {0}")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk failed to sync. What it has is unknown, of this write and of others, so everything
    /// is to be opened again.
    #[error("the disk failed to sync: {0}")]
    Unsynced(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else that the backend reports.
    #[error("the database failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<LabelError> for Error {
    fn from(error: LabelError) -> Self {
        Self::Label(Box::new(error))
    }
}
