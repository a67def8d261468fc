//! Foresight: works out the result of a write before its turn, so that the write lock is held for
//! the statements only.
//!
//! Reading, patching, checking, hashing and folding a document takes several times as long as
//! writing it. All of that is done here against the state that a reader sees, on the side of the
//! request. Behind the lock only its entity tag is compared; where another write was faster,
//! everything is worked out again there, and nothing of this counts.
//!
//! A light write is worked out on the thread that serves its request, in less than a millisecond.
//! Where another write of the same persona is on its way in this process, it is not: its result
//! would be void.
//!
//! Two parsed documents of a heavy write are many times the body of a small patch. So at most one
//! such result is there at a time, over all processes: its write keeps its guard
//! (`heavy_write_lock.rs`) until it is committed, refused or withdrawn, and clients take turns.
//! That costs little, because the work is the longer part; and two writes of one persona do not
//! make each other's work void.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use persona_model::{Document, Revision, TextWords, TitleWords};
use rusqlite::Connection;

use super::heavy_write_lock::{HeavyWriteGuard, HeavyWriteLock};
use super::queue::LIGHT_BYTES_MAX;
use crate::atomic::Budget;
use crate::decide::{Decision, decide};
use crate::sqlite::Settings;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::read::Readers;
use crate::sqlite::search::{self, WrittenParts};
use crate::sqlite::tables::personas::{self, Found, Stored};
use crate::sqlite::tables::{idempotency, revisions};
use crate::{AtomicBatch, Error, NoObserver, Operation, Write, fault_injection};

/// The persona as it was seen outside of the lock, and the decision of the write.
#[derive(Debug)]
pub(crate) struct Foreseen {
    /// The persona as it was seen.
    pub before: Stored,
    /// The decision, without the time; `None` for an import, because its rules need the time, and
    /// where reading failed.
    pub decision: Option<Result<Decision, Error>>,
}

impl Foreseen {
    /// Whether working it out again behind the lock would take long.
    fn is_heavy(&self) -> bool {
        self.bytes() > LIGHT_BYTES_MAX
    }

    /// Bytes of the larger document, before or after the write, as far as known.
    fn bytes(&self) -> usize {
        let before = self.before.persona.document.text().len();
        self.document().map_or(0, |document| document.text().len()).max(before)
    }

    /// The document after the write, if there is a new one.
    fn document(&self) -> Option<&Document> {
        match &self.decision {
            Some(Ok(Decision::Change(revised))) => Some(&revised.persona.document),
            _ => None,
        }
    }
}

/// The words of a large text, to be written before the document.
#[derive(Debug)]
pub(crate) struct Large {
    /// The document with the words.
    pub document: Document,
    /// Its parts, in bytes of the words.
    pub parts: Vec<Range<usize>>,
}

/// The foreseen result of a write; with the guard if the write is heavy.
#[derive(Debug)]
pub(crate) struct Ahead {
    pub foreseen: Option<Foreseen>,
    pub large: Option<Large>,
    /// The parts that were written already.
    pub written: Option<WrittenParts>,
    pub guard: Option<HeavyWriteGuard>,
}

impl Ahead {
    /// Bytes that the write has to read or write beside those that it brings, as far as they are
    /// known.
    pub(crate) fn bytes(&self) -> usize {
        self.foreseen.as_ref().map_or(0, Foreseen::bytes)
    }

    /// The documents that were made for the write.
    pub(crate) fn documents(&self) -> [Option<Document>; 2] {
        let before = self.foreseen.as_ref().map(|foreseen| &foreseen.before.persona.document);
        let after = self.foreseen.as_ref().and_then(Foreseen::document);
        [before.cloned(), after.cloned()]
    }
}

/// The foreseen results of the items of an atomic batch, with the guard.
#[derive(Debug)]
pub(crate) struct AheadOfBatch {
    /// The result of each item, in their order.
    pub foreseen: Vec<Option<Foreseen>>,
    pub guard: HeavyWriteGuard,
}

impl AheadOfBatch {
    /// Bytes that the batch has to read or write, as far as they are known.
    pub(crate) fn bytes(&self) -> usize {
        self.foreseen.iter().flatten().map(Foreseen::bytes).sum()
    }
}

