//! `persona backup`: one consistent snapshot of a database as one file, also beside a running
//! server.

use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use persona_server::units::{personas, size};
use persona_storage::sqlite::{BackupReport, back_up};
use serde_json::json;

use super::arguments::Backup;
use super::work;
use crate::failure::Failure;
use crate::terminal::{Output, shell_word};

/// Makes a backup.
pub fn run(arguments: &Backup, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let database = arguments.database.path(environment, output)?;
    let folder = arguments.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failure::new(
            ExitCode::NotFound,
            format!("there is no folder {}", folder.display()),
        )
        .hint("make it first: mkdir -p"));
    }
    let BackupReport { file, bytes, content, took } =
        work::run(output, |watcher| back_up(&database, &arguments.file, arguments.force, watcher))?;
    let restore =
        format!("persona restore {} --database {}", shell_word(&file), shell_word(&database));
    if output.is_json() {
        return output.json(&json!({
            "file": file,
            "bytes": bytes,
            "personas": content.personas,
            "deleted": content.deleted,
            "revisions": content.revisions,
            "changes": content.changes,
            "schema_version": content.schema_version,
            "seconds": took.as_secs_f64(),
            "restore": restore,
        }));
    }
    output.result(&format!(
        "{}: {}, {} revisions, {}, checked",
        file.display(),
        personas(content.personas, content.deleted),
        content.revisions,
        size(bytes)
    ))?;
    output.note(&format!("restore it with: {restore}"));
    Ok(())
}
