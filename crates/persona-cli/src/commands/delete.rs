//! `persona delete`: soft-deletes a persona, after a question.

use http::{Method, header};
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Value, json};

use super::arguments::Delete;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::persona_path;
use crate::failure::Failure;
use crate::terminal::{Output, can_be_asked, confirmed, harmless};

/// Deletes a persona, unless it changed after the user was asked.
pub async fn run(
    arguments: &Delete,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    if !arguments.yes && !can_be_asked() {
        let failure = Failure::new(
            ExitCode::Usage,
            "no question can be asked, standard input or standard error is not a terminal",
        );
        return Err(failure.hint("add --yes to delete without a question"));
    }
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let path = persona_path(id);
    let current = api.get(&path).await?.success()?;
    let persona = current.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    if !arguments.yes && !confirmed(format!("Delete {name:?} ({id})?"), false).await? {
        output.note("nothing was deleted");
        return Ok(());
    }
    let condition = (header::IF_MATCH, current.etag().unwrap_or_default());
    api.write(Method::DELETE, &path, &[condition], None).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json(&json!({ "id": id.to_string(), "status": "deleted" }));
    }
    output.note(&format!("deleted {name:?}; `persona undelete {id}` brings it back"));
    Ok(())
}
