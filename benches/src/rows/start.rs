//! How soon the server is ready after its start, and how much memory it takes.

use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load};
use crate::{Result, machine};

/// Most megabytes of a worker that has answered nothing.
const IDLE_MB_MAX: f64 = 40.0;
/// The default of `read_cache_mb`.
const READ_CACHE_MB: f64 = 64.0;

pub fn measure(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("start")?);
    let (mut ready, mut idle, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.pairs {
        let ours = Ours::start(&database, options.workers(), "normal")?;
        ready.push(ours.server.took.as_secs_f64() * 1000.0);
        idle.push(largest_worker(&ours)?);
        if session.tools.wrk.is_some() {
            let aim = Aim::api(ours.server.url(), options.personas);
            session.load(&aim, Load::Get)?;
            session.load(&aim, Load::Patch)?;
            loaded.push(largest_worker(&ours)?);
        }
    }
    let name = format!("start to ready with {} personas", options.personas);
    let mut rows = vec![
        Row::alone(name, "ms", Target::AtMost(150.0), Spread::of(ready)),
        Row::alone(
            "resident memory of the largest worker, idle",
            "MB",
            Target::AtMost(IDLE_MB_MAX),
            Spread::of(idle),
        ),
    ];
    if !loaded.is_empty() {
        rows.push(Row::alone(
            "the same after reads and writes",
            "MB",
            Target::AtMost(IDLE_MB_MAX + READ_CACHE_MB),
            Spread::of(loaded),
        ));
    }
    Ok(rows)
}

fn largest_worker(ours: &Ours) -> Result<f64> {
    let resident = ours.worker_pids()?.into_iter().filter_map(machine::resident_mb);
    Ok(resident.fold(0.0, f64::max))
}
