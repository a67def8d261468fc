//! The full-text indexes against the documents.
//!
//! The indexes have no texts that could be read back, only lists of places for each word. Every
//! place is hashed, and the hashes of one row are added up; the words of the document must give the
//! same sum, in any order. The places are read word by word in short transactions, so that a
//! running server is not disturbed. A persona that was written meanwhile proves nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use persona_model::{Document, PersonaId};
use rusqlite::{Connection, params};

use crate::sqlite::search;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::{feed, purged};

/// Places of one read transaction, plus the remaining places of its last word: about a tenth of a
/// second.
const BATCH_PLACES: u64 = 200_000;
/// Bytes of a word that FTS5 keeps (`fts5Int.h`, `FTS5_MAX_TOKEN_SIZE`).
const WORD_BYTES_MAX: usize = 32_768;

/// The indexes, and the number of columns of each: the words of the texts, and of name and tags.
const INDEXES: [(&str, &[&str]); 2] =
    [("persona_texts", &["text"]), ("persona_titles", &["name", "tags"])];

/// The sums of the places of all rows of both indexes.
pub(super) struct Words {
    sums: [HashMap<i64, u64>; 2],
    /// The personas with their text in parts.
    in_parts: HashSet<i64>,
    /// Personas that were written after this line of the feed may differ.
    sequence: u64,
}

/// One word at one place.
fn place(column: usize, offset: u64, word: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (column, offset, &word[..word.len().min(WORD_BYTES_MAX)]).hash(&mut hasher);
    hasher.finish()
}

/// The sum of the words of some columns.
fn sum(columns: &[&str]) -> u64 {
    let places = columns.iter().enumerate().flat_map(|(column, words)| {
        (0..)
            .zip(words.split(' ').filter(|word| !word.is_empty()))
            .map(move |(offset, word)| place(column, offset, word.as_bytes()))
    });
    places.fold(0, u64::wrapping_add)
}

impl Words {
    /// Reads both indexes.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sequence = feed::newest(connection)?;
        let mut sums = [HashMap::new(), HashMap::new()];
        // Views on the indexes are temporary tables, which are no change of the file.
        let before: bool = connection.pragma_query_value(None, "query_only", |row| row.get(0))?;
        connection.pragma_update(None, "query_only", false)?;
        let made = INDEXES.iter().try_for_each(|(index, _)| {
            connection.execute_batch(&format!(
                "CREATE VIRTUAL TABLE IF NOT EXISTS temp.places_of_{index}
                 USING fts5vocab('main', '{index}', 'instance')"
            ))
        });
        connection.pragma_update(None, "query_only", before)?;
        made?;
        let owners = owners(connection)?;
        for ((index, columns), sums) in INDEXES.iter().zip(&mut sums) {
            read(connection, index, columns, &owners, sums)?;
        }
        Ok(Self { sums, in_parts: owners.into_values().collect(), sequence })
    }

    /// The fault of the words of a persona, if there is one.
    pub(super) fn fault_of(
        &mut self,
        connection: &Connection,
        row_id: i64,
        id: PersonaId,
        document: &Document,
    ) -> rusqlite::Result<Option<&'static str>> {
        let titles = document.title_words();
        let text = document.text_words().as_str();
        let of_text = if self.in_parts.contains(&row_id) {
            let parts = search::parts_of(text).into_iter();
            parts.map(|part| sum(&[&text[part]])).fold(0, u64::wrapping_add)
        } else {
            sum(&[text])
        };
        let wanted = [of_text, sum(&[&titles.name, &titles.tags])];
        let found = self.sums.each_mut().map(|sums| sums.remove(&row_id).unwrap_or_default());
        if found == wanted {
            return Ok(None);
        }
        let was_written: bool = connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM changes WHERE sequence > ?1 AND persona = ?2)",
            )?
            .query_row(params![feed::stored(self.sequence), id.as_bytes()], |row| row.get(0))?;
        Ok((!was_written).then_some("the words that it is found by differ from the document"))
    }

    /// Number of rows of the indexes that belong to no checked persona; 0 where a persona was
    /// purged since they were read, because its words are among them.
    pub(super) fn left(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let left = self.sums.iter().map(HashMap::len).sum();
        let is_sure = left == 0
            || migrate::version_of(connection)? < migrate::PURGES_SINCE
            || !purged::any_after(connection, self.sequence)?;
        Ok(if is_sure { left } else { 0 })
    }
}

/// The rows of the index that are parts of texts, with the persona of each. Parts without a persona
/// are no fault: their writer is not done yet, or was killed.
fn owners(connection: &Connection) -> rusqlite::Result<HashMap<i64, i64>> {
    if migrate::version_of(connection)? < migrate::PARTS_SINCE {
        return Ok(HashMap::new());
    }
    let sql = "SELECT part + ?1, persona FROM text_parts WHERE persona IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([search::FIRST_ROW], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn read(
    connection: &Connection,
    index: &str,
    columns: &[&str],
    owners: &HashMap<i64, i64>,
    sums: &mut HashMap<i64, u64>,
) -> rusqlite::Result<()> {
    let mut last = Vec::new();
    let sql = format!("SELECT term, doc, col, offset FROM temp.places_of_{index} WHERE term > ?1");
    loop {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([std::str::from_utf8(&last).unwrap_or_default()])?;
        let mut places = 0;
        loop {
            let Some(row) = rows.next()? else { return Ok(()) };
            let word = row.get_ref(0)?.as_bytes()?;
            if word != last {
                if places >= BATCH_PLACES {
                    break;
                }
                last = word.to_vec();
            }
            let name = row.get_ref(2)?.as_str()?;
            let column = columns.iter().position(|column| *column == name);
            let offset: u64 = row.get::<_, i64>(3)?.unsigned_abs();
            places += 1;
            let row: i64 = row.get(1)?;
            let owner = if row < search::FIRST_ROW { Some(&row) } else { owners.get(&row) };
            let Some(owner) = owner else { continue };
            let sum: &mut u64 = sums.entry(*owner).or_default();
            *sum = sum.wrapping_add(place(column.unwrap_or(usize::MAX), offset, word));
        }
    }
}
