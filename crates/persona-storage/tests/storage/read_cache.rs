//! The cache of reads answers as a SELECT would, whatever was committed and by which program (ADR
//! 0054). Every test also proves that the cache was in use: without that proof a cache that never
//! answers would pass.

use std::fs::File;
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persona_model::{HandleName, Patch, PersonaId, Precondition, Reach};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::{
    CacheEvent, Glance, HandleTarget, Observer, Operation, Representation, Store,
};
use rusqlite::Connection;
use serde_json::json;

use crate::files::{Folder, maintenance, settings};

/// Counts of what happened to the cache of one store.
#[derive(Default)]
pub struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    synchronisations: AtomicU64,
    clears: AtomicU64,
    pub bytes: AtomicU64,
}

impl Counts {
    fn of(&self, event: CacheEvent) -> &AtomicU64 {
        match event {
            CacheEvent::Hit => &self.hits,
            CacheEvent::Miss => &self.misses,
            CacheEvent::Synchronised => &self.synchronisations,
            CacheEvent::Cleared => &self.clears,
        }
    }

    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }

    pub fn clears(&self) -> u64 {
        self.clears.load(Ordering::SeqCst)
    }
}

impl Observer for Counts {
    fn read_cache(&self, event: CacheEvent) {
        self.of(event).fetch_add(1, Ordering::SeqCst);
    }

    fn read_cache_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::SeqCst);
    }
}

/// A store with its cache, as a worker has it.
pub struct Worker {
    pub store: SqliteStore,
    pub counts: Arc<Counts>,
}

impl Worker {
    fn open(folder: &Folder, read_cache_bytes: usize) -> Self {
        let mut settings = settings(&folder.database());
        settings.read_cache_bytes = read_cache_bytes;
        let counts = Arc::new(Counts::default());
        let store = SqliteStore::open(settings, Arc::new(TestClock::default()), counts.clone())
            .expect("it opens");
        Self { store, counts }
    }

    pub async fn read(&self, id: PersonaId) -> Representation {
        self.store.get(id).await.expect("readable").expect("it exists")
    }

    /// Reads until the answer comes from the cache.
    pub async fn cached(&self, id: PersonaId) -> Representation {
        let (before, began) = (self.counts.hits(), Instant::now());
        loop {
            let answer = self.read(id).await;
            if self.counts.hits() > before {
                return answer;
            }
            assert!(began.elapsed() < DEADLINE, "the cache never answers");
        }
    }

    async fn create(&self, number: u8) {
        let document = document(json!({ "name": "Ada" }));
        self.write(Operation::Create { id: id(number), document }).await;
    }

    pub async fn patch(&self, number: u8, value: u64) {
        let patch = Patch::merge(json!({ "extensions": { "key": value } })).expect("a patch");
        let (id, precondition) = (id(number), Precondition::Any);
        self.write(Operation::Patch { id, precondition, patch, base: None }).await;
    }

    pub async fn write(&self, operation: Operation) -> Representation {
        self.store.write(write(operation)).await.expect("kept").representation
    }
}

const DEADLINE: Duration = Duration::from_secs(20);
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Two workers on one file with two personas.
pub async fn two_workers() -> (Folder, Worker, Worker) {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    let (writer, reader) = (Worker::open(&folder, CACHE_BYTES), Worker::open(&folder, CACHE_BYTES));
    for number in [1, 2] {
        writer.create(number).await;
    }
    (folder, writer, reader)
}

/// A stored row of a persona, to be put back by a program that knows nothing of the cache.
struct OldRow {
    revision: i64,
    texts: (String, String),
    checksum: i64,
}

impl OldRow {
    fn of(connection: &Connection, id: PersonaId) -> Self {
        let sql = "SELECT revision, head, document, checksum FROM personas WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let texts = (row.get(1)?, row.get(2)?);
            Ok(Self { revision: row.get(0)?, texts, checksum: row.get(3)? })
        };
        connection.query_row(sql, [id.as_bytes()], read).expect("a row")
    }

    fn put_back(&self, connection: &Connection, id: PersonaId) {
        let sql = "UPDATE personas SET revision = ?1, head = ?2, document = ?3, checksum = ?4
                   WHERE id = ?5";
        let (head, document) = &self.texts;
        let values = (self.revision, head, document, self.checksum, id.as_bytes());
        assert_eq!(connection.execute(sql, values), Ok(1));
    }
}

#[tokio::test]
async fn a_change_by_another_worker_is_seen_at_once_and_only_what_was_changed_is_read_again() {
    let (_folder, writer, reader) = two_workers().await;
    for number in [1, 2] {
        reader.cached(id(number)).await;
    }
    for round in 1..=50 {
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
        let hits = reader.counts.hits();
        assert_eq!(reader.read(id(2)).await.revision.number(), 1);
        assert_eq!(reader.counts.hits(), hits + 1, "the other persona is still there");
    }
    assert_eq!(reader.counts.clears(), 0, "every commit was one of this program");
    assert_eq!(reader.counts.synchronisations.load(Ordering::SeqCst), 50);
}

