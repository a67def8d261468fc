//! `persona export`: every persona of one snapshot as NDJSON.

use std::io::{self, Write};
use std::path::Path;

use http::{Method, Response};
use http_body_util::BodyExt;
use persona_http::Body;
use persona_http::contract::OperationId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use persona_storage::sqlite::refuse_output;
use serde_json::json;

use super::arguments::Export;
use super::folder::folder_of;
use super::target::{self, Access};
use crate::client::{Query, Reply, cut_short, request};
use crate::failure::Failure;
use crate::terminal::Output;

/// The route that streams everything.
const EXPORT: &str = OperationId::ExportPersonas.path();

/// Exports every persona.
pub async fn run(
    arguments: &Export,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let to_stdout = arguments.output == Path::new("-");
    if !to_stdout && arguments.output.is_dir() {
        let message = format!("{} is a folder", arguments.output.display());
        return Err(Failure::new(ExitCode::Conflict, message).hint("name a file in it"));
    }
    if !to_stdout && !arguments.force && arguments.output.exists() {
        let failure = Failure::new(
            ExitCode::Conflict,
            format!("{} exists already", arguments.output.display()),
        );
        return Err(failure.hint("add --force to replace it, or name another file"));
    }
    let folder = folder_of(&arguments.output);
    if !to_stdout && !folder.is_dir() {
        return Err(Failure::new(
            ExitCode::NotFound,
            format!("there is no folder {}", folder.display()),
        ));
    }
    if !to_stdout {
        // Before the database is opened: looking at a file with plain calls is not safe in a
        // process that has SQLite open.
        refuse_output(None, &arguments.output).map_err(|error| Failure::start(&error.into()))?;
    }
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let query = Query::new(EXPORT)
        .with_some("history", arguments.history.then_some("true"))
        .with_some("owner", arguments.owner.as_deref())
        .with_some("handle_prefix", arguments.handle_prefix.as_deref());
    let response = api.stream(request(Method::GET, &query.into_path(), &[], None)).await?;
    if !response.status().is_success() {
        return Reply::read(response).await?.success().map(drop);
    }
    if to_stdout {
        copy(response, |bytes| output.bytes(bytes)).await?;
    } else {
        let lines = to_file(response, &arguments.output, arguments.force).await?;
        if output.is_json() {
            output.json(&json!({ "exported": lines, "file": arguments.output }))?;
        }
        let what = if arguments.history { "revisions" } else { "personas" };
        output.note(&format!("exported {lines} {what} to {}", arguments.output.display()));
    }
    api.close().await;
    Ok(())
}

/// Writes beside the file and renames at the end, so that an export that breaks off leaves the old
/// file unchanged.
async fn to_file(response: Response<Body>, path: &Path, replace: bool) -> Result<u64, Failure> {
    let failed =
        |error: &io::Error| Failure::io(format!("could not write {}", path.display()), error);
    let folder = folder_of(path);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let lines =
        copy(response, |bytes| file.write_all(bytes).map_err(|error| failed(&error))).await?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    let renamed = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    renamed.map_err(|error| failed(&error.error))?;
    // The rename is durable only after a sync of the folder.
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(&error))?;
    Ok(lines)
}

/// Copies the stream piece by piece, and counts its lines.
async fn copy(
    response: Response<Body>,
    mut write: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut body = response.into_body();
    let mut lines = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(|error| cut_short(&error))?.into_data() {
            lines += bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            write(&bytes)?;
        }
    }
    Ok(lines)
}
