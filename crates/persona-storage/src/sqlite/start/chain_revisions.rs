//! Fills the tables of schema version 9, in which revisions are found from their personas
//! (`tables/history.rs`).
//!
//! Both tables are made anew, because SQLite cannot take a constraint away from a table. It runs in
//! the transaction of the migration, with foreign keys off: with them, dropping the old table would
//! delete the tags of all personas.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::sqlite::error::damage;
use crate::sqlite::tables::history::History;
use crate::sqlite::tables::row;

/// The lines of the feed, each with the rows that it is about.
const LINES: &str = "
    SELECT c.sequence, c.revision, p.row_id, r.rowid
    FROM changes AS c
    LEFT JOIN personas AS p ON p.id = c.persona
    LEFT JOIN revisions AS r ON r.persona = p.row_id AND r.revision = c.revision
    ORDER BY c.sequence";
const REVISION: &str = "
    INSERT INTO revisions_9 (sequence, revision, earlier, parent, base, at, author, note, changed, deleted, checksum, head, document)
    SELECT ?1, revision, ?2, parent, base, at, author, note, changed, deleted, checksum, head, document
    FROM revisions
    WHERE rowid = ?3";
const PERSONA: &str = "
    INSERT INTO personas_9 (row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                            created_by, updated_by, content_hash, checksum, history, head, document)
    SELECT row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
           created_by, updated_by, content_hash, checksum, ?2, head, document
    FROM personas
    WHERE row_id = ?1";
/// The pages of the old revisions are free before the personas are copied, so that the file does
/// not grow for those.
const REVISIONS_ARE_COPIED: &str = "
    DROP TABLE revisions;
    ALTER TABLE revisions_9 RENAME TO revisions;";
const PERSONAS_ARE_COPIED: &str = "
    DROP TABLE personas;
    ALTER TABLE personas_9 RENAME TO personas;
    CREATE UNIQUE INDEX personas_by_id ON personas (id);
    -- A deleted persona gives its handle free.
    CREATE UNIQUE INDEX personas_by_handle ON personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
    CREATE INDEX personas_by_name ON personas (name, id);
    CREATE INDEX personas_by_created_at ON personas (created_at, id);
    CREATE INDEX personas_by_updated_at ON personas (updated_at, id);
    -- Few rows; lets the living be counted without looking at each of them.
    CREATE INDEX personas_deleted ON personas (deleted_at) WHERE deleted_at IS NOT NULL;";

/// Fills the new tables and puts them in the place of the old ones.
///
/// # Errors
///
/// The code for a damaged database, when a persona does not have every one of its revisions, each
/// with a line in the feed: what cannot be found from its persona would be lost.
pub(super) fn chain_revisions(connection: &Connection) -> rusqlite::Result<()> {
    let histories = copy_revisions(connection)?;
    connection.execute_batch(REVISIONS_ARE_COPIED)?;
    copy_personas(connection, &histories)?;
    connection.execute_batch(PERSONAS_ARE_COPIED)
}

/// Copies the revisions in the order of the feed, and tells where those of each persona are, by the
/// number of its row.
fn copy_revisions(connection: &Connection) -> rusqlite::Result<HashMap<i64, History>> {
    let mut histories: HashMap<i64, History> = HashMap::new();
    let mut copied = 0;
    let mut insert = connection.prepare(REVISION)?;
    let mut lines = connection.prepare(LINES)?;
    let mut rows = lines.query([])?;
    while let Some(line) = rows.next()? {
        let (sequence, revision): (i64, u64) = (line.get(0)?, row::number(line, 1)?);
        let (Some(persona), Some(old)) = (line.get(2)?, line.get::<_, Option<i64>>(3)?) else {
            return Err(damage(format!(
                "line {sequence} of the feed is about revision {revision} of a persona, which is not there"
            )));
        };
        let history = histories.entry(persona).or_default();
        if revision != history.newest() + 1 {
            return Err(damage(format!(
                "line {sequence} of the feed is about revision {revision} of a persona, and {} comes next",
                history.newest() + 1
            )));
        }
        insert.execute(params![sequence, history.bytes(), old])?;
        history.add(sequence);
        copied += 1;
    }
    let kept: u64 = connection
        .query_row("SELECT count(*) FROM revisions", [], |found| row::number(found, 0))?;
    if copied == kept {
        Ok(histories)
    } else {
        Err(damage(format!("there are {kept} revisions, and the feed has {copied} lines")))
    }
}

fn copy_personas(
    connection: &Connection,
    histories: &HashMap<i64, History>,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(PERSONA)?;
    let mut personas =
        connection.prepare("SELECT row_id, revision FROM personas ORDER BY row_id")?;
    let mut rows = personas.query([])?;
    while let Some(found) = rows.next()? {
        let (row_id, revision): (i64, u64) = (found.get(0)?, row::number(found, 1)?);
        let history = histories.get(&row_id).filter(|history| history.newest() == revision);
        let Some(history) = history else {
            return Err(damage(format!(
                "the persona of row {row_id} is at revision {revision}, and the feed is not"
            )));
        };
        insert.execute(params![row_id, history.bytes()])?;
    }
    Ok(())
}
