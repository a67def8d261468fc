//! `GET /api/v1/status`: what the server says of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use persona_model::Timestamp;
use serde_json::{Value, json};

use super::Context;
use super::parameters::Parameters;
use super::problem::Problem;
use crate::shared_page::{Distribution, Measure, ProcessFacts, SharedPage};

/// The slot of the keeper; workers come after it.
const KEEPER_SLOT: u16 = 0;

/// Answers with the state of the database and of every process.
pub async fn get_status(State(context): State<Arc<Context>>, request: Request) -> Result<Json<Value>, Problem> {
    Parameters::none(request.uri())?;
    let status = context.store.status().await?;
    let now = context.clock.now();
    let page = context.seat.page();
    let (keeper, workers): (Vec<_>, Vec<_>) = page.processes().into_iter().partition(|it| it.slot == KEEPER_SLOT);
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "backend": status.backend,
        "engine_version": status.engine_version,
        "journal_mode": status.journal_mode,
        "durability": status.durability,
        "durability_meaning": status.durability_meaning,
        "schema_version": status.schema_version,
        "personas": status.personas,
        "database_bytes": status.database_bytes,
        "wal_bytes": status.wal_bytes,
        "contention": contention(page),
        "requests_in_flight": page.requests_in_flight(),
        "keeper": keeper.first().map(|process| facts(process, now)),
        "workers": workers.iter().map(|process| facts(process, now)).collect::<Vec<_>>(),
    })))
}

/// How long writers of all processes waited for each other since the server started, and how often in vain.
fn contention(page: &SharedPage) -> Value {
    let times = |measure| percentiles(&page.distribution(measure));
    json!({
        "queue_wait_micros": times(Measure::QueueWait),
        "gate_wait_micros": times(Measure::GateWait),
        "gate_hold_micros": times(Measure::GateHold),
        "transaction_micros": times(Measure::Transaction),
        "lock_retries": page.lock_retries(),
        "writes_given_up": page.writes_given_up(),
    })
}

fn percentiles(times: &Distribution) -> Value {
    json!({ "count": times.count(), "p50": times.quantile(0.5), "p99": times.quantile(0.99), "p999": times.quantile(0.999) })
}

fn facts(process: &ProcessFacts, now: Timestamp) -> Value {
    json!({
        "slot": process.slot,
        "pid": process.pid,
        "started_at": Timestamp::from_micros(process.started_at).to_string(),
        "uptime_ms": (now.as_micros() - process.started_at).max(0) / 1000,
        "restarts": process.restarts,
        "requests": process.requests,
        "connections": process.connections,
    })
}
