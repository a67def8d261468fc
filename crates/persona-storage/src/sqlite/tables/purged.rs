//! Rows of `purged`: what is left of personas that were purged, and where those of their revisions
//! are that are still to be removed.
//!
//! A history can have any length, so it is removed in several transactions, the newest revisions
//! first: what leads to the earlier ones is then always there (`history.rs`).

use persona_model::{Persona, PersonaId};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::history::History;
use super::{feed, revisions, row};
use crate::Tombstone;
use crate::label::{FORGOTTEN, mark_of};
use crate::sqlite::error::damage;
use crate::sqlite::start::migrate;

/// Most revisions that are removed in one transaction: some milliseconds.
pub(crate) const REMOVED_AT_ONCE: u64 = 250;
/// Most bytes of their texts, unless a single one has more: each page of a text is written to the
/// WAL once more, as zeros.
const REMOVED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The tombstone of a persona.
pub(crate) fn find(connection: &Connection, id: PersonaId) -> rusqlite::Result<Option<Tombstone>> {
    connection
        .prepare_cached("SELECT revision, owner, at, author FROM purged WHERE persona = ?1")?
        .query_row([id.as_bytes()], |found| {
            Ok(Tombstone {
                id,
                revision: row::revision(found, 0)?,
                owner: found.get(1)?,
                at: row::time(found, 2)?,
                author: found.get(3)?,
            })
        })
        .optional()
}

/// An expression: how many rows of `revisions` are of purged personas and still to be removed. A
/// row can stand for several revisions, so the rows are found from the feed; mostly there are none.
pub(crate) const ROWS_LEFT: &str =
    "(CASE WHEN EXISTS (SELECT 1 FROM purged WHERE revisions_left > 0)
          THEN (SELECT count(*)
                FROM changes AS c
                CROSS JOIN purged AS p ON p.persona = c.persona
                CROSS JOIN revisions AS r ON r.sequence = c.sequence
                WHERE p.revisions_left > 0)
          ELSE 0 END)";

/// Whether a persona was purged, in a file of this version.
pub(crate) fn is_there(
    connection: &Connection,
    version: u32,
    id: PersonaId,
) -> rusqlite::Result<bool> {
    Ok(version >= migrate::PURGES_SINCE && find(connection, id)?.is_some())
}

/// Whether a persona was purged after this line of the feed.
pub(crate) fn any_after(connection: &Connection, sequence: u64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM purged WHERE sequence > ?1)")?
        .query_row([feed::stored(sequence)], |found| found.get(0))
}

/// Keeps a tombstone, with what leads to the revisions that are still to be removed.
pub(crate) fn insert(
    connection: &Connection,
    sequence: i64,
    tombstone: &Tombstone,
    left: &History,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO purged (sequence, persona, revision, owner, at, author, revisions_left, history)
             VALUES (:sequence, :persona, :revision, :owner, :at, :author, :left, :history)",
        )?
        .execute(named_params! {
            ":sequence": sequence,
            ":persona": tombstone.id.as_bytes(),
            ":revision": row::stored(tombstone.revision.number()),
            ":owner": tombstone.owner,
            ":at": tombstone.at.as_micros(),
            ":author": tombstone.author,
            ":left": row::stored(left.newest()),
            ":history": left.bytes(),
        })
        .map(drop)
}

/// Removes the row of a persona, and everything that is kept of it beside its revisions and the
/// words of its texts, which are removed by the number of the row.
pub(crate) fn remove_persona(
    connection: &Connection,
    row_id: i64,
    persona: &Persona,
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM persona_tags WHERE persona = ?1")?.execute([row_id])?;
    connection.prepare_cached("DELETE FROM personas WHERE row_id = ?1")?.execute([row_id])?;
    let mut moves = 0;
    for sql in [
        "DELETE FROM labels WHERE persona = ?1",
        "DELETE FROM former_handles WHERE persona = ?1",
        "DELETE FROM label_moves WHERE persona = ?1",
    ] {
        moves = connection.prepare_cached(sql)?.execute([persona.id.as_bytes()])?;
    }
    // No index leads to them, so they are looked for only where there can be some: a quarter of a
    // second for a million keys.
    if moves > 0 {
        let forget = "UPDATE idempotency SET moves = ?2 WHERE instr(moves, ?1) > 0";
        connection.prepare_cached(forget)?.execute([mark_of(persona.id).as_str(), FORGOTTEN])?;
    }
    Ok(())
}

/// The first persona that was purged after this line of the feed and of which revisions are still
/// to be removed, with the line of its purge.
pub(crate) fn unfinished_after(
    connection: &Connection,
    sequence: i64,
) -> rusqlite::Result<Option<(i64, PersonaId)>> {
    connection
        .prepare_cached(
            "SELECT sequence, persona FROM purged
             WHERE revisions_left > 0 AND sequence > ?1
             ORDER BY sequence
             LIMIT 1",
        )?
        .query_row([sequence], |found| Ok((found.get(0)?, row::id(found, 1)?)))
        .optional()
}

