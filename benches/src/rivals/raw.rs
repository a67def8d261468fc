//! Raw SQLite in one process: the limit of the file.
//!
//! Prepared statements, nothing parsed, nothing decided, no other writer; the same pragmas as
//! Persona Store.

use std::path::Path;
use std::time::{Duration, Instant};

use persona_model::Document;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{Result, personas};

/// The rows that are written for each update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// One UPDATE of the persona's row.
    PersonaOnly,
    /// The same rows as Persona Store writes: persona, revision, change, search.
    All,
}

/// The statement of one change of a persona: the row and the columns that every rival writes.
pub const UPDATE: &str = "UPDATE personas SET revision = revision + 1, updated_at = ?2, head = ?3, document = ?4 WHERE row_id = ?1 RETURNING revision";

/// Texts that differ with each change, as those of Persona Store do: SQLite writes no page that
/// stays the same, so a rival that wrote the same texts again would do nothing.
pub struct Versions {
    text: String,
    /// The document, with the words of the search index that stay.
    document: Document,
}

/// The texts of one change.
pub struct Version {
    pub head: String,
    pub document: String,
    /// The words of the name, to which the nickname belongs.
    pub name: String,
}

impl Versions {
    pub fn new() -> Result<Self> {
        let document = Document::from_json(personas::document(1, personas::USUAL_BYTES))?;
        Ok(Self { text: document.text().to_owned(), document })
    }

    pub fn version(&self, number: u32) -> Version {
        let nickname = format!("change {number}");
        Version {
            head: json!({ "id": personas::id(1).to_string(), "revision": number, "rest": "x".repeat(330) }).to_string(),
            document: self.text.replacen("\"nickname\":\"\"", &format!("\"nickname\":\"{nickname}\""), 1),
            name: format!("{} {nickname}", self.document.title_words().name),
        }
    }
}

/// Updates a second on a copy of a file of Persona Store, in transactions of this many updates.
pub fn updates(
    database: &Path,
    personas: u64,
    rows: Rows,
    batch: u32,
    seconds: u32,
) -> Result<f64> {
    let connection = Connection::open(database)?;
    connection
        .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")?;
    let versions = Versions::new()?;
    let mut update = connection.prepare(UPDATE)?;
    let mut revise = connection.prepare(
        "INSERT INTO revisions (sequence, revision, earlier, parent, at, changed, deleted, checksum, head, document)
         VALUES (?1, ?2, zeroblob(8), ?2 - 1, ?3, '[\"nickname\"]', 0, 0, ?4, ?5)",
    )?;
    let mut change = connection.prepare(
        "INSERT INTO changes (persona, revision, kind, at) VALUES (?1, ?2, 'updated', ?3)",
    )?;
    // The words that are removed are those of another persona: that costs the same, and this copy
    // is never searched.
    let mut old_title = connection.prepare(
        "INSERT INTO persona_titles (persona_titles, rowid, name, tags) VALUES ('delete', ?1, ?2, ?3)",
    )?;
    let mut title =
        connection.prepare("INSERT INTO persona_titles (rowid, name, tags) VALUES (?1, ?2, ?3)")?;
    let words = versions.document.title_words();
    let (began, time_max) = (Instant::now(), Duration::from_secs(seconds.into()));
    let mut count = 0_u32;
    while began.elapsed() < time_max {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..batch {
            // Steps of a large prime walk through all rows in an order that looks random.
            let row = i64::try_from(u64::from(count) * 7_919 % personas + 1)?;
            let Version { head, document, name } = versions.version(count);
            let revision: i64 =
                update.query_row(params![row, count, head, document], |found| found.get(0))?;
            if rows == Rows::All {
                let sequence = change.insert(params![
                    personas::id(u64::from(count)).as_bytes(),
                    revision,
                    count
                ])?;
                revise.execute(params![sequence, revision, count, head, document])?;
                old_title.execute(params![row, words.name, words.tags])?;
                title.execute(params![row, name, words.tags])?;
            }
            count += 1;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
