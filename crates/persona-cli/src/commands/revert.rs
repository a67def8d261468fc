//! `persona revert`: makes a new revision with the content of an earlier one.

use http::{Method, header};
use persona_http::contract::OperationId;
use persona_server::config::Environment;
use serde_json::Value;

use super::arguments::Revert;
use super::author;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::persona_path;
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Reverts a persona, if no other client changes it meanwhile.
pub async fn run(
    arguments: &Revert,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let (author, note) = (arguments.author.as_deref(), arguments.note.as_deref());
    let mut headers = author::headers(author, note, &api, environment)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let current = api.get(&persona_path(id)).await?.success()?;
    let etag = current.etag().unwrap_or_default();
    headers.push((header::IF_MATCH, etag.clone()));
    let (id, number) = (id.to_string(), arguments.revision.to_string());
    let path = OperationId::RevertPersona.path_of(&[&id, &number]);
    let reply = api.write(Method::POST, &path, &headers, None).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    let revision = persona.get("revision").and_then(Value::as_u64).unwrap_or_default();
    output.note(&if reply.etag() == Some(etag) {
        format!("nothing changed, {name:?} has the content of revision {number} already")
    } else {
        format!("{name:?} has revision {revision}, with the content of revision {number}")
    });
    Ok(())
}
