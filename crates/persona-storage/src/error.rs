//! The errors of a store, in the terms of the contract.

use std::time::Duration;

use persona_model::{
    Conflict, EntityTag, HandleName, Owner, PersonaId, Revision, Timestamp, ValidationErrors,
};

use crate::{LabelError, TokenError};

/// The reason why the store did not do what a caller asked for. Nothing was changed, unless a
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No persona with this identity was ever created, or the client does not reach it.
    #[error("no such persona")]
    NotFound,
    /// The persona was purged: it is gone for ever, and no persona ever has its identity again.
    #[error("the persona was purged")]
    Purged {
        /// When it was purged.
        at: Timestamp,
    },
    /// The persona is soft-deleted; it can be undeleted.
    #[error("the persona is deleted")]
    Deleted {
        /// The entity tag of the current state.
        current: EntityTag,
    },
    /// A persona with this identity exists already, alive or soft-deleted.
    #[error("the persona exists already")]
    AlreadyExists {
        /// The entity tag of the current state.
        current: EntityTag,
    },
    /// The current state does not meet the precondition.
    #[error("the current revision is {}", current.revision)]
    Stale {
        /// The entity tag of the current state.
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
        /// The place that was tested: a JSON Pointer.
        pointer: String,
        /// The entity tag of the current state.
        current: EntityTag,
    },
    /// The base revision of a three-way merge does not exist, or was dropped from the history.
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
        /// The entity tag of the current state.
        current: EntityTag,
    },
    /// The persona had this revision, and it was dropped from the history.
    #[error("revision {revision} was dropped from the history")]
    RevisionDropped {
        /// The revision that was named.
        revision: Revision,
    },
    /// Both sides of a three-way merge changed the same units differently.
    #[error("{} units were changed on both sides", conflicts.len())]
    Conflicts {
        /// The units, at least one.
        conflicts: Vec<Conflict>,
        /// The entity tag of the current state.
        current: EntityTag,
    },
    /// The feed has no line at this position: the position belongs to another database, or to a
    /// state from before a backup was restored.
    #[error("the position is of another history")]
    UnknownPosition,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The limit of idempotency keys is reached. Each key is kept for a day, because removing it
    /// earlier would break its promise. Nothing was changed. Requests without a key, or with a
    /// known one, are served.
    #[error("{max} idempotency keys are kept, which is the most")]
    TooManyKeys {
        /// The limit.
        max: u64,
    },
    /// The documents of an atomic batch are too large together. The same batch can never succeed.
    #[error("the documents of an atomic batch have more than {max} bytes together")]
    TooMuchAtOnce {
        /// The limit in bytes.
        max: usize,
    },
    /// The change of a token was refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A label is not moved as asked.
    #[error(transparent)]
    Label(Box<LabelError>),
    /// The queue was full, or the lock was not had before the deadline. Trying again later can
    /// succeed.
    #[error("the store is busy: {what}")]
    Busy {
        /// What the caller waited for.
        what: &'static str,
    },
    /// A read was ended at its time limit. The same read is likely to time out again; a read that
    /// asks for less can succeed.
    #[error("the read took longer than {} ms", limit.as_millis())]
    ReadTimedOut {
        /// The limit of time.
        limit: Duration,
    },
    /// A read was ended because writers were filling the WAL, which can be reset only when no
    /// reader uses an old snapshot. Trying again later can succeed.
    #[error("the read was ended because writers filled the WAL beside it")]
    ReadGaveWay,
    /// The system gives the process no more memory. Trying again later can succeed.
    #[error("no memory left for the database")]
    OutOfMemory,
    /// The database cannot be reached now. Nothing was changed; trying again later can succeed.
    #[error("the database cannot be reached")]
    Unreachable,
    /// The database failed or its connection broke while a write was being committed, and its
    /// outcome could not be determined.
    #[error("whether the write was kept is unknown")]
    OutcomeUnknown,
    /// The disk or a quota is full, a limit on the size of files is reached, or the free space is
    /// below the reserve. Nothing was changed. Reads still work; writes succeed again when there is
    /// room.
    #[error("no space left for the database: {0}")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is damaged; nothing was repaired and nothing was deleted.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The store is closing, or lost its writer before the request had its turn. Nothing was
    /// changed.
    #[error("the store is closed: {0}")]
    Closed(&'static str),
    /// The disk failed in a read or a write. A write with this error was not kept, and never will
    /// be.
    #[error("the disk failed: {0}")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk failed to sync. What it contains of this write and of others is unknown, so every
    /// process must open the database again.
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
