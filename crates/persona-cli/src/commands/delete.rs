//! `persona delete`: soft-deletes a persona, or purges it for ever, after a question.

use http::{Method, header};
use persona_http::contract::parameters::PURGE;
use persona_http::contract::problems::Code;
use persona_model::PersonaId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Value, json};

use super::arguments::Delete;
use super::author;
use super::resolve::{resolve, resolve_deleted};
use super::target::{self, Access};
use crate::client::{Api, Query, Reply, persona_path};
use crate::failure::Failure;
use crate::terminal::{Output, can_be_asked, confirmed, harmless};

/// Deletes a persona, unless it changed after the user was asked.
pub async fn run(
    arguments: &Delete,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (does, done) = if arguments.purge { ("purge", "purged") } else { ("delete", "deleted") };
    if !arguments.yes && !can_be_asked() {
        let failure = Failure::new(
            ExitCode::Usage,
            "no question can be asked, standard input or standard error is not a terminal",
        );
        return Err(failure.hint(format!("add --yes to {does} without a question")));
    }
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let (id, current) = find(&api, arguments, output).await?;
    let name = name_of(&current, id);
    if !arguments.yes && !confirmed(question(arguments, &name, id), false).await? {
        output.note(&format!("nothing was {done}"));
        return Ok(());
    }
    let mut headers = vec![(header::IF_MATCH, current.etag().unwrap_or_default())];
    let (author, note) = (arguments.author.as_deref(), arguments.note.as_deref());
    headers.extend(author::headers(author, note, &api, environment)?);
    let mut path = persona_path(id);
    if arguments.purge {
        path = Query::new(&path).with(PURGE.parameter.name, "true").into_path();
    }
    api.write(Method::DELETE, &path, &headers, None).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json(&json!({ "id": id.to_string(), "status": done }));
    }
    output.note(&if arguments.purge {
        format!("purged {name} with its history; nothing brings it back")
    } else {
        format!("deleted {name}; `persona undelete {id}` brings it back")
    });
    Ok(())
}

/// The persona that is meant, with its state: a living one, or for a purge also a deleted one.
async fn find(
    api: &Api,
    arguments: &Delete,
    output: &Output,
) -> Result<(PersonaId, Reply), Failure> {
    let id = match resolve(api, &arguments.persona, output).await {
        Err(failure) if arguments.purge && failure.code == ExitCode::NotFound => {
            let deleted = resolve_deleted(api, &arguments.persona).await;
            deleted.map_err(|_| failure)?
        }
        id => id?,
    };
    let current = api.get(&persona_path(id)).await?;
    if arguments.purge && current.problem().is(Code::Deleted) {
        return Ok((id, current));
    }
    Ok((id, current.success()?))
}

/// What a persona is called, in a form for messages. Of a deleted one only the id is known.
fn name_of(current: &Reply, id: PersonaId) -> String {
    match current.json().get("name").and_then(Value::as_str) {
        Some(name) => format!("{:?}", harmless(name)),
        None => id.to_string(),
    }
}

fn question(arguments: &Delete, name: &str, id: PersonaId) -> String {
    if arguments.purge {
        format!("Purge {name} ({id}) with its whole history, for ever?")
    } else {
        format!("Delete {name} ({id})?")
    }
}
