//! Requests that are sent again while the server is busy or away, and what a refusal says.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use persona_server::exit_code::ExitCode;
use tokio::time::Instant;

use super::report::Status;
use crate::client::{Api, Reply, reasons, request_with};
use crate::failure::Failure;

/// How long an item is retried while the server is busy or cannot be reached: longer than a rolling
/// restart.
pub(super) const RETRY_TOTAL_MAX: Duration = Duration::from_mins(1);
/// How long an item waits for its turn if the server limits requests: long, because the other items
/// in progress need turns too.
pub(super) const BUDGET_WAIT_MAX: Duration = Duration::from_mins(10);
/// The wait before a server that cannot be reached is tried again.
const RECONNECT_WAIT: Duration = Duration::from_millis(500);

/// Sends a request again while the server is busy or away. Every request here can be repeated: each
/// has a condition.
pub(super) async fn patiently(
    api: &Api,
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, String)],
    body: Option<&Bytes>,
) -> Result<Reply, Failure> {
    let started_at = Instant::now();
    loop {
        let (wait, wait_max, ended) =
            match api.send(request_with(method.clone(), path, headers, body.cloned())).await {
                Ok(reply) if reply.status == StatusCode::SERVICE_UNAVAILABLE => {
                    (reply.retry_after(), RETRY_TOTAL_MAX, reply.success())
                }
                Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
                    (reply.retry_after(), BUDGET_WAIT_MAX, reply.success())
                }
                Err(failure) if failure.code == ExitCode::Unavailable => {
                    (RECONNECT_WAIT, RETRY_TOTAL_MAX, Err(failure))
                }
                ended => return ended,
            };
        if started_at.elapsed() + wait >= wait_max {
            return ended;
        }
        tokio::time::sleep(wait).await;
    }
}

/// Why a request was refused.
pub(super) fn reasons_of(reply: Reply) -> Vec<String> {
    refused(reply).1
}

/// What a refusal says.
pub(super) fn refused(reply: Reply) -> (Status, Vec<String>) {
    let listed = reasons(&reply.problem());
    let reasons = match reply.success() {
        Err(failure) if listed.is_empty() => vec![failure.message],
        _ => listed,
    };
    (Status::Failed, reasons)
}
