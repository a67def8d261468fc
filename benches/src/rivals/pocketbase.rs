//! PocketBase: one process, one SQLite file, a REST API over collections; with its default
//! settings.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::{Connection, params};

use crate::child::Server;
use crate::place::Place;
use crate::rivals::venv;
use crate::{Result, personas};

/// The path of a persona without its identity.
pub const PATH: &str = "/api/collections/personas/records/";
/// The format of an identity: PocketBase has identities of 15 characters.
pub const ID_FORMAT: &str = "%015x";

/// Installs the pinned version into the throwaway folder, once.
pub fn install(place: &Place, python: &Path) -> Result<PathBuf> {
    venv::install(place, python, "pocketbase", "pocketbase")
}

/// The path of a persona.
pub fn path_of(number: u64) -> String {
    format!("{PATH}{number:015x}")
}

/// Starts PocketBase over a new folder with the same texts as Persona Store.
pub fn start(
    place: &Place,
    program: &Path,
    folder: &Path,
    personas: u64,
    bytes: usize,
) -> Result<Server> {
    // The first start makes the collection by the migration.
    drop(serve(place, program, folder, "/api/health")?);
    fill(&folder.join("data.db"), personas, bytes)?;
    serve(place, program, folder, &path_of(0))
}

fn serve(place: &Place, program: &Path, folder: &Path, path: &str) -> Result<Server> {
    // A port that was free a moment ago: PocketBase does not tell which port the system gave it.
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--http").arg(address.to_string());
    command.arg("--dir").arg(folder).arg("--migrationsDir").arg(place.path("benches/pocketbase"));
    command.stderr(Stdio::null());
    Server::start_at(command, address, path)
}

fn fill(database: &Path, personas: u64, bytes: usize) -> Result<()> {
    let mut connection = Connection::open(database)?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO personas (id, name, description, system_prompt, tags, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, '2026-01-01 00:00:00.000Z', '2026-01-01 00:00:00.000Z')",
        )?;
        for number in 0..personas {
            let document = personas::document(number, bytes);
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_string();
            insert.execute(params![
                format!("{number:015x}"),
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
