//! The list of a persona's revisions, the newest first, without those that were dropped. Each names
//! the last one before it that is kept, so a page costs the same wherever it begins.

use persona_model::{PersonaId, Revision};
use rusqlite::{Connection, OptionalExtension, Row};

use super::dropped::Span;
use super::history::History;
use super::snapshot::in_one_snapshot;
use super::{personas, revisions, row};
use crate::{RevisionPage, RevisionSummary};

/// The length of a text is in the header of its row: none of these columns lies behind a text.
const SUMMARY: &str =
    "SELECT revision, at, author, note, changed, base, deleted, octet_length(document), octet_length(head) = 0, parent, earlier
     FROM revisions
     WHERE sequence = ?1";
/// Its columns behind those of the summary.
const IS_DROPPED: usize = 8;
const PARENT: usize = 9;
const EARLIER: usize = 10;

/// A row on the way from the newest revision down.
struct Step {
    /// What is told of it; `None` where it was dropped.
    summary: Option<RevisionSummary>,
    /// The last revision before it that was kept when it was made or dropped; 0 for the first.
    previous: u64,
    /// Where the revisions before it are.
    earlier: History,
}

/// The revisions before one, or the newest, at most so many; `None` where there is no such persona.
///
/// All of one snapshot: a revision that is the newest can be dropped by the one that follows.
pub(crate) fn page(
    connection: &Connection,
    id: PersonaId,
    before: Option<Revision>,
    limit: usize,
) -> rusqlite::Result<Option<RevisionPage>> {
    in_one_snapshot(connection, || page_of(connection, id, before, limit))
}

fn page_of(
    connection: &Connection,
    id: PersonaId,
    before: Option<Revision>,
    limit: usize,
) -> rusqlite::Result<Option<RevisionPage>> {
    let Some(mut history) = personas::history(connection, id)? else { return Ok(None) };
    let newest = history.newest();
    let mut next = before.map_or(newest, |before| newest.min(before.number() - 1));
    let mut items = Vec::new();
    // Each step is to an earlier revision, and the first of a persona is never dropped.
    while next > 0 && items.len() < limit {
        let step = step_to(connection, &history, next)?;
        items.extend(step.summary);
        (history, next) = (step.earlier, step.previous);
    }
    Ok(Some(RevisionPage { items, has_more: next > 0 }))
}

fn step_to(connection: &Connection, history: &History, revision: u64) -> rusqlite::Result<Step> {
    let Some(sequence) = revisions::row_of(connection, history, revision)? else {
        return Err(revisions::misplaced(revision, 0));
    };
    let step = connection
        .prepare_cached(SUMMARY)?
        .query_row([sequence], |found| {
            let span = Span::of(found, [0, 5, IS_DROPPED])?;
            let Some(span) = span.filter(|span| span.has(revision)) else { return Ok(None) };
            let summary = if span.is_dropped { None } else { Some(summary_from(found)?) };
            let previous = revisions::base(found, PARENT)?.map_or(0, Revision::number);
            let earlier = History::read(span.first - 1, found.get_ref(EARLIER)?.as_blob()?);
            let step = earlier.map(|earlier| Step { summary, previous, earlier });
            Ok(step.filter(|_| previous < span.first))
        })
        .optional()?;
    step.flatten().ok_or_else(|| revisions::misplaced(revision, sequence))
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
