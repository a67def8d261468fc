//! `persona undelete`: brings a soft-deleted persona back, as a new revision.

use http::Method;
use persona_http::contract::OperationId;
use persona_server::config::Environment;
use serde_json::Value;

use super::arguments::Undelete;
use super::author;
use super::resolve::resolve_deleted;
use super::target::{self, Access};
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Brings a persona back.
pub async fn run(
    arguments: &Undelete,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let (author, note) = (arguments.author.as_deref(), arguments.note.as_deref());
    let headers = author::headers(author, note, &api, environment)?;
    let id = resolve_deleted(&api, &arguments.persona).await?;
    let path = OperationId::UndeletePersona.path_of(&[&id.to_string()]);
    let reply = api.write(Method::POST, &path, &headers, None).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    output.note(&format!("brought back {name:?}"));
    Ok(())
}
