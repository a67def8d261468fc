//! What a heavy write will come to, worked out before its turn: the lock is then held for the
//! statements only.
//!
//! Reading, patching, checking and folding a document of some megabytes takes many times as long as
//! writing it. All of that is done here against the revision that a reader sees. Behind the lock
//! only its tag is compared; where another write was faster, everything is worked out again there,
//! and nothing of this counts.
//!
//! Two parsed documents are many times the body of a small patch. So at most one such result is
//! there at a time, over all processes: its write keeps its guard (`heavy_write_lock.rs`) until it
//! is committed, refused or withdrawn, and clients take turns. That costs little, because the work
//! is the longer part; and two writes of one persona do not make each other's work void.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use persona_model::{Document, Revision, TextWords};
use rusqlite::Connection;

use super::heavy_write_lock::{HeavyWriteGuard, HeavyWriteLock};
use super::queue::LIGHT_BYTES_MAX;
use crate::decide::{Patched, needs_no_document, patched};
use crate::sqlite::Settings;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::search::{self, WrittenParts};
use crate::sqlite::tables::personas::{self, Stored};
use crate::sqlite::tables::{idempotency, revisions};
use crate::{Error, NoObserver, Operation, Write};

/// The persona as it was seen outside of the lock, and what the write makes of it.
#[derive(Debug)]
pub(crate) struct Foreseen {
    /// As it was seen.
    pub before: Stored,
    /// What a patch made of it, or why the rules refuse that; `None` for writes that are no patch.
    pub patched: Option<Patched>,
}

impl Foreseen {
    /// Whether working it out again behind the lock would take long.
    fn is_heavy(&self) -> bool {
        self.bytes() > LIGHT_BYTES_MAX
    }

    /// Bytes of the larger one of what there is and what becomes of it, as far as they are known.
    fn bytes(&self) -> usize {
        let document = self.patched.as_ref().and_then(|patched| patched.as_ref().ok());
        document
            .map_or(0, |document| document.text().len())
            .max(self.before.persona.document.text().len())
    }
}

/// The words of a large text, to be written before the document.
#[derive(Debug)]
pub(crate) struct Large {
    /// Has the words.
    pub document: Document,
    /// Its parts, in bytes of the words.
    pub parts: Vec<Range<usize>>,
}

/// What a write will come to, with the guard that it keeps for as long as this is needed.
#[derive(Debug)]
pub(crate) struct Ahead {
    pub foreseen: Option<Foreseen>,
    pub large: Option<Large>,
    /// What was written of it.
    pub written: Option<WrittenParts>,
    pub guard: HeavyWriteGuard,
}

impl Ahead {
    /// Bytes that the write has to read or write beside those that it brings, as far as they are
    /// known.
    pub(crate) fn bytes(&self) -> usize {
        self.foreseen.as_ref().map_or(0, Foreseen::bytes)
    }
}

/// Works out heavy writes, in turns of their clients.
pub(crate) struct Foresight {
    settings: Settings,
    write_lock: HeavyWriteLock,
    /// Opened with the first heavy write.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl Foresight {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { write_lock: HeavyWriteLock::of(&settings.path), settings, reader: Arc::default() }
    }

    /// Looks ahead, and hands the write back, with its guard where it is heavy. Nothing is foreseen
    /// where the persona is not there, where all of this is light, or where reading fails: behind
    /// the lock the same failure is told.
    ///
    /// # Errors
    ///
    /// The turn did not come before the deadline, or too many wait for theirs; or a fault of the
    /// program.
    pub(crate) async fn of(&self, write: Write) -> Result<(Write, Option<Box<Ahead>>), Error> {
        let guard = self.write_lock.enter(write.client, write.deadline).await?;
        let (settings, reader) = (self.settings.clone(), Arc::clone(&self.reader));
        // The guard goes with the work: that does not end when its request does.
        let looked = tokio::task::spawn_blocking(move || {
            // A panic leaves a connection without a transaction.
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            if reader.is_none() {
                *reader = connection::open(&settings, Purpose::Read, Arc::new(NoObserver)).ok();
            }
            let (foreseen, large) =
                reader.as_ref().map(|reader| look(reader, &write)).unwrap_or_default();
            let foreseen = foreseen.filter(Foreseen::is_heavy);
            let is_heavy = foreseen.is_some() || write.operation.document_bytes() > LIGHT_BYTES_MAX;
            let ahead = is_heavy.then(|| Box::new(Ahead { foreseen, large, written: None, guard }));
            (write, ahead)
        });
        looked.await.map_err(|error| Error::Backend(Box::new(error)))
    }
}

fn look(reader: &Connection, write: &Write) -> (Option<Foreseen>, Option<Large>) {
    let foreseen = foresee(reader, write);
    let large = large_text(reader, write, foreseen.as_ref());
    (foreseen, large)
}

