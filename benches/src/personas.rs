//! The personas of every measurement: the same identities and sizes for every rival.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Document, PersonaId};
use persona_server::clock::SystemClock;
use persona_storage::sqlite::inspect::SCHEMA_VERSION;
use persona_storage::sqlite::{Maintenance, Settings, SqliteStore, initialise};
use persona_storage::{NoObserver, Operation, Store, Write};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Result;
use crate::place::Place;

/// The path of a persona without its identity.
pub const PATH: &str = "/api/v1/personas/";
/// Bytes of the usual prompt: an answer then has about 2 KB, the median of public collections.
pub const USUAL_BYTES: usize = 1_300;
/// Bytes of a large prompt: an answer then has about 10 KB.
pub const LARGE_BYTES: usize = 9_300;
/// Writes under way at a time while a store is filled: enough for the largest transactions.
const IN_FLIGHT_MAX: usize = 512;

/// The format by which `load.lua` makes an identity of a number.
pub const ID_FORMAT: &str = "00000000-0000-7000-8000-%012x";

/// The label that every persona has where labels are measured.
pub const LABEL: &str = "production";
/// The same identity, read by that label.
pub const ID_FORMAT_BY_LABEL: &str = "00000000-0000-7000-8000-%012x?label=production";

/// The same persona by its handle, where handles are measured.
pub const ID_FORMAT_BY_HANDLE: &str = "@bench%%2F%012x";

/// That handle.
pub fn handle(number: u64) -> String {
    format!("bench/{number:012x}")
}

/// The identity with a number; `load.lua` makes the same.
pub fn id(number: u64) -> PersonaId {
    let mut bytes = [0; 16];
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[10..].copy_from_slice(&number.to_be_bytes()[2..]);
    PersonaId::from_bytes(bytes)
}

/// A prompt of so many bytes, which differs from number to number.
pub fn prompt(number: u64, bytes: usize) -> String {
    let sentence = format!(
        "You are assistant {number}; you answer in whole sentences and never invent a source. "
    );
    let mut text = sentence.repeat(bytes / sentence.len() + 1);
    text.truncate(bytes);
    text
}

/// The document of the persona with this number.
pub fn document(number: u64, bytes: usize) -> Value {
    json!({
        "name": format!("Persona {number}"),
        "kind": "agent",
        "description": "One of many that are read and changed to see how long it takes.",
        "system_prompt": prompt(number, bytes),
        "tags": ["bench", format!("group-{}", number % 100)],
    })
}

/// Where a store of this name is kept: one of another version of the schema is another one.
pub fn kept(place: &Place, name: &str) -> PathBuf {
    place.kept("data").join(format!("schema-{SCHEMA_VERSION}-{name}"))
}

/// A store with this many personas of a size, made once and kept; a caller works on a copy of it.
pub fn filled(place: &Place, personas: u64, bytes: usize) -> Result<PathBuf> {
    filled_with(place, &format!("personas-{personas}-{bytes}.db"), personas, |number| {
        document(number, bytes)
    })
}

/// A store with personas of any kind, made once and kept under a name.
pub fn filled_with(
    place: &Place,
    name: &str,
    personas: u64,
    make: impl Fn(u64) -> Value,
) -> Result<PathBuf> {
    let path = kept(place, name);
    if path.exists() {
        return Ok(path);
    }
    println!("filling a store with {personas} personas ({name}); it is kept for the next run");
    let folder = place.fresh("fill")?;
    let settings = Settings::new(folder.join("persona.db"));
    initialise(&settings)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut maintenance =
        Maintenance::open(&settings, Arc::new(SystemClock), Arc::new(NoObserver))?;
    let store =
        Arc::new(SqliteStore::open(settings.clone(), Arc::new(SystemClock), Arc::new(NoObserver))?);
    runtime.block_on(async {
        let mut writes = JoinSet::new();
        for number in 0..personas {
            let operation =
                Operation::Create { id: id(number), document: Document::from_json(make(number))? };
            let store = Arc::clone(&store);
            writes.spawn(async move { store.write(write(operation)).await });
            if writes.len() >= IN_FLIGHT_MAX {
                writes.join_next().await.expect("there are some")??;
            }
            if number % 512 == 0 {
                maintenance.tick()?;
            }
        }
        while let Some(ended) = writes.join_next().await {
            ended??;
        }
        store.close().await;
        Result::Ok(())
    })?;
    // The maintenance process is the last to close the file, so that the file is complete without
    // its WAL.
    drop(store);
    merge_all(&mut maintenance)?;
    maintenance.close()?;
    std::fs::rename(&settings.path, &path)?;
    Ok(path)
}

/// Lets the maintenance process work until it has nothing to merge, as on a server that was left
/// alone for a while.
fn merge_all(maintenance: &mut Maintenance) -> Result<()> {
    /// A maintenance process that still has work wants to be called again sooner than this.
    const IDLE: Duration = Duration::from_millis(100);
    /// Longest time of the merge, with a million personas.
    const MERGE_MAX: Duration = Duration::from_mins(5);
    let began = Instant::now();
    while maintenance.tick()? < IDLE && began.elapsed() < MERGE_MAX {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A copy of a filled store in a folder of its own, on the disk and, as far as it fits, in memory:
/// otherwise the system would write and read the copy during a measurement.
pub fn copied(place: &Place, filled: &Path, name: &str) -> Result<PathBuf> {
    let path = place.fresh(name)?.join("persona.db");
    std::fs::copy(filled, &path)?;
    std::fs::File::open(&path)?.sync_all()?;
    // The original gives up its place in the page cache to the copy.
    rustix::fs::fadvise(std::fs::File::open(filled)?, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(path)
}

/// A write with a deadline that it never reaches here.
pub fn write(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + Duration::from_mins(2))
}
