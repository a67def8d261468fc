//! The reference stack of the origin: FastAPI, SQLAlchemy, aiosqlite, gunicorn with four uvicorn
//! workers, one WAL file.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::{Connection, params};

use crate::child::Server;
use crate::place::Place;
use crate::rivals::venv;
use crate::{Result, personas};

/// The number of workers of the reference stack.
const WORKERS: &str = "4";
/// The path of a persona without its identity.
pub const PATH: &str = "/personas/";

/// Installs the stack into the throwaway folder, once; the versions are pinned.
pub fn install(place: &Place, python: &Path) -> Result<PathBuf> {
    venv::install(place, python, "reference", "gunicorn")
}

/// Fills a file with the tables of `app.py` and the same texts as Persona Store has.
pub fn fill(database: &Path, personas: u64, bytes: usize) -> Result<()> {
    let mut connection = Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE personas (
             id VARCHAR NOT NULL PRIMARY KEY,
             name VARCHAR NOT NULL,
             nickname VARCHAR NOT NULL,
             description VARCHAR NOT NULL,
             system_prompt VARCHAR NOT NULL,
             tags JSON NOT NULL,
             counter INTEGER NOT NULL,
             updated_at VARCHAR NOT NULL
         );",
    )?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO personas VALUES (?1, ?2, '', ?3, ?4, ?5, 0, '2026-01-01T00:00:00+00:00')",
        )?;
        for number in 0..personas {
            let document = personas::document(number, bytes);
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_string();
            let id = personas::id(number).to_string();
            insert.execute(params![
                id,
                text("name"),
                text("description"),
                text("system_prompt"),
                document["tags"].to_string()
            ])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Starts the stack over a filled file.
pub fn start(place: &Place, gunicorn: &Path, database: &Path) -> Result<Server> {
    // A port that was free a moment ago: gunicorn does not tell which port the system gave it.
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new(gunicorn);
    command.args([
        "--workers",
        WORKERS,
        "--worker-class",
        "uvicorn_worker.UvicornWorker",
        "--bind",
        &address.to_string(),
    ]);
    command
        .args(["--log-level", "warning", "app:app"])
        .current_dir(place.path("benches/reference"));
    command.env("DATABASE", database).env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::null());
    Server::start_at(command, address, &format!("{PATH}{}", personas::id(0)))
}
