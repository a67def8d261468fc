//! The errors of a transfer.

use persona_model::PersonaId;

use crate::{postgres, sqlite};

/// The reason why nothing, or not everything, was transferred. The source is never changed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] sqlite::DatabaseError),
    /// A database on a server cannot be used.
    #[error(transparent)]
    Server(#[from] postgres::DatabaseError),
    /// Source and target are one.
    #[error("{place} cannot be moved to itself")]
    SamePlace {
        /// Which one.
        place: String,
    },
    /// Source and target are of the same kind.
    #[error("a move goes from SQLite to PostgreSQL or back, not from one {kind} to another")]
    SameKind {
        /// Which kind.
        kind: &'static str,
    },
    /// The target holds personas already.
    #[error("{place} holds {personas} personas already")]
    NotEmpty {
        /// The target.
        place: String,
        /// How many.
        personas: u64,
    },
    /// The file that is to be made is there already.
    #[error("{place} exists already, and personas are moved to a new file only")]
    FileExists {
        /// The target.
        place: String,
    },
    /// An unfinished transfer of another source is in the target.
    #[error("{place} holds an unfinished move of another source: {source_name}")]
    OtherSource {
        /// The target.
        place: String,
        /// The source that the unfinished transfer names.
        source_name: String,
    },
    /// Both sides have something that only one persona, or one request, can have.
    #[error("{place} and {source_place} both have {what}; nothing was moved")]
    Clash {
        /// The target.
        place: String,
        /// The source.
        source_place: String,
        /// What both have.
        what: String,
    },
    /// A target without personas has an access token that the source has not.
    #[error("{place} has an access token of its own: {name}")]
    OtherToken {
        /// The target.
        place: String,
        /// The name of the token.
        name: String,
    },
    /// Something that came while the transfer was under way meets something in the target.
    #[error("{place} does not take a persona: {reason}")]
    Taken {
        /// The target.
        place: String,
        /// What the database said.
        reason: String,
    },
    /// Processes of a server have the source open, and would go on acknowledging writes that the
    /// target lacks.
    #[error("{place} is in use by {process}")]
    SourceInUse {
        /// The source.
        place: String,
        /// What one of them calls itself, such as `persona worker 1`.
        process: String,
    },
    /// Another process transfers into the same target.
    #[error("another process is moving personas to {place}")]
    Concurrent {
        /// The target.
        place: String,
    },
    /// The source has invalid rows.
    #[error("{place} is damaged: {what}")]
    DamagedSource {
        /// The source.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Source and target differ.
    #[error("the move to {place} is wrong{}: {what}", persona.map(|id| format!(" at persona {id}")).unwrap_or_default())]
    Differs {
        /// The target.
        place: String,
        /// The first persona that differs, where it is about one.
        persona: Option<PersonaId>,
        /// What differs.
        what: String,
    },
    /// Writers add lines as quickly as they are copied.
    #[error(
        "{place} is written to as quickly as it is copied: {left} changes are left, as many as two minutes ago or more"
    )]
    Outrun {
        /// The source.
        place: String,
        /// How many lines are not copied yet.
        left: u64,
    },
    /// The last lines could not be transferred and compared as quickly as writers can be made to
    /// wait.
    #[error(
        "the last changes took longer than {limit_ms} ms, {attempts} times; writers were let go on each time"
    )]
    FenceTooLong {
        /// How long writers may wait.
        limit_ms: u128,
        /// How often it was tried.
        attempts: u32,
    },
    /// The work was ended before it was done.
    #[error("the move to {place} was interrupted")]
    Interrupted {
        /// The target.
        place: String,
    },
}

impl TransferError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(sqlite::DatabaseError::InUse { .. }) | Self::SourceInUse { .. } => {
                "stop the server first (persona serve ends on TERM or Ctrl-C), or add --live to move while it serves".into()
            }
            Self::File(error) => return error.hint(),
            Self::Server(error) => return error.hint(),
            Self::SamePlace { .. } | Self::SameKind { .. } => {
                "copy a SQLite file with `persona backup`, and a PostgreSQL database with pg_dump".into()
            }
            Self::NotEmpty { .. } => "name an empty database, or add --into-existing to add the personas to those that are there".into(),
            Self::FileExists { .. } => "name another file; nothing was changed".into(),
            Self::OtherSource { .. } => "add --start-over to throw the unfinished move away".into(),
            Self::Clash { .. } => "name an empty database, or free what both have in one of the two".into(),
            Self::OtherToken { .. } => "name an empty database, or delete the token there with `persona token delete`".into(),
            Self::Taken { .. } => "add --start-over, which first takes out what was moved".into(),
            Self::Concurrent { .. } => "wait until it is done".into(),
            Self::DamagedSource { .. } => "find all that is wrong with `persona check`, and restore a backup".into(),
            Self::Differs { .. } => "add --start-over to move everything again; the source is as it was, go on using it".into(),
            Self::Outrun { .. } | Self::FenceTooLong { .. } => {
                "run the same command again when there are fewer writes, or stop the server and leave out --live".into()
            }
            Self::Interrupted { .. } => "run the same command again, it goes on where it was".into(),
        })
    }
}
