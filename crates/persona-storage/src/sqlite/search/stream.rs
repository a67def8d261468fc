//! The rows that one expression finds in one index, from the newest down.
//!
//! Rows are read in chunks, each by a statement of its own. So a stream can jump: a chunk begins
//! where the search goes on, and FTS5 finds that place without a look at the rows before it. Chunks
//! grow while they are read row by row, and shrink while most of their rows are jumped over.

use rusqlite::{Connection, params};

use persona_model::Term;

/// Rows of a chunk. A statement costs as much as reading about 64 rows.
const CHUNK_ROWS_MIN: usize = 32;
const CHUNK_ROWS_MAX: usize = 4096;
/// Longest beginning of a word, in characters, of which the indexes have lists (`prefix` of the
/// tables).
const PREFIX_CHARS_MAX: usize = 3;

/// See the module.
pub(super) struct Stream<'c> {
    connection: &'c Connection,
    sql: String,
    expression: String,
    /// Whether all rows are read at once. FTS5 makes the list of a long prefix anew for every
    /// statement.
    is_whole: bool,
    /// Row ids in falling order.
    chunk: Vec<i64>,
    /// What of the chunk lies behind.
    at: usize,
    /// How many rows of the chunk were told.
    told: usize,
    chunk_rows: usize,
    /// Whether no row comes after the chunk.
    is_last: bool,
}

impl<'c> Stream<'c> {
    /// What has the term.
    pub(super) fn of(connection: &'c Connection, index: &str, term: &Term) -> Self {
        Self::begin(connection, index, phrase(term), is_long_prefix(term))
    }

    /// What has all of the terms, in columns that `of_columns` makes an expression of.
    pub(super) fn of_all(
        connection: &'c Connection,
        index: &str,
        terms: &[Term],
        of_columns: impl FnOnce(&str) -> String,
    ) -> Self {
        let wanted = terms.iter().map(phrase).collect::<Vec<_>>().join(" AND ");
        Self::begin(connection, index, of_columns(&wanted), terms.iter().any(is_long_prefix))
    }

    fn begin(connection: &'c Connection, index: &str, expression: String, is_whole: bool) -> Self {
        let sql = format!(
            "SELECT rowid FROM {index} WHERE {index} MATCH ?1 AND rowid <= ?2 ORDER BY rowid DESC LIMIT ?3"
        );
        Self {
            connection,
            sql,
            expression,
            is_whole,
            chunk: Vec::new(),
            at: 0,
            told: 0,
            chunk_rows: CHUNK_ROWS_MIN,
            is_last: false,
        }
    }

    /// The largest row id that is found and is not larger than `most`. A later call must not ask
    /// for more than an earlier one.
    pub(super) fn at_most(&mut self, most: i64) -> rusqlite::Result<Option<i64>> {
        loop {
            let behind = self.chunk[self.at..].partition_point(|row| *row > most);
            self.at += behind;
            if let Some(row) = self.chunk.get(self.at) {
                self.told += usize::from(behind > 0);
                return Ok(Some(*row));
            }
            if self.is_last {
                return Ok(None);
            }
            self.read(most)?;
        }
    }

    fn read(&mut self, most: i64) -> rusqlite::Result<()> {
        self.chunk_rows = if self.told * 4 >= self.chunk.len() {
            (self.chunk_rows * 2).min(CHUNK_ROWS_MAX)
        } else {
            (self.chunk_rows / 2).max(CHUNK_ROWS_MIN)
        };
        let rows_max = if self.is_whole { i64::MAX } else { stored(self.chunk_rows) };
        self.chunk.clear();
        (self.at, self.told) = (0, 0);
        let mut statement = self.connection.prepare_cached(&self.sql)?;
        let mut rows = statement.query(params![self.expression, most, rows_max])?;
        while let Some(row) = rows.next()? {
            self.chunk.push(row.get(0)?);
        }
        self.is_last = stored(self.chunk.len()) < rows_max;
        Ok(())
    }
}

/// Whether a term is a beginning of words that is too long for the lists of beginnings.
fn is_long_prefix(term: &Term) -> bool {
    let last = term.words.last();
    term.prefix && last.is_some_and(|last| last.chars().nth(PREFIX_CHARS_MAX).is_some())
}

fn stored(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The expression that finds a term.
///
/// Words hold neither quotes nor blanks, and each stands between quotes, so no text of a user is an
/// operator.
pub(super) fn phrase(term: &Term) -> String {
    let star = if term.prefix { " *" } else { "" };
    format!("\"{}\"{star}", term.words.join(" "))
}
