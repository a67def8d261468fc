//! Rows of `persona_search`: the full-text index, written in the same transaction as the persona.
//!
//! Each transaction adds a small segment to the index. Merging segments is work that grows with the index, so no writer
//! does it; the keeper does, in steps that hold the gate only briefly.

use persona_model::{Document, Invalid, NAME_WEIGHT, Search, SearchWords, TAGS_WEIGHT, TEXT_WEIGHT, Term};
use rusqlite::types::Type;
use rusqlite::{Connection, params};

use crate::decide::Revised;

/// Pages that one step of merging writes at most: about a millisecond.
const MERGE_PAGES: i64 = 64;

/// Puts the words of a revision into the index, if it changed any.
pub(super) fn index(connection: &Connection, row_id: i64, revised: &Revised) -> rusqlite::Result<()> {
    if revised.changed.iter().any(|field| SearchWords::come_from(field)) {
        put(connection, row_id, &revised.persona.document)?;
    }
    Ok(())
}

fn put(connection: &Connection, row_id: i64, document: &Document) -> rusqlite::Result<()> {
    let words = SearchWords::of(document);
    connection
        .prepare_cached("INSERT OR REPLACE INTO persona_search (rowid, name, tags, text) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row_id, words.name, words.tags, words.text])
        .map(drop)
}

/// Fills the index with every persona that there is: the part of migration 2 that SQL cannot say.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT row_id, document FROM personas")?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        let text: String = found.get(1)?;
        let unreadable = |invalid: Invalid| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(invalid));
        put(connection, found.get(0)?, &Document::from_stored(&text).map_err(unreadable)?)?;
    }
    Ok(())
}

/// Merges some segments of the index and tells whether there is more to merge (FTS5 documentation, "The 'merge' Command").
pub(super) fn merge(connection: &Connection) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.prepare_cached("INSERT INTO persona_search (persona_search, rank) VALUES ('merge', ?1)")?.execute([MERGE_PAGES])?;
    // The command itself counts as one change.
    Ok(connection.total_changes() - before >= 2)
}

/// The expression that finds the wanted terms without the unwanted; `None` when no term is wanted.
///
/// Words hold neither quotes nor blanks, and each stands between quotes, so nothing that a user types is an operator.
pub(super) fn expression(search: &Search) -> Option<String> {
    if search.wanted.is_empty() {
        return None;
    }
    let wanted = search.wanted.iter().map(phrase).collect::<Vec<_>>().join(" AND ");
    let parts = [format!("({wanted})")].into_iter().chain(search.unwanted.iter().map(phrase));
    Some(parts.collect::<Vec<_>>().join(" NOT "))
}

/// The expression that finds any of the unwanted terms.
pub(super) fn unwanted_expression(search: &Search) -> String {
    search.unwanted.iter().map(phrase).collect::<Vec<_>>().join(" OR ")
}

fn phrase(term: &Term) -> String {
    let star = if term.prefix { " *" } else { "" };
    format!("\"{}\"{star}", term.words.join(" "))
}

/// The SQL of a row's rank: smaller is better.
pub(super) fn rank() -> String {
    format!("bm25(persona_search, {NAME_WEIGHT}, {TAGS_WEIGHT}, {TEXT_WEIGHT})")
}