#[tokio::test]
async fn deletion_and_creation_by_another_worker_are_seen_at_once() {
    let (_folder, writer, reader) = two_workers().await;
    assert!(!reader.cached(id(1)).await.deleted);
    writer.write(Operation::Delete { id: id(1), precondition: Precondition::Any }).await;
    assert!(reader.read(id(1)).await.deleted);
    assert!(reader.cached(id(1)).await.deleted, "what is deleted is kept too");
    writer.write(Operation::Undelete { id: id(1), precondition: Precondition::Any }).await;
    assert!(!reader.read(id(1)).await.deleted);
    assert_eq!(reader.store.get(id(9)).await.expect("readable"), None);
    writer.create(9).await;
    assert_eq!(reader.read(id(9)).await.revision.number(), 1, "absence is never kept");
}

#[tokio::test]
async fn a_change_by_another_program_is_seen_at_once() {
    let (folder, writer, reader) = two_workers().await;
    let foreign = Connection::open(folder.database()).expect("it opens");
    let old = OldRow::of(&foreign, id(1));
    writer.patch(1, 1).await;
    let new = OldRow::of(&foreign, id(1));
    for (row, revision) in [(&old, 1), (&new, 2), (&old, 1), (&new, 2)] {
        reader.cached(id(1)).await;
        row.put_back(&foreign, id(1));
        assert_eq!(reader.read(id(1)).await.revision.number(), revision, "seen at once");
        assert_eq!(reader.cached(id(1)).await.revision.number(), revision, "seen later");
    }
    assert_eq!(reader.counts.clears(), 4);
}

#[tokio::test]
async fn a_change_by_another_program_is_not_hidden_by_one_of_this_program() {
    let (folder, writer, reader) = two_workers().await;
    let foreign = Connection::open(folder.database()).expect("it opens");
    let old = OldRow::of(&foreign, id(1));
    writer.patch(1, 1).await;
    for round in 1..=3 {
        assert_eq!(reader.cached(id(1)).await.revision.number(), 2);
        let current = OldRow::of(&foreign, id(1));
        old.put_back(&foreign, id(1));
        writer.patch(2, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), 1, "round {round}");
        current.put_back(&foreign, id(1));
        writer.patch(2, round + 100).await;
    }
}

#[tokio::test]
async fn checkpoints_and_resets_of_this_program_leave_the_cache_as_it_is() {
    let (folder, writer, reader) = two_workers().await;
    for round in 1..=3 {
        let answer = reader.cached(id(1)).await;
        let hits = reader.counts.hits();
        // The end of the maintenance process truncates the WAL.
        maintenance(&folder.database()).close().expect("nothing holds the WAL");
        assert_eq!(std::fs::metadata(folder.path("persona.db-wal")).expect("a WAL").len(), 0);
        assert_eq!(reader.read(id(1)).await, answer);
        assert_eq!(reader.counts.hits(), hits + 1, "round {round}");
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
    }
    assert_eq!(reader.counts.clears(), 0);
}

#[tokio::test]
async fn a_reset_by_another_program_costs_the_cache_its_content_and_nothing_else() {
    let (folder, writer, reader) = two_workers().await;
    let foreign = Connection::open(folder.database()).expect("it opens");
    for round in 1..=3 {
        reader.cached(id(1)).await;
        foreign.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a reset");
        assert_eq!(reader.read(id(1)).await.revision.number(), round);
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
    }
}

#[tokio::test]
async fn a_header_that_a_killed_writer_left_half_written_is_no_hit_and_is_repaired() {
    let (folder, writer, reader) = two_workers().await;
    let index = File::options()
        .read(true)
        .write(true)
        .open(folder.path("persona.db-shm"))
        .expect("an index");
    for (copy, round) in [(0, 1), (48, 2), (0, 3)] {
        reader.cached(id(1)).await;
        let hits = reader.counts.hits();
        // Half of another header: the number of commits and that of frames.
        index.write_all_at(&[0xff; 12], copy + 8).expect("written");
        assert_eq!(reader.read(id(1)).await.revision.number(), round);
        assert_eq!(reader.counts.hits(), hits, "a torn header proves nothing");
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
        assert_eq!(reader.cached(id(1)).await.revision.number(), round + 1, "in use again");
    }
    // To close this file would drop the locks that SQLite has on it in this process.
    mem::forget(index);
}

