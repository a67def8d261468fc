//! What one PATCH costs the thread of the writer, which is what limits the writes of a file: the
//! work of that thread is done while the write lock is held or waited for.
//!
//! Prints the processor time of the writer and of the side of the requests. Processor time is less
//! certain on a busy machine than a count of instructions, which valgrind gives. The second of two
//! runs makes more changes, so the difference has neither the start nor the creations in it:
//!
//! ```sh
//! cargo bench -p persona-storage --bench writer_work -- 4000
//! valgrind --tool=callgrind --separate-threads=yes PROGRAM 1000   # and once more with 2000
//! ```

#![expect(clippy::cast_precision_loss, reason = "figures are rounded for reading")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Clock, Document, Patch, PersonaId, Precondition, Timestamp};
use persona_storage::sqlite::{Settings, SqliteStore, initialise};
use persona_storage::{NoObserver, Operation, Store, Write};
use serde_json::json;
use tokio::task::JoinSet;

/// Personas in the file, of 2 KB each.
const PERSONAS: u64 = 500;
/// Changes when the command line names no number.
const CHANGES: u64 = 4_000;
/// Requests at once: what waits in one of two workers with 64 connections.
const AT_ONCE: u64 = 32;

struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.elapsed().as_micros()).expect("a short time");
        Timestamp::from_micros(1_795_867_200_000_000 + micros)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

fn id(number: u64) -> PersonaId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    PersonaId::from_bytes(bytes)
}

fn write(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + Duration::from_mins(10))
}

/// Processor time of the thread of the writer, or of all others, since they began.
fn time_of(is_writer: bool) -> Duration {
    let nanoseconds = |task: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        let task = task.ok()?.path();
        let is_of_writer = std::fs::read_to_string(task.join("comm")).ok()?.trim_end() == "writer";
        let spent = std::fs::read_to_string(task.join("schedstat")).ok()?;
        (is_of_writer == is_writer).then(|| spent.split(' ').next()?.parse().ok())?
    };
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux tells of its threads");
    Duration::from_nanos(tasks.filter_map(nanoseconds).sum())
}

fn document(number: u64) -> Document {
    let text = |words: u64, seed: u64| {
        let word = |at: u64| format!("word{}", (at * 7_919 + seed * 104_729) % 5_000);
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    };
    Document::from_json(json!({
        "name": format!("Persona {number}"),
        "description": text(120, number),
        "system_prompt": text(80, number + 1),
        "tags": ["test", format!("group {}", number % 20)],
    }))
    .expect("valid")
}

/// Writes with [`AT_ONCE`] of them on their way.
async fn write_all(store: &Arc<SqliteStore>, writes: impl Iterator<Item = Operation>) {
    let mut waiting = JoinSet::new();
    for operation in writes {
        if waiting.len() as u64 == AT_ONCE {
            waiting.join_next().await.expect("one waits").expect("no panic");
        }
        let store = Arc::clone(store);
        waiting.spawn(async move { store.write(write(operation)).await.expect("written") });
    }
    waiting.join_all().await;
}

fn opened(folder: &Path) -> Arc<SqliteStore> {
    let settings = Settings::new(folder.join("persona.db"));
    initialise(&settings).expect("a new file");
    let clock = Arc::new(Wall(Instant::now()));
    Arc::new(SqliteStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens"))
}

fn main() {
    let changes = std::env::args().find_map(|argument| argument.parse().ok());
    let changes = changes.unwrap_or(CHANGES);
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let creations = (0..PERSONAS)
        .map(|number| Operation::Create { id: id(number), document: document(number) });
    runtime.block_on(write_all(&store, creations));
    let spent = || (time_of(true), time_of(false));
    let before = spent();
    let patches = (0..changes).map(|number| Operation::Patch {
        id: id(number * 617 % PERSONAS),
        precondition: Precondition::Any,
        patch: Patch::merge(json!({ "nickname": format!("change {number}") })).expect("an object"),
        base: None,
    });
    runtime.block_on(write_all(&store, patches));
    let after = spent();
    let each = |before: Duration, after: Duration| {
        (after.as_secs_f64() - before.as_secs_f64()) * 1e6 / changes as f64
    };
    println!(
        "{changes} PATCHes of 2 KB, {AT_ONCE} at once: writer {:.1} µs, requests {:.1} µs of processor time each",
        each(before.0, after.0),
        each(before.1, after.1),
    );
    runtime.block_on(store.close());
}
