//! Backup and restore of a PostgreSQL database, by the tools that its users have for that:
//! `pg_dump` and `pg_restore`, which are told the way to the database by their environment.

use std::path::Path;
use std::process::Stdio;

use persona_storage::postgres::Settings;
use tokio::process::Command;

/// Writes a dump of the schema to a file; an error says why there is none.
pub async fn back_up(url: &str, folder: &Path, file: &str) -> Result<(), String> {
    let arguments = ["--no-password", "--format=custom", "--schema=persona_store", "--file", file];
    run("pg_dump", &arguments, url, folder).await
}

/// Puts the schema of a dump in the place of the one that is there, all of it or nothing.
pub async fn restore(url: &str, folder: &Path, file: &str) -> Result<(), String> {
    let settings = settings(url)?;
    let arguments = [
        "--no-password",
        "--clean",
        "--if-exists",
        "--single-transaction",
        "--exit-on-error",
        "--dbname",
        settings.database(),
        file,
    ];
    run("pg_restore", &arguments, url, folder).await
}

fn settings(url: &str) -> Result<Settings, String> {
    Settings::parse(url).map_err(|error| error.to_string())
}

async fn run(program: &str, arguments: &[&str], url: &str, folder: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.envs(settings(url)?.libpq_environment());
    let output = command.output().await.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}
