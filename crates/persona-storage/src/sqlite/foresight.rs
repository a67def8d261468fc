//! What a heavy write will come to, worked out before its turn: the lock is then held for the statements only.
//!
//! Reading, patching, checking and folding a document of some megabytes takes many times as long as writing it. All of that
//! is done here against the revision that a reader sees. Behind the lock only its tag is compared; where
//! another write was faster, everything is worked out again there, and nothing of this counts.

use std::sync::Arc;
use std::time::Instant;

use persona_model::Revision;
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::connection::{self, Purpose};
use super::personas::{self, Stored};
use super::{Settings, revisions};
use crate::decide::{Patched, patched};
use crate::{Error, NoObserver, Operation, Write};

/// The persona as it was seen outside of the lock, and what the write makes of it.
#[derive(Debug)]
pub(super) struct Foreseen {
    /// As it was seen.
    pub before: Stored,
    /// What a patch made of it, or why the rules refuse that; `None` for writes that are no patch.
    pub patched: Option<Patched>,
}

impl Foreseen {
    /// Bytes that the write has to read or write, as far as they are known.
    pub(super) fn bytes(&self) -> usize {
        let document = self.patched.as_ref().and_then(|patched| patched.as_ref().ok());
        document.map_or(0, |document| document.text().len())
    }
}

/// Works out heavy writes, one at a time: they are applied one at a time too.
pub(super) struct Foresight {
    settings: Settings,
    /// Opened with the first heavy write.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl Foresight {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, reader: Arc::default() }
    }

    /// Looks ahead, and hands the write back. Nothing is foreseen where its time runs out before, or where reading fails:
    /// behind the lock the same failure is told.
    ///
    /// # Errors
    ///
    /// A fault of the program.
    pub(super) async fn of(&self, write: Write) -> Result<(Write, Option<Box<Foreseen>>), Error> {
        let reader = tokio::time::timeout_at(write.deadline.into(), Arc::clone(&self.reader).lock_owned()).await;
        let Ok(mut reader) = reader else { return Ok((write, None)) };
        let settings = self.settings.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if reader.is_none() {
                *reader = connection::open(&settings, Purpose::Read, Arc::new(NoObserver)).ok();
            }
            let foreseen = reader.as_ref().and_then(|reader| look(reader, &write));
            (write, foreseen.map(Box::new))
        });
        looked.await.map_err(|error| Error::Backend(Box::new(error)))
    }
}

fn look(reader: &Connection, write: &Write) -> Option<Foreseen> {
    if let Operation::Create { document, .. } | Operation::Replace { document, .. } = &write.operation {
        document.prepare();
    }
    let id = write.operation.id();
    // One snapshot for all that is read.
    let snapshot = reader.unchecked_transaction().ok()?;
    let before = personas::find(&snapshot, id).ok()??;
    let patched = match &write.operation {
        Operation::Patch { patch, base, .. } => {
            let document_at = |revision: Revision| revisions::document(&snapshot, id, before.row_id, revision);
            Some(patched(patch, *base, before.current(), document_at)).filter(is_of_the_rules)
        }
        _ => None,
    };
    // The reader is not to hold the log while this is folded.
    drop(snapshot);
    if Instant::now() < write.deadline
        && let Some(Ok(document)) = &patched
    {
        document.prepare();
        // To be compared with the new ones.
        before.persona.document.words();
    }
    Some(Foreseen { before, patched })
}

/// Whether the same comes of the same revision every time. A failure to read does not.
fn is_of_the_rules(patched: &Patched) -> bool {
    let Err(error) = patched else { return true };
    matches!(error, Error::Invalid(_) | Error::TestFailed { .. } | Error::UnknownBase { .. } | Error::Conflicts { .. })
}
