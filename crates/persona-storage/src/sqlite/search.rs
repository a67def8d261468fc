//! Rows of the full-text indexes, written in the same transaction as the persona: `persona_search`
//! has all words, and `persona_titles` once more those of name and tags, from which the order by
//! relevance is read.
//!
//! Each transaction adds a small segment to an index. Merging segments is work that grows with the
//! index, so no writer does it; the maintenance process does, in steps that hold the write lock
//! only briefly.
//!
//! A savepoint makes FTS5 write what it has gathered so far as a segment of its own, and so does a
//! row whose number is smaller than the one before. So the rows of all requests of a transaction
//! wait in [`Entries`], and are written at its end, in order and outside of any savepoint: one
//! segment instead of one for each request.

use std::collections::BTreeMap;

use persona_model::{Document, Invalid, SearchWords, Term};
use rusqlite::types::Type;
use rusqlite::{Connection, params};

use crate::decide::Revised;
use crate::sqlite::tables::personas;
use crate::sqlite::write::queue::LIGHT_BYTES_MAX;

/// The index of all words, and the one of the words of name and tags.
const WORDS: &str = "persona_search";
const TITLES: &str = "persona_titles";
/// Pages that one step of merging writes at most: about a millisecond on an idle machine, a dozen
/// under load.
const MERGE_PAGES: i64 = 64;

/// What the rows of one persona in the indexes have to become.
#[derive(Debug)]
pub(super) struct Entry {
    row_id: i64,
    /// Has the words.
    document: Document,
    /// Whether the words of name and tags are among those that changed.
    in_title: bool,
}

impl Entry {
    /// What a revision makes of the indexes; `None` where it changed no word of them.
    pub(super) fn of(row_id: i64, revised: &Revised, before: Option<&Document>) -> Option<Self> {
        let document = &revised.persona.document;
        let changes = |part: fn(&str) -> bool| revised.changed.iter().any(|field| part(field));
        if !changes(SearchWords::come_from) {
            return None;
        }
        // To write the words of a large document again takes far longer than to compare them. For a
        // small one it is the other way round, and most changes of a text do change its words.
        if let Some(before) = before.filter(|_| document.text().len() > LIGHT_BYTES_MAX) {
            let (old, new) = (before.words(), document.words());
            if old == new {
                return None;
            }
            return Some(Self {
                row_id,
                document: document.clone(),
                in_title: (&old.name, &old.tags) != (&new.name, &new.tags),
            });
        }
        Some(Self {
            row_id,
            document: document.clone(),
            in_title: changes(SearchWords::title_comes_from),
        })
    }
}

/// What one transaction has to write to the indexes, in the order of the rows.
#[derive(Debug, Default)]
pub(super) struct Entries(BTreeMap<i64, Entry>);

impl Entries {
    /// Takes what a request came to. Where an earlier request of the transaction changed the same
    /// persona, only the newer words are written.
    pub(super) fn add(&mut self, mut entry: Entry) {
        let before = self.0.remove(&entry.row_id);
        entry.in_title |= before.is_some_and(|before| before.in_title);
        self.0.insert(entry.row_id, entry);
    }

    /// Writes all of it: the last thing before the commit.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.0
            .values()
            .try_for_each(|entry| put_words(connection, entry.row_id, entry.document.words()))?;
        let mut titles = self.0.values().filter(|entry| entry.in_title);
        titles.try_for_each(|entry| put_title(connection, entry.row_id, entry.document.words()))
    }
}

/// Writes a row of the large index: all words.
pub(super) fn put_words(
    connection: &Connection,
    row_id: i64,
    words: &SearchWords,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO persona_search (rowid, name, tags, text) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row_id, words.name, words.tags, words.text])
        .map(drop)
}

/// Writes a row of the small index: the words of name and tags.
pub(super) fn put_title(
    connection: &Connection,
    row_id: i64,
    words: &SearchWords,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO persona_titles (rowid, name, tags) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![row_id, words.name, words.tags])
        .map(drop)
}

/// Fills what personas are found by, the two indexes and the tags, with every persona that there
/// is: the part of a migration that SQL cannot say. Only the newest migration has to, because each
/// of them is followed by it.
pub(super) fn fill_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare("SELECT row_id, document FROM personas ORDER BY row_id")?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        let (row_id, text): (i64, String) = (found.get(0)?, found.get(1)?);
        let unreadable = |invalid: Invalid| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(invalid))
        };
        let document = Document::from_stored(&text).map_err(unreadable)?;
        put_words(connection, row_id, document.words())?;
        put_title(connection, row_id, document.words())?;
        personas::insert_tags(connection, row_id, &document)?;
    }
    Ok(())
}

/// Merges some segments of the indexes and tells whether there is more to merge (FTS5
/// documentation, "The 'merge' Command").
pub(super) fn merge(connection: &Connection) -> rusqlite::Result<bool> {
    let mut more = false;
    for command in [
        "INSERT INTO persona_search (persona_search, rank) VALUES ('merge', ?1)",
        "INSERT INTO persona_titles (persona_titles, rank) VALUES ('merge', ?1)",
    ] {
        let before = connection.total_changes();
        connection.prepare_cached(command)?.execute([MERGE_PAGES])?;
        // The command itself counts as one change.
        more |= connection.total_changes() - before >= 2;
    }
    Ok(more)
}

/// An index, and the terms that are looked up in it.
pub(super) struct Looked<'a> {
    pub index: &'static str,
    terms: Vec<&'a Term>,
}

impl<'a> Looked<'a> {
    /// All of them in the small index, which knows name and tags only.
    pub(super) fn in_titles(terms: &'a [Term]) -> Self {
        Self { index: TITLES, terms: terms.iter().collect() }
    }

    /// Each in the index that it is of: the large one, and the small one.
    pub(super) fn each(terms: &'a [Term]) -> [Self; 2] {
        let (in_titles, everywhere) = terms.iter().partition(|term| term.is_of_titles());
        [Self { index: WORDS, terms: everywhere }, Self { index: TITLES, terms: in_titles }]
    }

    /// The expression that finds any of the terms; `None` without terms.
    ///
    /// Words hold neither quotes nor blanks, and each stands between quotes, so nothing that a user
    /// types is an operator.
    pub(super) fn any(&self) -> Option<String> {
        self.joined(" OR ")
    }

    /// The expression that finds what has every one of the terms; `None` without terms.
    pub(super) fn all(&self) -> Option<String> {
        self.joined(" AND ")
    }

    fn joined(&self, operator: &str) -> Option<String> {
        (!self.terms.is_empty())
            .then(|| self.terms.iter().map(|term| phrase(term)).collect::<Vec<_>>().join(operator))
    }
}

fn phrase(term: &Term) -> String {
    let star = if term.prefix { " *" } else { "" };
    format!("\"{}\"{star}", term.words.join(" "))
}