/// The result of looking ahead for a write that seemed light.
pub(crate) enum Looked {
    /// The write is light; with its foreseen result, if there is one.
    Light(Option<Box<Ahead>>),
    /// The write changes a persona of this many bytes.
    Heavy(usize),
}

/// Works out the results of writes; for heavy writes, clients take turns.
pub(crate) struct Foresight {
    settings: Settings,
    readers: Arc<Readers>,
    write_lock: HeavyWriteLock,
    /// The connection, opened with the first heavy write.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl Foresight {
    pub(crate) fn new(settings: Settings, readers: Arc<Readers>) -> Self {
        let write_lock = HeavyWriteLock::of(&settings.path);
        Self { settings, readers, write_lock, reader: Arc::default() }
    }

    /// Looks ahead for a write that looks light, on this thread. Nothing is foreseen where the
    /// persona is not there, or where reading fails: behind the lock the same failure is told.
    pub(crate) fn of_light(&self, write: &Write) -> Looked {
        if Instant::now() >= write.deadline {
            return Looked::Light(None);
        }
        prepare_own(&write.operation);
        let looked = self.readers.short(|reader| {
            Ok(match personas::find_up_to(reader, write, LIGHT_BYTES_MAX)? {
                Found::Nothing => Looked::Light(None),
                Found::Larger(bytes) => Looked::Heavy(bytes),
                Found::Whole(before) => {
                    let foreseen = foresee(reader, write, *before);
                    let ahead =
                        Ahead { foreseen: Some(foreseen), large: None, written: None, guard: None };
                    Looked::Light(Some(Box::new(ahead)))
                }
            })
        });
        fault_injection::pause_after_looking_outside();
        looked.unwrap_or(Looked::Light(None))
    }

    /// Looks ahead for the items of an atomic batch, in the turn of a heavy write. Nothing is
    /// foreseen of items with larger documents than a batch may have.
    ///
    /// # Errors
    ///
    /// As [`Self::of_heavy`].
    pub(crate) async fn of_batch(&self, batch: Arc<AtomicBatch>) -> Result<AheadOfBatch, Error> {
        let guard = self.write_lock.enter(batch.client(), batch.deadline()).await?;
        self.with_reader(guard, move |reader, guard| {
            let mut budget = Budget::WHOLE;
            let foreseen = batch.writes().iter().map(|write| {
                prepare_own(&write.operation);
                let found = personas::find_up_to(reader?, write, budget.left());
                let Ok(Found::Whole(before)) = found else { return None };
                let foreseen = foresee(reader?, write, *before);
                budget.take(foreseen.bytes(), 0).ok().map(|()| foreseen)
            });
            AheadOfBatch { foreseen: foreseen.collect(), guard }
        })
        .await
    }

    /// Looks ahead for a heavy write, and hands it back, with its guard where it is heavy. Nothing
    /// is foreseen where the persona is not there, where all of this is light, or where reading
    /// fails: behind the lock the same failure is told.
    ///
    /// # Errors
    ///
    /// The turn did not come before the deadline, or too many wait for theirs; or a fault of the
    /// program.
    pub(crate) async fn of_heavy(&self, write: Arc<Write>) -> Result<Option<Box<Ahead>>, Error> {
        let guard = self.write_lock.enter(write.client, write.deadline).await?;
        self.with_reader(guard, move |reader, guard| {
            let (foreseen, large) = reader.map(|reader| look(reader, &write)).unwrap_or_default();
            let foreseen = foreseen.filter(Foreseen::is_heavy);
            let is_heavy = foreseen.is_some() || write.operation.document_bytes() > LIGHT_BYTES_MAX;
            let guard = Some(guard);
            is_heavy.then(|| Box::new(Ahead { foreseen, large, written: None, guard }))
        })
        .await
    }

    /// Runs work on a blocking thread, with a connection if one can be opened. The work holds the
    /// guard, because it goes on when its request is dropped.
    async fn with_reader<T: Send + 'static>(
        &self,
        guard: HeavyWriteGuard,
        work: impl FnOnce(Option<&Connection>, HeavyWriteGuard) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (settings, reader) = (self.settings.clone(), Arc::clone(&self.reader));
        let working = tokio::task::spawn_blocking(move || {
            // A panic leaves a connection without a transaction.
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            if reader.is_none() {
                *reader = connection::open(&settings, Purpose::Read, Arc::new(NoObserver)).ok();
            }
            work(reader.as_ref(), guard)
        });
        working.await.map_err(|error| Error::Backend(Box::new(error)))
    }
}

