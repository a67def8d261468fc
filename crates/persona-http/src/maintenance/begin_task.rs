//! `POST /api/v1/server/backup`, `.../checkpoint` and `.../check`: a task for the maintenance
//! process.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::contract::OperationId;
use crate::contract::tasks::TaskKind;
use crate::problem::{Code, Problem};
use crate::{Context, TaskRefusal};

/// Asks for a backup into the folder of the settings.
pub async fn begin_backup(State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    begin(&context, TaskKind::Backup)
}

/// Asks for a checkpoint.
pub async fn begin_checkpoint(State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    begin(&context, TaskKind::Checkpoint)
}

/// Asks for a check of the whole database.
pub async fn begin_check(State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    begin(&context, TaskKind::Check)
}

fn begin(context: &Context, kind: TaskKind) -> Result<Response, Problem> {
    let task = context.server.begin_task(kind, context.clock.now()).map_err(refused)?;
    tracing::info!(task = kind.as_str(), "a client asked for a task of maintenance");
    let location = HeaderValue::from_static(OperationId::ListTasks.path());
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(task)).into_response())
}

fn refused(refusal: TaskRefusal) -> Problem {
    match refusal {
        TaskRefusal::NoServer => {
            Problem::new(Code::NotReady, "there is no maintenance process that could be asked")
        }
        TaskRefusal::NotOffered(reason) => Problem::new(Code::TaskNotOffered, reason),
        TaskRefusal::Busy(kind) => Problem::new(
            Code::TaskBusy,
            format!("a {} is under way, and one task is done at a time", kind.as_str()),
        )
        .retry(),
        TaskRefusal::Rests { kind, rest } => {
            let seconds = rest.as_secs().max(1);
            let detail = format!(
                "the last {} was a moment ago; the next can be asked for in {seconds} s",
                kind.as_str()
            );
            Problem::new(Code::TaskBusy, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
        }
    }
}
