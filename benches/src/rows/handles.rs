//! Reads by a handle beside reads by identity, on both backends.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{ATOMIC_WRITES_MAX, AtomicBatch, NoObserver, Operation, Store, Write};
use persona_test_support::Cluster;
use serde_json::json;

use super::labels::beside;
use super::postgres::OPTIONS;
use super::reads::row;
use crate::rivals::ours::Ours;
use crate::rivals::pgbench;
use crate::row::{Row, Target};
use crate::table::Session;
use crate::wrk::{Load, Measured};
use crate::{Result, personas};

/// How long a batch of renames may take on a busy machine.
const BATCH_MAX: Duration = Duration::from_mins(1);

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("handles")?);
    name_all(&database, options.personas)?;
    let requests = |what: &str, pairs: &[(Measured, Measured)]| {
        row(what, "requests/s", Target::RatioAtLeast(0.9), pairs, |load| load.rate)
    };
    let mut rows = Vec::new();
    {
        let ours = Ours::start(&database, options.workers(), "normal")?;
        let popular = beside(session, &ours, personas::ID_FORMAT_BY_HANDLE, Load::Zipf)?;
        rows.push(requests("GET by a handle beside GET by id, Zipf", &popular));
        let pairs = beside(session, &ours, personas::ID_FORMAT_BY_HANDLE, Load::Get)?;
        rows.push(requests("GET by a handle beside GET by id", &pairs));
    }
    if Path::new("/usr/lib/postgresql").exists() {
        let cluster = Cluster::start(&OPTIONS);
        let filled = pgbench::filled(&cluster, &database)?;
        let ours = Ours::start(cluster.url(&filled).as_ref(), options.workers(), "normal")?;
        let pairs = beside(session, &ours, personas::ID_FORMAT_BY_HANDLE, Load::Get)?;
        rows.push(requests("GET by a handle beside GET by id, over PostgreSQL", &pairs));
    }
    Ok(rows)
}

/// Gives every persona of a store its handle.
fn name_all(database: &Path, count: u64) -> Result<()> {
    let store =
        SqliteStore::open(Settings::new(database), Arc::new(SystemClock), Arc::new(NoObserver))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let numbers: Vec<u64> = (0..count).collect();
    for some in numbers.chunks(ATOMIC_WRITES_MAX) {
        let mut writes = Vec::with_capacity(some.len());
        for number in some {
            let patch = Patch::merge(json!({ "handle": personas::handle(*number) }))?;
            let (id, precondition) = (personas::id(*number), Precondition::Any);
            let operation = Operation::Patch { id, precondition, patch, base: None };
            writes.push(Write::new(operation, Instant::now() + BATCH_MAX));
        }
        let batch = AtomicBatch::new(writes).map_err(|refused| format!("{refused:?}"))?;
        runtime.block_on(store.write_all(batch)).map_err(|refused| refused.error)?;
    }
    runtime.block_on(store.close());
    Ok(())
}