fn look(reader: &Connection, write: &Write) -> (Option<Foreseen>, Option<Large>) {
    prepare_own(&write.operation);
    let before = personas::find(reader, write).ok().flatten();
    let foreseen = before.map(|before| foresee(reader, write, before));
    let large = large_text(reader, write, foreseen.as_ref());
    (foreseen, large)
}

/// The words that are to be written before the document; `None` where it has few, where they stay
/// as they are, and where the write will be refused as far as can be seen.
fn large_text(reader: &Connection, write: &Write, foreseen: Option<&Foreseen>) -> Option<Large> {
    let document = match (&write.operation, foreseen) {
        (Operation::Create { document, .. }, None) => document,
        (Operation::Import { past, .. }, _) => &past.document,
        (_, foreseen) => foreseen?.document()?,
    };
    let before = foreseen.map(|foreseen| &foreseen.before.persona.document);
    let is_refused = document.check_bytes(write.document_bytes_max, before).is_err();
    if is_refused || before.is_some_and(|before| before.text_words() == document.text_words()) {
        return None;
    }
    if let Some(wanted) = &write.idempotency
        && !matches!(idempotency::find(reader, wanted, write), Ok(None))
    {
        return None;
    }
    let parts = search::parts_of(document.text_words().as_str());
    (parts.len() > 1).then(|| Large { document: document.clone(), parts })
}

/// Makes what the statements need of the document that a write brings with it.
fn prepare_own(operation: &Operation) {
    match operation {
        Operation::Create { document, .. } | Operation::Replace { document, .. } => {
            document.prepare();
        }
        Operation::Import { past, .. } => past.document.prepare(),
        Operation::Patch { .. }
        | Operation::Delete { .. }
        | Operation::Undelete { .. }
        | Operation::Revert { .. } => {}
    }
}

/// What a write makes of a persona. The base of a merge may be read later than the persona itself:
/// no content of a revision changes, and merging with one that is dropped meanwhile is as right.
/// Where a purge has removed it meanwhile nothing is foreseen.
fn foresee(reader: &Connection, write: &Write, before: Stored) -> Foreseen {
    let current = before.current();
    let document_at = |revision: Revision| {
        revisions::document(reader, write.operation.id(), &before.history, revision)
    };
    // The time is put in behind the lock.
    let decided = || decide(write, Some(current), current.persona.updated_at, document_at);
    let is_import = matches!(write.operation, Operation::Import { .. });
    let decision = if is_import { None } else { Some(decided()).filter(is_of_the_rules) };
    let foreseen = Foreseen { before, decision };
    if Instant::now() < write.deadline {
        prepare(&foreseen);
    }
    foreseen
}

/// Makes what the statements behind the lock need of a document, and the words that they compare.
fn prepare(foreseen: &Foreseen) {
    let Some(Ok(Decision::Change(revised))) = &foreseen.decision else { return };
    let (document, before) = (&revised.persona.document, &foreseen.before.persona.document);
    document.text();
    document.content_hash();
    let changes = |part: fn(&str) -> bool| revised.changed.iter().any(|field| part(field));
    if changes(TextWords::come_from) {
        document.text_words();
        if document.text().len() > LIGHT_BYTES_MAX {
            before.text_words();
        }
    }
    if changes(TitleWords::come_from) {
        document.title_words();
        before.title_words();
    }
}

/// Whether the result follows from the state alone. A failure to read does not.
fn is_of_the_rules(decided: &Result<Decision, Error>) -> bool {
    let Err(error) = decided else { return true };
    matches!(
        error,
        Error::NotFound
            | Error::OwnerRefused { .. }
            | Error::Invalid(_)
            | Error::TestFailed { .. }
            | Error::UnknownBase { .. }
            | Error::UnknownRevision { .. }
            | Error::RevisionDropped { .. }
            | Error::Conflicts { .. }
            | Error::AlreadyExists { .. }
            | Error::Deleted { .. }
            | Error::Stale { .. }
    )
}

#[cfg(test)]
#[path = "foresight_tests.rs"]
mod tests;
