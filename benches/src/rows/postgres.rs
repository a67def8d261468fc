//! Persona Store over PostgreSQL beside pgbench on the same cluster: how much of the database's
//! limit is left.

use crate::Result;
use crate::rivals::ours::Ours;
use crate::rivals::pgbench::{self, Pgbench};
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{self, Aim, Load, Measured};
use persona_test_support::Cluster;

/// Connections of the load: the number for which the target was set, whatever the other groups
/// have.
const CONNECTIONS: u32 = 16;
/// As a server is set up that loses nothing, with room for the personas. Later options win.
pub const OPTIONS: [&str; 4] =
    ["fsync=on", "shared_buffers=512MB", "max_wal_size=4GB", "max_connections=100"];

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (personas, seconds) = (session.options.personas, session.options.seconds);
    if !std::path::Path::new("/usr/lib/postgresql").exists() {
        return Err("PostgreSQL is missing: apt-get install postgresql".into());
    }
    let cluster = Cluster::start(&OPTIONS);
    let database = pgbench::filled(&cluster, &session.store("postgres")?)?;
    let rival = Pgbench::new(&cluster, &database, personas)?;
    let ours = Ours::start(cluster.url(&database).as_ref(), session.options.workers(), "normal")?;
    let aim = Aim::api(ours.server.url(), personas);
    let load = |load| wrk::run(&session.place, &aim, load, CONNECTIONS, seconds);
    // The first load of each kind warms the server up, and its figures are thrown away.
    load(Load::Get)?;
    rival.rate("select.sql", CONNECTIONS, seconds)?;
    let selects =
        session.pairs(|| load(Load::Get), || rival.rate("select.sql", CONNECTIONS, seconds))?;
    load(Load::Patch)?;
    let lines = || cluster.sql(&database, "SELECT count(*) FROM persona_store.changes");
    let before = lines();
    rival.rate("update.sql", CONNECTIONS, seconds)?;
    if lines() == before {
        return Err("pgbench has changed nothing, so there is nothing to compare with".into());
    }
    let updates =
        session.pairs(|| load(Load::Patch), || rival.rate("update.sql", CONNECTIONS, seconds))?;
    let row = |name: &str, unit, target, pairs: &[(Measured, f64)]| {
        let ours = Spread::of(pairs.iter().map(|(ours, _)| ours.rate));
        Row::compared(name, unit, target, ours, Spread::of(pairs.iter().map(|(_, rival)| *rival)))
    };
    let errors = selects.iter().chain(&updates).map(|(ours, _)| ours.errors).sum::<f64>();
    Ok(vec![
        row(
            "GET over PostgreSQL beside pgbench, 16 connections",
            "requests/s",
            Target::RatioAtLeast(0.55),
            &selects,
        ),
        row(
            "PATCH over PostgreSQL beside pgbench, the same rows, 16 connections",
            "updates/s",
            Target::RatioAtLeast(1.0),
            &updates,
        ),
        Row::alone(
            "p99 of PATCH over PostgreSQL",
            "ms",
            Target::None,
            Spread::of(updates.iter().map(|(ours, _)| ours.p99)),
        ),
        Row::alone("errors over PostgreSQL", "requests", Target::AtMost(0.0), Spread::of([errors])),
    ])
}
