//! `persona health`: the probe for containers and scripts.

use persona_http::contract::OperationId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::json;

use super::arguments::Health;
use super::target::server_address;
use crate::client::Api;
use crate::failure::Failure;
use crate::terminal::Output;

/// Asks a server whether it is ready.
pub async fn run(
    arguments: &Health,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (named, settings_file) = (arguments.server.as_deref(), arguments.config.as_ref());
    let server = server_address(named, &arguments.credentials, settings_file, environment, output)?;
    let url = server.to_string();
    let reply = Api::remote(server).get(OperationId::GetReadiness.path()).await?;
    if !reply.status.is_success() {
        let detail = reply.problem().detail;
        let failure =
            Failure::new(ExitCode::Unavailable, format!("{url} is not ready: {}", reply.status));
        return Err(if detail.is_empty() { failure } else { failure.because(detail) });
    }
    if output.is_json() {
        output.json(&json!({ "ready": true, "server": url }))
    } else {
        output.result(&format!("{url} is ready"))
    }
}
