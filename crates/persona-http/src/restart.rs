//! `POST /api/v1/server/restart`: what the signal HUP does, for an admin at a browser.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use crate::problem::{Code, Problem};
use crate::{Context, Restart};

/// After which time a client should ask again that met a restart: a worker is replaced in about
/// that time.
const UNDER_WAY_FOR: Duration = Duration::from_secs(5);

/// Has the supervisor replace the workers one by one.
pub async fn restart_server(State(context): State<Arc<Context>>) -> Result<StatusCode, Problem> {
    match context.server.restart() {
        Restart::Begun => Ok(StatusCode::ACCEPTED),
        Restart::UnderWay => Err(later("the workers are being replaced already", UNDER_WAY_FOR)),
        Restart::TooSoon(wait) => Err(later("the workers were replaced just now", wait)),
        Restart::Impossible => {
            let detail = "there is no supervisor that could replace anything";
            Err(Problem::new(Code::NotReady, detail))
        }
    }
}

fn later(detail: &'static str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(Code::RateLimited, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
}
