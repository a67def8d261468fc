//! The progress of long work on a database, and the way to end it early.

use std::ops::ControlFlow;

/// A step of the work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// Pages are copied.
    Copying,
    /// SQLite looks at the structure of the file, table by table. Within a table the rows are
    /// estimated.
    Structure,
    /// Lines of the feed are followed.
    Changes,
    /// Personas are read with all their revisions.
    Personas,
    /// Lines of the feed are transferred to another database.
    Transferring,
    /// What was transferred is compared with its source.
    Comparing,
}

/// The progress of the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The current step.
    pub step: Step,
    /// How much of the step is done.
    pub done: u64,
    /// How much there is to do in the step, as far as known.
    pub total: u64,
}

impl Step {
    /// The step in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Structure => "checking the structure",
            Self::Changes => "checking the feed",
            Self::Personas => "checking the personas",
            Self::Transferring => "moving",
            Self::Comparing => "comparing",
        }
    }

    /// The unit of the count, in the plural.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Copying => "pages",
            Self::Structure => "rows",
            Self::Changes | Self::Transferring | Self::Comparing => "changes",
            Self::Personas => "personas",
        }
    }
}

/// Gets the progress often; a break ends the work with
/// [`crate::sqlite::DatabaseError::Interrupted`]. It can be called on another thread than the one
/// that does the work.
pub type Watcher<'a> = dyn FnMut(Progress) -> ControlFlow<()> + Send + 'a;