/// Whether revisions of a purged persona are still to be removed.
pub(crate) fn has_revisions(connection: &Connection, id: PersonaId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM purged WHERE persona = ?1 AND revisions_left > 0)",
        )?
        .query_row([id.as_bytes()], |found| found.get(0))
}

/// Removes some of the revisions of a purged persona, and tells whether there are more.
pub(crate) fn remove_some(connection: &Connection, id: PersonaId) -> rusqlite::Result<bool> {
    let left = connection
        .prepare_cached("SELECT revisions_left, history FROM purged WHERE persona = ?1")?
        .query_row([id.as_bytes()], |found| history_in(found, id))
        .optional()?;
    let Some(history) = left.filter(|history| history.newest() > 0) else { return Ok(false) };
    let last = history.newest();
    let first = last.saturating_sub(REMOVED_AT_ONCE) + 1;
    let rows = revisions::numbered_between(connection, &history, first, last)?;
    // The length of a text is in the header of its row, so no text is read.
    let sql =
        "SELECT octet_length(head) + octet_length(document) FROM revisions WHERE sequence = ?1";
    let mut length = connection.prepare_cached(sql)?;
    let mut remove = connection.prepare_cached("DELETE FROM revisions WHERE sequence = ?1")?;
    let (mut earlier, mut bytes) = (history, 0);
    for (revision, sequence) in rows.into_iter().rev() {
        bytes += length.query_row([sequence], |found| row::number(found, 0))?;
        if revision < last && bytes > REMOVED_BYTES_MAX {
            break;
        }
        earlier = revisions::earlier(connection, revision, sequence)?;
        remove.execute([sequence])?;
    }
    connection
        .prepare_cached("UPDATE purged SET revisions_left = ?2, history = ?3 WHERE persona = ?1")?
        .execute(params![id.as_bytes(), row::stored(earlier.newest()), earlier.bytes()])?;
    Ok(earlier.newest() > 0)
}

fn history_in(found: &Row<'_>, id: PersonaId) -> rusqlite::Result<History> {
    let newest = row::number(found, 0)?;
    History::read(newest, found.get_ref(1)?.as_blob()?).ok_or_else(|| {
        damage(format!("what is kept of the revisions of purged persona {id} is not about them"))
    })
}

/// Runs work that removes content: what was there is overwritten with zeros, so that no free page
/// of the file keeps it.
pub(crate) fn overwriting<T>(
    connection: &Connection,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.pragma_update(None, "secure_delete", true)?;
    let done = work();
    connection.pragma_update(None, "secure_delete", false)?;
    done
}

/// Statements that find what must not be, one line for each fault. Only the first finds anything
/// where there is no tombstone.
const FINDINGS: [&str; 4] = [
    "SELECT 'change ' || c.sequence || ' says purged, and there is no tombstone'
     FROM changes AS c
     WHERE c.kind = 'purged' AND NOT EXISTS (SELECT 1 FROM purged AS p WHERE p.sequence = c.sequence)",
    "SELECT 'the tombstone of line ' || p.sequence || ' is not what its line in the feed says'
     FROM purged AS p
     LEFT JOIN changes AS c ON c.sequence = p.sequence
     WHERE c.kind IS NOT 'purged' OR c.persona <> p.persona OR c.revision <> p.revision OR c.at <> p.at",
    "SELECT 'row ' || r.sequence || ' of the revisions is of a persona that was purged'
     FROM revisions AS r
     CROSS JOIN changes AS c ON c.sequence = r.sequence
     CROSS JOIN purged AS p ON p.persona = c.persona
     WHERE p.revisions_left = 0",
    "SELECT 'there is a tombstone of line ' || p.sequence || ', and something of its persona is there'
     FROM purged AS p
     WHERE EXISTS (SELECT 1 FROM personas AS o WHERE o.id = p.persona)
        OR EXISTS (SELECT 1 FROM labels AS o WHERE o.persona = p.persona)
        OR EXISTS (SELECT 1 FROM label_moves AS o WHERE o.persona = p.persona)
        OR EXISTS (SELECT 1 FROM former_handles AS o WHERE o.persona = p.persona)",
];

/// What is wrong with tombstones, one line for each.
pub(crate) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut faults = Vec::new();
    let any = "SELECT EXISTS (SELECT 1 FROM purged)";
    let count =
        if connection.query_row(any, [], |found| found.get(0))? { FINDINGS.len() } else { 1 };
    for sql in &FINDINGS[..count] {
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map([], |found| found.get(0))?;
        faults.extend(found.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    Ok(faults)
}
