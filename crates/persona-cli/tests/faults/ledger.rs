//! The expected content of a database, compared with the file by SQLite itself, without the program
//! under test.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

/// The content of a file after a test, as far as the tests look at it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Name, revision and number of keys in `extensions` of each persona.
    pub personas: BTreeMap<String, (u64, usize)>,
}

/// Opens a file, makes every check that SQLite and the schema allow, and reads it: the file is
/// sound, no reference is broken, each persona has every revision up to its own and one change for
/// each.
#[track_caller]
pub fn read_whole(database: &Path) -> Ledger {
    try_read_whole(database).unwrap_or_else(|fault| panic!("{}: {fault}", database.display()))
}

/// The same as [`read_whole`], with the fault as a value.
pub fn try_read_whole(database: &Path) -> Result<Ledger, String> {
    read(database).map_err(|error| error.to_string())?
}

fn read(database: &Path) -> rusqlite::Result<Result<Ledger, String>> {
    let file = Connection::open(database)?;
    file.busy_timeout(crate::common::DEADLINE)?;
    let report: String = file.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if report != "ok" {
        return Ok(Err(report));
    }
    let broken: i64 =
        file.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    let tables: i64 =
        file.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'personas'", [], |row| {
            row.get(0)
        })?;
    if tables == 0 {
        return Ok(Ok(Ledger::default()));
    }
    let mut statement = file.prepare(
        // The feed is counted once and not for each persona: a long run leaves a million lines. A
        // revision has the number of its line.
        "WITH told AS MATERIALIZED (
             SELECT c.persona, count(r.sequence) AS kept, max(r.revision) AS newest, count(*) AS lines
             FROM changes AS c
             LEFT JOIN revisions AS r ON r.sequence = c.sequence AND r.revision = c.revision
             GROUP BY c.persona)
         SELECT p.revision, p.name, p.document,
                coalesce(told.kept, 0), coalesce(told.newest, 0), coalesce(told.lines, 0)
         FROM personas p
         LEFT JOIN told ON told.persona = p.id",
    )?;
    let mut rows = statement.query([])?;
    let mut ledger = Ledger::default();
    while let Some(row) = rows.next()? {
        let (revision, name, document): (i64, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let (kept, newest, changes): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        if [kept, newest, changes] != [revision; 3] || broken > 0 {
            return Ok(Err(format!(
                "revision {revision} has {kept} revisions up to {newest} and {changes} changes; {broken} broken"
            )));
        }
        let document: Value = serde_json::from_str(&document).unwrap_or_default();
        let keys = document["extensions"].as_object().map_or(0, serde_json::Map::len);
        ledger.personas.insert(name, (revision.unsigned_abs(), keys));
    }
    Ok(Ok(ledger))
}
