//! `POST /api/v1/server/restart`: what the signal HUP does, for an admin at a browser.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::Context;
use crate::problem::{Code, Problem};

/// Has the supervisor replace the workers one by one.
pub async fn restart_server(State(context): State<Arc<Context>>) -> Result<StatusCode, Problem> {
    if context.server.restart() {
        return Ok(StatusCode::ACCEPTED);
    }
    Err(Problem::new(Code::NotReady, "there is no supervisor that could replace anything"))
}
