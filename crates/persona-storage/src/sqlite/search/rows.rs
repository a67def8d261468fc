//! The rows of the full-text indexes, written in the same transaction as the persona.
//!
//! Each transaction adds a small segment to an index. Merging segments is work that grows with the
//! index, so no writer does it; the maintenance process does, in steps that hold the write lock
//! only briefly.
//!
//! A savepoint makes FTS5 write what it has gathered so far as a segment of its own, and so does a
//! row with a smaller number than the row before. So the rows of all requests of a transaction wait
//! in [`Entries`], and are written at its end, in order and outside of any savepoint: one segment
//! of an index instead of one for each request.
//!
//! FTS5 forgets a row of the index of texts by its number. The index of titles is smaller, because
//! it does not know how many words each row has; in exchange FTS5 has to be told the words that it
//! forgets, exactly as they were written. They are the words of the document that is replaced, so
//! every change of what a word is (persona-model, search/) needs a migration that fills the indexes
//! anew.

use std::collections::BTreeMap;

use persona_model::{Document, TextWords, TitleWords, ValidationErrors};
use rusqlite::types::Type;
use rusqlite::{Connection, params};

use super::parts::{self, parts_of, put_part};
use crate::decide::Revised;
use crate::fault_injection;
use crate::sqlite::tables::personas;
use crate::sqlite::write::queue::LIGHT_BYTES_MAX;

/// Pages that one step of merging writes at most, besides the first of each segment that it reads,
/// which are about as many. Writers wait for one step at a time.
const MERGE_PAGES: i64 = 32;

/// The new state of one persona's rows in the indexes.
#[derive(Debug)]
pub(in super::super) struct Entry {
    row_id: i64,
    /// The document with the new words.
    document: Document,
    /// The document with the words that are in the indexes now; `None` for a new persona.
    before: Option<Document>,
    in_texts: bool,
    in_titles: bool,
    /// The parts of the words of the texts, where those were written before.
    parts: Option<WrittenParts>,
}

/// Parts that were written before the document, in transactions of their own.
#[derive(Debug)]
pub(in super::super) struct WrittenParts {
    /// The document that the words are of.
    pub document: Document,
    pub parts: Vec<i64>,
}

impl Entry {
    /// The change of the indexes for a revision; `None` where it changed no word of them.
    pub(in super::super) fn of(
        row_id: i64,
        revised: &Revised,
        before: Option<&Document>,
    ) -> Option<Self> {
        let document = &revised.persona.document;
        let changes = |part: fn(&str) -> bool| revised.changed.iter().any(|field| part(field));
        // To write the words of a large document again takes far longer than to compare them. For a
        // small one it is the other way round, and most changes of a text do change its words.
        let large_before = before.filter(|_| document.text().len() > LIGHT_BYTES_MAX);
        let in_texts = changes(TextWords::come_from)
            && large_before.is_none_or(|before| before.text_words() != document.text_words());
        let in_titles = changes(TitleWords::come_from)
            && before.is_none_or(|before| before.title_words() != document.title_words());
        let before = before.cloned();
        (in_texts || in_titles).then(|| Self {
            row_id,
            document: document.clone(),
            before,
            in_texts,
            in_titles,
            parts: None,
        })
    }

    /// The same, with parts that were written before.
    pub(in super::super) fn with_parts(mut self, written: Option<WrittenParts>) -> Self {
        // The parts are used only if the document is the one that was worked out before the lock.
        let fits =
            |written: &WrittenParts| written.document.text_words() == self.document.text_words();
        self.parts = written.filter(fits);
        self
    }
}

impl Entry {
    fn write_texts(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.before.is_some() {
            remove_text(connection, self.row_id)?;
        }
        if let Some(written) = &self.parts {
            if parts::claim(connection, self.row_id, &written.parts)? {
                return Ok(());
            }
            // Some were removed as orphans, because this writer lost its turn.
            parts::remove_of(connection, self.row_id)?;
        }
        put_text(connection, self.row_id, self.document.text_words())
    }
}

