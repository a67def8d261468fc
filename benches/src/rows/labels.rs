//! Reads by a label beside reads by identity, on both backends.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::LabelName;
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{LABEL_MOVES_MAX, LabelMove, LabelMoves, LabelTarget, NoObserver, Store};
use persona_test_support::Cluster;

use super::postgres::OPTIONS;
use super::reads::row;
use crate::rivals::ours::Ours;
use crate::rivals::pgbench;
use crate::row::{Row, Target};
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};
use crate::{Result, personas};

/// How long a release may take on a busy machine.
const RELEASE_MAX: Duration = Duration::from_mins(1);

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("labels")?);
    label_all(&database, options.personas)?;
    let requests = |what: &str, pairs: &[(Measured, Measured)]| {
        row(what, "requests/s", Target::RatioAtLeast(0.9), pairs, |load| load.rate)
    };
    let mut rows = Vec::new();
    {
        let ours = Ours::start(&database, options.workers(), "normal")?;
        let popular = beside(session, &ours, personas::ID_FORMAT_BY_LABEL, Load::Zipf)?;
        rows.push(requests("GET by a label beside GET by id, Zipf", &popular));
        let pairs = beside(session, &ours, personas::ID_FORMAT_BY_LABEL, Load::Get)?;
        rows.push(requests("GET by a label beside GET by id", &pairs));
        rows.push(row(
            "p99 of GET by a label beside GET by id",
            "ms",
            Target::None,
            &pairs,
            |load| load.p99,
        ));
    }
    if std::path::Path::new("/usr/lib/postgresql").exists() {
        let cluster = Cluster::start(&OPTIONS);
        let filled = pgbench::filled(&cluster, &database)?;
        let ours = Ours::start(cluster.url(&filled).as_ref(), options.workers(), "normal")?;
        let pairs = beside(session, &ours, personas::ID_FORMAT_BY_LABEL, Load::Get)?;
        rows.push(requests("GET by a label beside GET by id, over PostgreSQL", &pairs));
    }
    Ok(rows)
}

/// Reads that name personas so, each beside one by identity. The first pair warms the server up and
/// is thrown away.
pub(super) fn beside(
    session: &Session,
    ours: &Ours,
    id_format: &'static str,
    load: Load,
) -> Result<Vec<(Measured, Measured)>> {
    let by_id = Aim::api(ours.server.url(), session.options.personas);
    let otherwise = Aim { id_format, ..by_id.clone() };
    session.load(&otherwise, load)?;
    session.load(&by_id, load)?;
    session.pairs(|| session.load(&otherwise, load), || session.load(&by_id, load))
}

/// Sets the label of every persona of a store.
fn label_all(database: &Path, count: u64) -> Result<()> {
    let store =
        SqliteStore::open(Settings::new(database), Arc::new(SystemClock), Arc::new(NoObserver))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = LabelName::parse(personas::LABEL)?;
    let numbers: Vec<u64> = (0..count).collect();
    for some in numbers.chunks(LABEL_MOVES_MAX) {
        let one =
            |number: &u64| LabelMove::new(personas::id(*number), name.clone(), LabelTarget::Latest);
        let moves = LabelMoves::new(some.iter().map(one).collect(), Instant::now() + RELEASE_MAX)?;
        runtime.block_on(store.move_labels(moves)).map_err(|refused| refused.error)?;
    }
    runtime.block_on(store.close());
    Ok(())
}
