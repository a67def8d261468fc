//! `GET /api/v1/status`: what the server says of itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use persona_model::Timestamp;
use persona_storage::Home;
use serde_json::{Value, json};

use super::Context;
use super::parameters::Parameters;
use super::problem::Problem;
use crate::shared_page::{AtGate, Distribution, GateFigures, Measure, ProcessFacts, SharedPage};

/// The slot of the keeper; workers come after it.
const KEEPER_SLOT: u16 = 0;

/// Answers with the state of the database and of every process.
pub async fn get_status(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    Parameters::none(request.uri())?;
    let status = context.store.status().await?;
    let file = file(&status.home);
    // A server has no gate, no log and no backups of ours: zeros would say that there are some.
    let of_a_file = |value: Value| if file.is_null() { Value::Null } else { value };
    let now = context.clock.now();
    let page = context.seat.page();
    let (keeper, workers): (Vec<_>, Vec<_>) =
        page.processes().into_iter().partition(|it| it.slot == KEEPER_SLOT);
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": page.started_at().to_string(),
        "uptime_ms": (now.as_micros() - page.started_at().as_micros()).max(0) / 1000,
        "backend": status.backend,
        "engine_version": status.engine_version,
        "journal_mode": file["journal_mode"],
        "durability": status.durability,
        "durability_meaning": status.durability_meaning,
        "schema_version": status.schema_version,
        "personas": status.personas,
        "database_bytes": status.database_bytes,
        "file_system": file["file_system"],
        "disk": file["disk"],
        "wal_bytes": file["wal_bytes"],
        "wal_bytes_max": file["wal_bytes_max"],
        "wal_autocheckpoint": file["wal_autocheckpoint"],
        "server": server(&status.home),
        "checkpoints": of_a_file(checkpoints(page, now)),
        "gate": of_a_file(page.at_gate().iter().map(at_gate).collect()),
        "contention": contention(page, now, of_a_file),
        "backups": of_a_file(backups(page)),
        "damage_found": of_a_file(page.damage_found().into()),
        "requests_in_flight": page.requests_in_flight(),
        "keeper": keeper.first().map(|process| facts(process, now, of_a_file)),
        "workers": workers.iter().map(|process| facts(process, now, of_a_file)).collect::<Vec<_>>(),
    })))
}

/// What there is to say of a database that is a file; null, and so is each member, for others.
fn file(home: &Home) -> Value {
    match home {
        Home::File {
            journal_mode,
            wal_bytes,
            wal_bytes_max,
            wal_autocheckpoint,
            file_system,
            space,
        } => json!({
            "journal_mode": journal_mode,
            "wal_bytes": wal_bytes,
            "wal_bytes_max": wal_bytes_max,
            "wal_autocheckpoint": wal_autocheckpoint,
            "file_system": file_system,
            "disk": {
                "free_bytes": space.free_bytes,
                "reserve_bytes": space.reserve_bytes,
                "state": if space.is_short() { "short" } else { "ok" },
            },
        }),
        Home::Server { .. } | Home::Memory => Value::Null,
    }
}

/// What there is to say of a database on a server; null for others.
fn server(home: &Home) -> Value {
    match home {
        Home::Server { place, connections, connections_max } => {
            json!({ "place": place, "connections": connections, "connections_max": connections_max })
        }
        Home::File { .. } | Home::Memory => Value::Null,
    }
}

/// How long writers of all processes waited for each other since the server started, and how often
/// in vain; what only a file has is null for others.
fn contention(page: &SharedPage, now: Timestamp, of_a_file: impl Fn(Value) -> Value) -> Value {
    let times = |measure| percentiles(&page.distribution(measure));
    json!({
        "queue_wait_micros": times(Measure::QueueWait),
        "gate_wait_micros": of_a_file(times(Measure::GateWait)),
        "gate_hold_micros": of_a_file(times(Measure::GateHold)),
        "transaction_micros": times(Measure::Transaction),
        "lock_retries": of_a_file(page.lock_retries().into()),
        "writes_given_up": page.writes_given_up(),
        "recent": of_a_file(page.recent(now).iter().map(window).collect()),
    })
}

/// The keeper's backups; all zero and null where none are wanted.
fn backups(page: &SharedPage) -> Value {
    let (made, failed) = page.backups();
    json!({ "last_at": page.last_backup().map(|at| at.to_string()), "made": made, "failed": failed })
}

/// A quarter of an hour of the last six hours.
fn window((began, figures): &(Timestamp, GateFigures)) -> Value {
    json!({
        "began": began.to_string(),
        "waits": figures.waits,
        "gate_wait_p99_micros": figures.wait_p99_micros,
        "writes_given_up": figures.writes_given_up,
        "lock_retries": figures.lock_retries,
    })
}

fn checkpoints(page: &SharedPage, now: Timestamp) -> Value {
    let checkpoints = page.checkpoints();
    json!({
        "complete": checkpoints.complete,
        "blocked": checkpoints.blocked,
        "failed": checkpoints.failed,
        "last": checkpoints.last.map(|at| at.to_string()),
        "last_age_ms": checkpoints.last.map(|at| (now.as_micros() - at.as_micros()).max(0) / 1000),
        "took_micros": percentiles(&page.distribution(Measure::Checkpoint)),
    })
}

fn at_gate(process: &AtGate) -> Value {
    json!({
        "slot": process.slot,
        "pid": process.pid,
        "waiting_micros": micros(process.waiting),
        "holding_micros": micros(process.holding),
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn percentiles(times: &Distribution) -> Value {
    json!({ "count": times.count(), "p50": times.quantile(0.5), "p99": times.quantile(0.99), "p999": times.quantile(0.999) })
}

fn facts(process: &ProcessFacts, now: Timestamp, of_a_file: impl Fn(Value) -> Value) -> Value {
    json!({
        "slot": process.slot,
        "pid": process.pid,
        "started_at": Timestamp::from_micros(process.started_at).to_string(),
        "uptime_ms": (now.as_micros() - process.started_at).max(0) / 1000,
        "restarts": process.restarts,
        "requests": process.requests,
        "connections": process.connections,
        "writes": process.writes,
        "queue_depth": process.queue_depth,
        "longest_read_micros": micros(process.longest_read),
        "gate_wait_micros": of_a_file(percentiles(&process.gate_wait)),
        "gate_hold_micros": of_a_file(percentiles(&process.gate_hold)),
    })
}