/// What one transaction has to write to the indexes, in the order of the rows.
#[derive(Debug, Default)]
pub(in super::super) struct Entries(BTreeMap<i64, Entry>);

impl Entries {
    /// Takes what a request came to. Where an earlier request of the transaction changed the same
    /// persona, only the newer words are written, over those from before the earlier one.
    pub(in super::super) fn add(&mut self, mut entry: Entry) {
        if let Some(earlier) = self.0.remove(&entry.row_id) {
            // The words between the two were never written. Where the earlier request left the
            // words of name and tags alone, they are the same in all documents but the newest.
            entry.before = earlier.before;
            entry.in_texts |= earlier.in_texts;
            entry.in_titles |= earlier.in_titles;
        }
        self.0.insert(entry.row_id, entry);
    }

    /// Writes all entries, as the last step before the commit.
    pub(in super::super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if fault_injection::leaves_out_words() {
            return Ok(());
        }
        for entry in self.0.values().filter(|entry| entry.in_texts) {
            entry.write_texts(connection)?;
        }
        for entry in self.0.values().filter(|entry| entry.in_titles) {
            let words = entry.document.title_words();
            match &entry.before {
                Some(old) => replace_title(connection, entry.row_id, old.title_words(), words)?,
                None => put_title(connection, entry.row_id, words)?,
            }
        }
        Ok(())
    }
}

/// Adds the words of a persona to the index of texts.
pub(in super::super) fn put_text(
    connection: &Connection,
    row_id: i64,
    words: &TextWords,
) -> rusqlite::Result<()> {
    let words = words.as_str();
    let parts = parts_of(words);
    if parts.len() > 1 {
        let mut parts = parts.into_iter();
        return parts
            .try_for_each(|part| put_part(connection, Some(row_id), &words[part]).map(drop));
    }
    put_whole_text(connection, row_id, words)
}

/// Adds the words of a persona to the index of texts, in one row whatever their number.
fn put_whole_text(connection: &Connection, row_id: i64, words: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO persona_texts (rowid, text) VALUES (?1, ?2)")?
        .execute(params![row_id, words])
        .map(drop)
}

/// Takes the words of a persona out of the index of texts.
pub(in super::super) fn remove_text(connection: &Connection, row_id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM persona_texts WHERE rowid = ?1")?.execute([row_id])?;
    parts::remove_of(connection, row_id)
}

/// Writes the words of a persona in the index of texts over those that are there.
pub(in super::super) fn replace_text(
    connection: &Connection,
    row_id: i64,
    words: &TextWords,
) -> rusqlite::Result<()> {
    remove_text(connection, row_id)?;
    put_text(connection, row_id, words)
}

/// Adds a row to the index of names and tags.
pub(in super::super) fn put_title(
    connection: &Connection,
    row_id: i64,
    words: &TitleWords,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO persona_titles (rowid, name, tags) VALUES (?1, ?2, ?3)")?
        .execute(params![row_id, words.name, words.tags])
        .map(drop)
}

/// Takes a row out of the index of names and tags. The words must be exactly those of the row:
/// FTS5 looks for it by them (FTS5 documentation, "The 'delete' Command").
pub(in super::super) fn remove_title(
    connection: &Connection,
    row_id: i64,
    words: &TitleWords,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO persona_titles (persona_titles, rowid, name, tags) VALUES ('delete', ?1, ?2, ?3)",
        )?
        .execute(params![row_id, words.name, words.tags])
        .map(drop)
}

/// Writes a row of the index of names and tags over the one that is there.
pub(in super::super) fn replace_title(
    connection: &Connection,
    row_id: i64,
    old: &TitleWords,
    new: &TitleWords,
) -> rusqlite::Result<()> {
    remove_title(connection, row_id, old)?;
    put_title(connection, row_id, new)
}