/// The words that are to be written before the document; `None` where it has few, where they stay
/// as they are, and where the write will be refused as far as can be seen.
fn large_text(reader: &Connection, write: &Write, foreseen: Option<&Foreseen>) -> Option<Large> {
    let document = match &write.operation {
        Operation::Create { document, .. } | Operation::Replace { document, .. } => document,
        Operation::Import { past, .. } => &past.document,
        Operation::Patch { .. } => foreseen?.patched.as_ref()?.as_ref().ok()?,
        Operation::Delete { .. } | Operation::Undelete { .. } => return None,
    };
    let before = foreseen.map(|foreseen| &foreseen.before);
    let document_before = before.map(|before| &before.persona.document);
    let is_refused = needs_no_document(write, before.map(Stored::current))
        || document.check_bytes(write.document_bytes_max, document_before).is_err()
        || document_before.is_some_and(|it| it.text_words() == document.text_words());
    if is_refused {
        return None;
    }
    if let Some(wanted) = &write.idempotency
        && !matches!(idempotency::find(reader, wanted), Ok(None))
    {
        return None;
    }
    let parts = search::parts_of(document.text_words().as_str());
    (parts.len() > 1).then(|| Large { document: document.clone(), parts })
}

fn foresee(reader: &Connection, write: &Write) -> Option<Foreseen> {
    match &write.operation {
        Operation::Create { document, .. } | Operation::Replace { document, .. } => {
            document.prepare();
        }
        Operation::Import { past, .. } => past.document.prepare(),
        _ => {}
    }
    let id = write.operation.id();
    // One snapshot for all that is read.
    let snapshot = reader.unchecked_transaction().ok()?;
    let before = personas::find(&snapshot, id).ok()??;
    let patched = match &write.operation {
        Operation::Patch { patch, base, .. } => {
            let document_at =
                |revision: Revision| revisions::document(&snapshot, id, before.row_id, revision);
            Some(patched(patch, *base, before.current(), document_at)).filter(is_of_the_rules)
        }
        _ => None,
    };
    // The reader is not to hold the WAL while this is folded.
    drop(snapshot);
    if Instant::now() < write.deadline
        && let Some(Ok(document)) = &patched
    {
        prepare(document, &before.persona.document);
    }
    Some(Foreseen { before, patched })
}

/// Makes what the statements behind the lock need of a document, and the words that they compare.
fn prepare(document: &Document, before: &Document) {
    document.text();
    document.content_hash();
    let changed = document.changed_fields(before);
    if changed.iter().any(|field| TextWords::come_from(field)) {
        document.text_words();
        before.text_words();
    }
}

/// Whether the same comes of the same revision every time. A failure to read does not.
fn is_of_the_rules(patched: &Patched) -> bool {
    let Err(error) = patched else { return true };
    matches!(
        error,
        Error::Invalid(_)
            | Error::TestFailed { .. }
            | Error::UnknownBase { .. }
            | Error::Conflicts { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use persona_model::{Document, Patch, PersonaId, Precondition};
    use serde_json::json;

    use super::Foresight;
    use crate::conformance::TestClock;
    use crate::sqlite::write::queue::LIGHT_BYTES_MAX;
    use crate::sqlite::{Settings, SqliteStore, initialise};
    use crate::{Error, NoObserver, Operation, Store, Write};

    const HEAVY: PersonaId = PersonaId::from_bytes([1; 16]);
    const LIGHT: PersonaId = PersonaId::from_bytes([2; 16]);

    fn write(client: u8, operation: Operation) -> Write {
        let client = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, client)));
        Write { client, ..Write::new(operation, Instant::now() + Duration::from_mins(1)) }
    }

    fn patch(client: u8, id: PersonaId) -> Write {
        let patch = Patch::merge(json!({ "nickname": "A" })).expect("a patch");
        write(client, Operation::Patch { id, precondition: Precondition::Any, patch, base: None })
    }

    /// A file with a heavy persona and a light one.
    async fn foresight() -> (tempfile::TempDir, Arc<Foresight>) {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let store = SqliteStore::open(
            settings.clone(),
            Arc::new(TestClock::default()),
            Arc::new(NoObserver),
        )
        .expect("it opens");
        for (id, length) in [(HEAVY, LIGHT_BYTES_MAX + 1), (LIGHT, 10)] {
            let document =
                Document::from_json(json!({ "name": "Ada", "description": "x".repeat(length) }))
                    .expect("a document");
            store.write(write(1, Operation::Create { id, document })).await.expect("created");
        }
        store.close().await;
        (folder, Arc::new(Foresight::new(settings)))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_result_is_there_at_a_time_and_clients_take_turns() {
        let (_folder, foresight) = foresight().await;
        let (_, first) = foresight.of(patch(1, HEAVY)).await.expect("looked");
        assert!(first.is_some());
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for (expected, client) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
            let (its, order) = (Arc::clone(&foresight), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let (_, ahead) = its.of(patch(client, HEAVY)).await.expect("looked");
                order.lock().expect("no panic").push(client);
                drop(ahead);
            }));
            while foresight.write_lock.turns().waiting() < expected {
                assert!(
                    waiting.iter().all(|one| !one.is_finished()),
                    "a second one was worked out beside the first"
                );
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        for one in waiting {
            one.await.expect("no panic");
        }
        assert_eq!(*order.lock().expect("no panic"), [1, 2, 1, 1]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_light_result_is_not_kept_and_a_turn_that_does_not_come_is_told() {
        let (_folder, foresight) = foresight().await;
        let (_, light) = foresight.of(patch(1, LIGHT)).await.expect("looked");
        assert!(light.is_none() && foresight.write_lock.turns().taken() == 0);
        let (_, _first) = foresight.of(patch(1, HEAVY)).await.expect("looked");
        let late = Write { deadline: Instant::now(), ..patch(2, HEAVY) };
        assert!(matches!(foresight.of(late).await, Err(Error::Busy { .. })));
    }
}
