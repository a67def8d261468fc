//! `persona undelete`: brings a soft-deleted persona back, as a new revision.

use http::Method;
use persona_model::PersonaId;
use serde_json::Value;

use super::api::{Access, Api, persona_path};
use super::arguments::Undelete;
use super::failure::Failure;
use super::output::Output;
use crate::config::Environment;
use crate::exit_code::ExitCode;

/// Brings a persona back. Only by identity: a deleted persona holds neither its handle nor its name.
pub async fn run(arguments: &Undelete, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let Some(id) = PersonaId::parse(&arguments.persona) else {
        let failure = Failure::new(ExitCode::Usage, format!("{:?} is no identity", arguments.persona));
        return Err(failure.hint("`persona list --include-deleted` shows the identities of deleted personas"));
    };
    let api = Api::open(&arguments.target, Access::Change, environment, output)?;
    let reply = api.write(Method::POST, &format!("{}/restore", persona_path(id)), &[], None).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.bytes(&[reply.body(), b"\n"].concat());
    }
    let persona = reply.json();
    output.note(&format!("brought back {:?}", persona.get("name").and_then(Value::as_str).unwrap_or_default()));
    Ok(())
}
