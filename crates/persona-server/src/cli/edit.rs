//! `persona edit`: one persona in the user's editor. Whatever goes wrong, what was typed is kept.

use std::io::Write as _;
use std::process::Command;

use http::{Method, StatusCode, header};
use persona_model::{FIELDS, PersonaId};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use super::api::{Access, Api, Query, Reply, persona_path};
use super::arguments::Edit;
use super::author;
use super::failure::Failure;
use super::form::{Form, Syntax, without_null};
use super::output::{Output, harmless};
use super::resolve::resolve;
use crate::config::Environment;
use crate::exit_code::ExitCode;

type Headers = Vec<(header::HeaderName, String)>;

/// Edits a persona.
pub async fn run(arguments: &Edit, environment: &Environment, output: &Output) -> Result<(), Failure> {
    // Ctrl-C in the editor reaches this process too; from here on it must not take the typed text with it.
    let _interruptions = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let author = author::header(arguments.author.as_deref(), environment)?;
    let api = Api::open(&arguments.target, Access::Change, environment, output)?;
    let id = resolve(&api, &arguments.persona).await?;
    let current = api.get(&persona_path(id)).await?.success()?;
    let before = editable(&current.json());
    let form = Form::of(&before);
    let file = draft(&form)?;
    open_editor(environment.editor(), &file)?;
    let after = match typed(&file, form.syntax) {
        Ok(after) => after,
        Err(failure) => return Err(kept(file, failure)),
    };
    let before = without_null(&before);
    if after == before {
        output.note("nothing was changed");
        return Ok(());
    }
    let sent = if arguments.merge {
        merge(&api, id, &current, &before, &after, &author).await
    } else {
        replace(&api, id, &current, after, author).await
    };
    let reply = sent.map_err(|failure| kept(file, failure))?;
    api.close().await;
    if output.is_json() {
        return output.answer(&reply);
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    output.note(&format!("saved {name:?} as revision {}", persona.get("revision").cloned().unwrap_or_default()));
    Ok(())
}

/// Replaces the whole document, if nobody changed it meanwhile.
async fn replace(api: &Api, id: PersonaId, current: &Reply, after: Map<String, Value>, author: Headers) -> Result<Reply, Failure> {
    let mut headers = author;
    headers.push((header::IF_MATCH, current.etag().unwrap_or_default()));
    let reply = api.write(Method::PUT, &persona_path(id), &headers, Some(&Value::Object(after))).await?;
    if reply.status == StatusCode::PRECONDITION_FAILED {
        let failure = Failure::new(ExitCode::Conflict, "somebody else changed the persona while you edited it");
        return Err(failure.hint("edit again with --merge to take over what does not overlap"));
    }
    reply.success()
}

/// Sends only the fields that were changed; the server merges them with what happened since.
async fn merge(
    api: &Api,
    id: PersonaId,
    current: &Reply,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    author: &Headers,
) -> Result<Reply, Failure> {
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, value)| (name.clone(), value.clone()));
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let mut patch: Map<String, Value> = changed.chain(removed).collect();
    for (name, value) in &mut patch {
        clear_removed_members(before.get(name), value);
    }
    let revision = current.json().get("revision").and_then(Value::as_u64).unwrap_or_default().to_string();
    let query = Query::new(&persona_path(id)).with("base_revision", &revision);
    let reply = api.write(Method::PATCH, &query.into_path(), author, Some(&Value::Object(patch))).await?;
    if reply.status == StatusCode::CONFLICT {
        let problem = reply.json();
        let conflicts = problem.get("conflicts").and_then(Value::as_array).into_iter().flatten();
        let pointers: Vec<&str> = conflicts.filter_map(|conflict| conflict.get("pointer").and_then(Value::as_str)).collect();
        if !pointers.is_empty() {
            let failure = Failure::new(ExitCode::Conflict, "somebody else changed the same fields while you edited them");
            return Err(failure
                .because(format!("both sides changed {}", pointers.join(", ")))
                .hint("edit again, and decide the fields that are named"));
        }
    }
    reply.success()
}

/// A merge patch (RFC 7396) only removes members of objects that it names as null.
fn clear_removed_members(before: Option<&Value>, after: &mut Value) {
    let (Some(Value::Object(before)), Value::Object(after)) = (before, after) else { return };
    for (name, old) in before {
        match after.get_mut(name) {
            Some(new) => clear_removed_members(Some(old), new),
            None => drop(after.insert(name.clone(), Value::Null)),
        }
    }
}

/// The editable members of an answer.
fn editable(persona: &Value) -> Map<String, Value> {
    FIELDS.iter().filter_map(|field| Some((field.name.into(), persona.get(field.name)?.clone()))).collect()
}

/// A private file with the form.
fn draft(form: &Form) -> Result<NamedTempFile, Failure> {
    let failed = |error: std::io::Error| Failure::io("could not write a file for the editor", &error);
    let mut file = tempfile::Builder::new().prefix("persona-edit-").suffix(form.syntax.ending()).tempfile().map_err(failed)?;
    file.write_all(form.text.as_bytes()).map_err(failed)?;
    Ok(file)
}

/// What is in the file now. Read by its name, because editors put a new file in the place of the old one.
fn typed(file: &NamedTempFile, syntax: Syntax) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read_to_string(file.path()).map_err(|error| Failure::io("could not read what was typed", &error))?;
    syntax.read(&text).map_err(|reason| Failure::new(ExitCode::Failure, "what was typed cannot be read").because(reason.trim_end()))
}

/// Runs the editor through the shell, because the variable may hold arguments (`code --wait`).
fn open_editor(editor: &str, file: &NamedTempFile) -> Result<(), Failure> {
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path()).status();
    let failure = || {
        Failure::new(ExitCode::Failure, format!("the editor {editor:?} did not work, nothing was changed"))
            .hint("set VISUAL or EDITOR to another one")
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failure().because(status)),
        Err(error) => Err(failure().because(error)),
    }
}

/// Keeps the file, and says where it is.
fn kept(file: NamedTempFile, failure: Failure) -> Failure {
    match file.keep() {
        Ok((_, path)) => failure.hint(format!("what you typed is kept in {}", path.display())),
        Err(error) => failure.because(format!("what you typed could not be kept: {error}")),
    }
}
