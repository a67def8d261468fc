//! `persona restore`: puts a backup in the place of the database, and keeps the old database beside
//! it.

use persona_server::config::Environment;
use persona_server::units::personas;
use persona_storage::sqlite::{RestoreReport, restore};
use serde_json::json;

use super::arguments::Restore;
use super::work;
use crate::failure::Failure;
use crate::terminal::Output;

/// Restores a backup.
pub fn run(arguments: &Restore, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let database = arguments.database.path(environment, output)?;
    let RestoreReport { content, kept } = work::run(output, |watcher| {
        restore(&arguments.file, &database, arguments.dry_run, watcher)
    })?;
    if output.is_json() {
        return output.json(&json!({
            "file": arguments.file,
            "database": database,
            "dry_run": arguments.dry_run,
            "kept": kept,
            "personas": content.personas,
            "deleted": content.deleted,
            "revisions": content.revisions,
            "changes": content.changes,
            "tokens": content.tokens,
            "tokens_kept": content.tokens_kept,
            "schema_version": content.schema_version,
        }));
    }
    let (database, file) = (database.display(), arguments.file.display());
    let counts =
        format!("{}, {} revisions", personas(content.personas, content.deleted), content.revisions);
    if arguments.dry_run {
        return output
            .result(&format!("{file} can be restored: {counts}, checked; nothing was changed"));
    }
    output.result(&format!("{database}: {counts} of {file}, checked, in WAL mode"))?;
    match kept {
        Some(kept) => output.note(&format!("the database before it is kept as {}", kept.display())),
        None => output.note("there was no database before it"),
    }
    output.note(&of_tokens(content.tokens, content.tokens_kept));
    Ok(())
}

/// What is told of the access tokens that a restore brings back, because what was done to them
/// since the backup is undone by it.
fn of_tokens(live: u64, kept: u64) -> String {
    if kept == 0 {
        return "it has no access token: a server on loopback is open until the first one is made"
            .into();
    }
    format!(
        "of its {kept} access tokens {live} count, with the secrets of the backup: what was made, \
         revoked or rotated since is undone, see `persona token list`"
    )
}
