//! The list of a persona's revisions, the newest first. The revisions stand one after the other
//! in the chain (`history.rs`), so a page costs the same wherever it begins.

use persona_model::{PersonaId, Revision};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{personas, revisions, row};
use crate::{RevisionPage, RevisionSummary};

/// The length of a text is in the header of its row: none of these columns lies behind a text.
const SUMMARY: &str =
    "SELECT revision, at, author, note, changed, base, deleted, octet_length(document)
     FROM revisions
     WHERE sequence = ?1 AND revision = ?2";

/// The revisions before one, or the newest, at most so many; `None` where there is no such persona.
///
/// Revisions are never changed, so the statements need no common snapshot.
pub(crate) fn page(
    connection: &Connection,
    id: PersonaId,
    before: Option<Revision>,
    limit: usize,
) -> rusqlite::Result<Option<RevisionPage>> {
    let Some(history) = personas::history(connection, id)? else { return Ok(None) };
    let newest = history.newest();
    let last = before.map_or(newest, |before| newest.min(before.number() - 1));
    let first = last.saturating_sub(limit as u64) + 1;
    if last == 0 || limit == 0 {
        return Ok(Some(RevisionPage { items: Vec::new(), has_more: last > 0 }));
    }
    let rows = revisions::rows_between(connection, &history, first, last)?;
    let mut statement = connection.prepare_cached(SUMMARY)?;
    let summaries = rows.into_iter().rev().zip((first..=last).rev()).map(|(sequence, number)| {
        statement
            .query_row([sequence, row::stored(number)], summary_from)
            .optional()?
            .ok_or_else(|| revisions::misplaced(number, sequence))
    });
    let items = summaries.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Some(RevisionPage { items, has_more: first > 1 }))
}

fn summary_from(found: &Row<'_>) -> rusqlite::Result<RevisionSummary> {
    Ok(RevisionSummary {
        revision: row::revision(found, 0)?,
        at: row::time(found, 1)?,
        author: found.get(2)?,
        note: found.get(3)?,
        changed: revisions::changed(found, 4)?,
        base: revisions::base(found, 5)?,
        deleted: found.get(6)?,
        document_bytes: row::number(found, 7)?,
    })
}
