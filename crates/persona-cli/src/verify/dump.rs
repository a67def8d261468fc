//! Backup and restore of a PostgreSQL database, with `pg_dump` and `pg_restore`, as users do it.
//! The tools get the address of the database in their environment.

use std::path::Path;
use std::process::Stdio;

use persona_storage::postgres::Settings;
use tokio::process::Command;

/// Writes a dump of the schema to a file; an error says why there is none.
pub async fn back_up(url: &str, folder: &Path, file: &str) -> Result<(), String> {
    let arguments = ["--no-password", "--format=custom", "--schema=persona_store", "--file", file];
    run("pg_dump", &arguments, url, folder).await
}

/// Replaces the existing schema by that of a dump, in one transaction.
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
