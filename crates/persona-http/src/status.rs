//! `GET /api/v1/status`: the state of the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use persona_model::Timestamp;
use persona_storage::{BackendDetails, Status as Stored};

use crate::auth::sees_place;
use crate::contract::OperationId;
use crate::contract::status::{Contention, DatabaseServer, Disk, DiskState, Process, Status};
use crate::extract::parameters::Parameters;
use crate::problem::Problem;
use crate::{Context, ServerFigures};

/// The slot of the maintenance process; workers come after it.
const MAINTENANCE_SLOT: u16 = 0;

/// Answers with the state of the database and of every process.
pub async fn get_status(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Json<Status>, Problem> {
    Parameters::none(request.uri(), OperationId::GetStatus)?;
    let sees_place = sees_place(context.access, request.extensions(), OperationId::GetStatus);
    let (status, _) = status_now(&context, sees_place).await?;
    Ok(Json(status))
}

/// The state of the database and of every process, and the time at which it was read; without the
/// place of the database for a client that does not see it.
pub(crate) async fn status_now(
    context: &Context,
    sees_place: bool,
) -> Result<(Status, Timestamp), Problem> {
    let stored = context.store.status().await?;
    let now = context.clock.now();
    let mut status = status(stored, context.server.figures(now), now);
    if let (false, Some(server)) = (sees_place, &mut status.server) {
        server.place = None;
    }
    Ok((status, now))
}

fn status(stored: Stored, figures: ServerFigures, now: Timestamp) -> Status {
    let file = FileFacts::of(&stored.details);
    let is_file = file.is_some();
    let file = file.unwrap_or_default();
    let uptime_micros = now.as_micros().saturating_sub(figures.started_at.0.as_micros());
    let mut processes = figures.processes;
    if !is_file {
        processes.iter_mut().for_each(forget_write_lock);
    }
    let (maintenance, workers): (Vec<_>, Vec<_>) =
        processes.into_iter().partition(|process| process.slot == MAINTENANCE_SLOT);
    Status {
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: figures.started_at,
        uptime_ms: u64::try_from(uptime_micros).unwrap_or_default() / 1000,
        backend: stored.backend.into(),
        engine_version: stored.engine_version,
        journal_mode: file.journal_mode,
        durability: stored.durability.into(),
        durability_meaning: stored.durability_meaning.into(),
        schema_version: stored.schema_version,
        personas: stored.personas,
        database_bytes: stored.database_bytes,
        personas_bytes: stored.history.living_bytes,
        history_bytes: stored.history.history_bytes,
        wal_bytes: file.wal_bytes,
        wal_bytes_max: file.wal_bytes_max,
        wal_autocheckpoint: file.wal_autocheckpoint,
        file_system: file.file_system,
        disk: file.disk,
        server: server(&stored.details),
        checkpoints: is_file.then_some(figures.checkpoints),
        write_lock: is_file.then_some(figures.write_lock),
        contention: contention(figures.contention, is_file),
        backups: is_file.then_some(figures.backups),
        damage_found: is_file.then_some(figures.damage_found),
        read_cache: is_file.then_some(figures.read_cache),
        requests_in_flight: figures.requests_in_flight,
        event_streams: figures.event_streams,
        maintenance: maintenance.into_iter().next(),
        workers,
    }
}

/// The members of the status that only a database in a file has.
#[derive(Default)]
struct FileFacts {
    journal_mode: Option<String>,
    wal_bytes: Option<u64>,
    wal_bytes_max: Option<u64>,
    wal_autocheckpoint: Option<u32>,
    file_system: Option<String>,
    disk: Option<Disk>,
}

impl FileFacts {
    fn of(details: &BackendDetails) -> Option<Self> {
        let BackendDetails::File {
            journal_mode,
            wal_bytes,
            wal_bytes_max,
            wal_autocheckpoint,
            file_system,
            space,
        } = details
        else {
            return None;
        };
        let state = if space.is_short() { DiskState::Short } else { DiskState::Ok };
        let (free_bytes, reserve_bytes) = (space.free_bytes, space.reserve_bytes);
        Some(Self {
            journal_mode: Some(journal_mode.clone()),
            wal_bytes: Some(*wal_bytes),
            wal_bytes_max: Some(*wal_bytes_max),
            wal_autocheckpoint: Some(*wal_autocheckpoint),
            file_system: Some(file_system.clone()),
            disk: Some(Disk { free_bytes, reserve_bytes, state }),
        })
    }
}

/// The member `server` of the status; `None` where the database is a file.
fn server(details: &BackendDetails) -> Option<DatabaseServer> {
    match details {
        BackendDetails::Server { place, connections, connections_max } => Some(DatabaseServer {
            place: Some(place.clone()),
            connections: *connections,
            connections_max: *connections_max,
        }),
        BackendDetails::File { .. } | BackendDetails::Memory => None,
    }
}

/// The figures of writers, without those of the write lock where the database is no file.
fn contention(figures: Contention, is_file: bool) -> Contention {
    if is_file {
        return figures;
    }
    Contention {
        write_lock_wait_micros: None,
        write_lock_hold_micros: None,
        lock_retries: None,
        recent: None,
        ..figures
    }
}

fn forget_write_lock(process: &mut Process) {
    process.write_lock_wait_micros = None;
    process.write_lock_hold_micros = None;
}