#[tokio::test]
async fn as_many_foreign_commits_as_a_recovery_took_from_the_number_are_noticed() {
    let (folder, writer, reader) = two_workers().await;
    let foreign = Connection::open(folder.database()).expect("it opens");
    let old = OldRow::of(&foreign, id(1));
    writer.patch(1, 1).await;
    reader.cached(id(1)).await;
    let index = File::options()
        .read(true)
        .write(true)
        .open(folder.path("persona.db-shm"))
        .expect("an index");
    let mut commits = [0; 4];
    index.read_exact_at(&mut commits, 8).expect("the number of commits");
    let commits = u32::from_ne_bytes(commits);
    assert!(commits > 0);
    // The next connection to the file recovers the WAL, and the number begins at 0 again.
    index.write_all_at(&[0xff; 12], 8).expect("written");
    old.put_back(&foreign, id(1));
    for _ in 1..commits {
        foreign.execute("UPDATE personas SET name = name || 'x'", []).expect("a commit");
    }
    let mut again = [0; 4];
    index.read_exact_at(&mut again, 8).expect("the number of commits");
    assert_eq!(u32::from_ne_bytes(again), commits, "the same number for other content");
    assert_eq!(reader.read(id(1)).await.revision.number(), 1);
    writer.patch(2, 1).await;
    assert_eq!(reader.read(id(1)).await.revision.number(), 1);
    mem::forget(index);
}

#[tokio::test]
async fn a_torn_record_of_commits_ends_the_succession_and_nothing_else() {
    let (folder, writer, reader) = two_workers().await;
    let record = File::options().write(true).open(folder.path("persona.db-gate")).expect("a file");
    for round in 1..=3 {
        reader.cached(id(1)).await;
        record.write_all_at(&[0xff; 8], 4 + 8 * (round % 2)).expect("written");
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
        record.set_len(round).expect("cut");
        assert_eq!(reader.cached(id(1)).await.revision.number(), round + 1);
    }
}

#[tokio::test]
async fn more_changes_than_are_worth_looking_at_drop_everything() {
    let (_folder, writer, reader) = two_workers().await;
    reader.cached(id(1)).await;
    let writer = Arc::new(writer);
    for _ in 0..5 {
        let patches: Vec<_> = (0..420)
            .map(|value| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.patch(2, value).await })
            })
            .collect();
        for patch in patches {
            patch.await.expect("no panic");
        }
    }
    assert_eq!(reader.read(id(1)).await.revision.number(), 1);
    assert_eq!(reader.counts.clears(), 1, "2,100 lines of the feed");
    let seen = reader.cached(id(2)).await.revision;
    writer.patch(2, 9_999).await;
    assert_eq!(reader.read(id(2)).await.revision.number(), seen.number() + 1);
}

#[tokio::test]
async fn without_a_cache_nothing_is_kept() {
    let (folder, writer, _) = two_workers().await;
    let reader = Worker::open(&folder, 0);
    for round in 1..=3 {
        assert_eq!(reader.read(id(1)).await, reader.read(id(1)).await);
        writer.patch(1, round).await;
        assert_eq!(reader.read(id(1)).await.revision.number(), round + 1);
    }
    assert_eq!((reader.counts.hits(), reader.counts.misses.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn the_bytes_of_a_cache_stay_within_its_bound() {
    let (folder, writer, _) = two_workers().await;
    let bytes_max = 256 * 1024;
    let reader = Worker::open(&folder, bytes_max);
    for number in 3..=200 {
        let text = "x".repeat(100 * usize::from(number));
        let document = document(json!({ "name": "Ada", "description": text }));
        writer.write(Operation::Create { id: id(number), document }).await;
    }
    let mut filled = 0;
    for number in (3..=200).chain(3..=200) {
        reader.read(id(number)).await;
        let bytes = reader.counts.bytes.load(Ordering::SeqCst);
        assert!(bytes <= bytes_max as u64, "{bytes} bytes");
        filled = filled.max(bytes);
    }
    assert!(filled > bytes_max as u64 * 9 / 10, "only {filled} bytes were ever kept");
    // One answer may take up a sixteenth of the cache at most.
    let hits = reader.counts.hits();
    for _ in 0..2 {
        reader.read(id(200)).await;
    }
    assert_eq!(reader.counts.hits(), hits, "an answer of 20,000 bytes was kept");
}

#[tokio::test]
async fn a_read_by_a_handle_is_answered_from_the_cache_and_never_after_a_rename() {
    let (_folder, writer, reader) = two_workers().await;
    let rename = async |number: u8, handle: serde_json::Value| {
        let patch = Patch::merge(json!({ "handle": handle })).expect("a patch");
        let precondition = Precondition::Any;
        writer.write(Operation::Patch { id: id(number), precondition, patch, base: None }).await
    };
    let name = HandleName::parse("a").expect("a handle");
    let look =
        async || reader.store.look_at_handle(&name, &Reach::Everything).await.expect("readable");
    for round in 0..20 {
        for number in [1, 2] {
            let named = rename(number, json!("a")).await;
            let (before, began) = (reader.counts.hits(), Instant::now());
            while reader.counts.hits() == before {
                let found = look().await;
                assert_eq!(found.target, HandleTarget::Persona(id(number)), "round {round}");
                assert_eq!(found.glance, Glance::Whole(Some(named.clone())));
                assert!(began.elapsed() < DEADLINE, "the cache never answers");
            }
            rename(number, json!(null)).await;
            assert_eq!(look().await.target, HandleTarget::Former(id(number)), "round {round}");
        }
    }
}
