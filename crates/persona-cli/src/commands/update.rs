//! `persona update`: some fields of one persona, without an editor.

use http::Method;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Map, Value};

use super::arguments::Update;
use super::author;
use super::create::{assigned, read};
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Query, Reply, persona_path};
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Changes the fields that are named, and no others. Changes of other clients to other fields are
/// kept.
pub async fn run(
    arguments: &Update,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let changes = patch(arguments)?;
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let author =
        author::headers(arguments.author.as_deref(), arguments.note.as_deref(), &api, environment)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let path = persona_path(id);
    let before = revision_of(&api.get(&path).await?.success()?);
    let seconds = arguments.squash.map(|seconds| seconds.to_string());
    let query = Query::new(&path)
        .with_some("squash", seconds.as_deref())
        .with_some("squash_key", arguments.squash_key.as_deref());
    let reply = api
        .write(Method::PATCH, &query.into_path(), &author, Some(&Value::Object(changes)))
        .await?
        .success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    let revision = revision_of(&reply);
    // A change makes a new revision, so an equal number means that nothing changed.
    output.note(&if revision == before {
        format!("nothing changed, {name:?} still has revision {revision}")
    } else {
        format!("{name:?} has revision {revision}")
    });
    Ok(())
}

fn revision_of(reply: &Reply) -> u64 {
    reply.json().get("revision").and_then(Value::as_u64).unwrap_or_default()
}

/// A merge patch (RFC 7396): the members of the file, with those of the flags on top. A field
/// without a value is cleared.
fn patch(arguments: &Update) -> Result<Map<String, Value>, Failure> {
    let mut patch = match &arguments.file {
        Some(path) => read(path)?,
        None => Map::new(),
    };
    // A flag without a value clears its field, so it takes precedence over the file too.
    let named = arguments.set.iter().filter_map(|assignment| assignment.split_once('='));
    patch.extend(named.map(|(field, _)| (field.to_owned(), Value::Null)));
    patch.extend(assigned(&arguments.set)?);
    if patch.is_empty() {
        return Err(Failure::new(ExitCode::Usage, "there is nothing to change")
            .hint("give --set FIELD=VALUE, a --file, or both"));
    }
    Ok(patch)
}