/// Fills the tags of every persona: the part of the migration to version 6 that SQL cannot express.
pub(in super::super) fn fill_tags(connection: &Connection) -> rusqlite::Result<()> {
    for_each_document(connection, |row_id, document| {
        personas::insert_tags(connection, row_id, document)
    })
}

/// Fills the empty indexes with the words of every persona: the part of the migration to version 7
/// that SQL cannot express. Only the newest migration of the indexes has to fill them, because each
/// older one is followed by it.
pub(in super::super) fn fill_indexes(connection: &Connection) -> rusqlite::Result<()> {
    for_each_document(connection, |row_id, document| {
        // Version 7 has no parts, and no other writer waits for the migration.
        put_whole_text(connection, row_id, document.text_words().as_str())?;
        put_title(connection, row_id, document.title_words())
    })
}

fn for_each_document(
    connection: &Connection,
    mut fill: impl FnMut(i64, &Document) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare("SELECT row_id, document FROM personas ORDER BY row_id")?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        let (row_id, text): (i64, String) = (found.get(0)?, found.get(1)?);
        let unreadable = |invalid: ValidationErrors| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(invalid))
        };
        fill(row_id, &Document::from_stored(&text).map_err(unreadable)?)?;
    }
    Ok(())
}

/// Merges some segments of the index of texts and tells whether there is more to merge.
pub(in super::super) fn merge_texts(connection: &Connection) -> rusqlite::Result<bool> {
    merge(connection, "INSERT INTO persona_texts (persona_texts, rank) VALUES ('merge', ?1)")
}

/// The same of the index of names and tags.
pub(in super::super) fn merge_titles(connection: &Connection) -> rusqlite::Result<bool> {
    merge(connection, "INSERT INTO persona_titles (persona_titles, rank) VALUES ('merge', ?1)")
}

/// One step of merging (FTS5 documentation, "The 'merge' Command").
fn merge(connection: &Connection, command: &str) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.prepare_cached(command)?.execute([MERGE_PAGES])?;
    // The command itself counts as one change.
    Ok(connection.total_changes() - before >= 2)
}

#[cfg(test)]
mod tests {
    use persona_model::Document;
    use rusqlite::Connection;
    use serde_json::json;

    use super::{Entries, Entry, WrittenParts, parts_of, put_part};
    use crate::sqlite::start::migrate;

    #[test]
    fn a_writer_writes_the_words_with_the_document_after_its_parts_were_removed() {
        let connection = Connection::open_in_memory().expect("memory");
        migrate::apply(&connection, 0, migrate::VERSION).expect("a schema");
        let words: Vec<String> = (0..20_000).map(|number| format!("w{number}")).collect();
        let members = json!({ "name": "Novel", "description": words.join(" ") });
        let document = Document::from_json(members).expect("valid");
        let ranges = parts_of(document.text_words().as_str());
        let put = |range: &std::ops::Range<usize>| {
            let words = &document.text_words().as_str()[range.clone()];
            put_part(&connection, None, words).expect("written")
        };
        let parts: Vec<i64> = ranges.iter().map(put).collect();
        connection.execute("DELETE FROM text_parts WHERE part = ?1", [parts[1]]).expect("removed");
        let mut entries = Entries::default();
        entries.add(Entry {
            row_id: 1,
            document: document.clone(),
            before: None,
            in_texts: true,
            in_titles: true,
            parts: Some(WrittenParts { document: document.clone(), parts: parts.clone() }),
        });
        connection.pragma_update(None, "foreign_keys", false).expect("a switch");
        entries.write(&connection).expect("written");
        let number = |sql: &str| {
            connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number")
        };
        let owned = "SELECT count(*) FROM text_parts WHERE persona = 1";
        assert_eq!(number(owned), i64::try_from(ranges.len()).expect("few"));
        let older = format!("{owned} AND part <= {}", parts[parts.len() - 1]);
        assert_eq!(number(&older), 0, "none of those that were written before");
    }
}
