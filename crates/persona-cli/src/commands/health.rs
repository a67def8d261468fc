//! `persona health`: the probe for containers and scripts.

use serde_json::json;

use super::api::{Access, Api, base_url};
use super::arguments::{Health, Target};
use super::failure::Failure;
use super::output::Output;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;

/// Asks a server whether it is ready.
pub async fn run(
    arguments: &Health,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let url =
        base_url(arguments.server.as_deref(), arguments.config.as_ref(), environment, output)?;
    let target = Target { server: Some(url.clone()), ..Target::default() };
    let reply = Api::open(&target, Access::Read, environment, output)?.get("/readyz").await?;
    if !reply.status.is_success() {
        let detail = reply.json();
        let failure =
            Failure::new(ExitCode::Unavailable, format!("{url} is not ready: {}", reply.status));
        return Err(match detail.get("detail").and_then(serde_json::Value::as_str) {
            Some(detail) => failure.because(detail),
            None => failure,
        });
    }
    if output.is_json() {
        output.json(&json!({ "ready": true, "server": url }))
    } else {
        output.result(&format!("{url} is ready"))
    }
}
