//! The rows that one expression finds in one index, from the newest down.
//!
//! Rows are read in chunks, each by a statement of its own. So a stream can jump: a chunk begins
//! where the search goes on, and FTS5 finds that place without a look at the rows before it. Chunks
//! grow while reading all of their rows is cheaper than a jump to each row that is needed, and
//! shrink otherwise.

use std::ops::RangeInclusive;

use rusqlite::{Connection, params};

use persona_model::Term;

/// The cost of a statement, in rows that could be read instead.
const STATEMENT_ROWS: usize = 64;
/// Rows of a chunk.
const CHUNK_ROWS_MIN: usize = 32;
const CHUNK_ROWS_MAX: usize = 4096;
/// The beginnings of words, by their characters, of which the indexes have lists (`prefix` of the
/// tables).
const LISTED_PREFIX_CHARS: RangeInclusive<usize> = 2..=3;

/// A stream of the rows that one expression finds.
pub(super) struct Stream<'c> {
    connection: &'c Connection,
    sql: String,
    expression: String,
    /// Whether all rows are read at once. FTS5 makes the list of a prefix for every statement anew,
    /// unless the index has it.
    is_whole: bool,
    /// Row ids in falling order.
    chunk: Vec<i64>,
    /// The index of the next row in the chunk.
    at: usize,
    /// How many rows of the chunk were returned.
    told: usize,
    chunk_rows: usize,
    /// Whether no row comes after the chunk.
    is_last: bool,
}

impl<'c> Stream<'c> {
    /// The rows that have a term.
    pub(super) fn of(connection: &'c Connection, index: &str, term: &Term) -> Self {
        Self::begin(connection, index, phrase(term), is_unlisted_prefix(term))
    }

    /// What has all of the terms, in columns that `of_columns` makes an expression of.
    pub(super) fn of_all(
        connection: &'c Connection,
        index: &str,
        terms: &[Term],
        of_columns: impl FnOnce(&str) -> String,
    ) -> Self {
        let wanted = terms.iter().map(phrase).collect::<Vec<_>>().join(" AND ");
        Self::begin(connection, index, of_columns(&wanted), terms.iter().any(is_unlisted_prefix))
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
        self.chunk_rows = if self.told * STATEMENT_ROWS >= self.chunk.len() {
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

/// Whether a term is a beginning of words of which the indexes have no list.
fn is_unlisted_prefix(term: &Term) -> bool {
    let characters = |last: &String| last.chars().take(LISTED_PREFIX_CHARS.end() + 1).count();
    let is_listed = |last| LISTED_PREFIX_CHARS.contains(&characters(last));
    term.prefix && !term.words.last().is_some_and(is_listed)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use persona_model::Term;
    use rusqlite::Connection;
    use rusqlite::trace::{TraceEvent, TraceEventCodes};

    use super::Stream;

    const ROWS: i64 = 20_000;

    thread_local! {
        static STATEMENTS: Cell<usize> = const { Cell::new(0) };
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature of the hook")]
    fn count(event: TraceEvent<'_>) {
        // FTS5 has statements of its own on its tables.
        if matches!(event, TraceEvent::Stmt(_, sql) if sql.starts_with("SELECT rowid")) {
            STATEMENTS.set(STATEMENTS.get() + 1);
        }
    }

    /// An index in which row `n` has the words `every`, `rest` and `w<n>`, where `rest` is the
    /// remainder of `n` by ten.
    fn index() -> Connection {
        let connection = Connection::open_in_memory().expect("memory");
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'ascii', prefix = '2 3');",
            )
            .expect("FTS5");
        for row in 1..=ROWS {
            let text = format!("every r{} w{row}", row % 10);
            connection
                .prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute((row, text)))
                .expect("inserted");
        }
        connection
    }

    fn stream<'c>(connection: &'c Connection, word: &str, prefix: bool) -> Stream<'c> {
        Stream::of(connection, "words", &Term { words: vec![word.into()], prefix })
    }

    /// Walks two streams side by side to their ends: the rows that both have, and how many
    /// statements that took.
    fn common(mut one: Stream<'_>, mut other: Stream<'_>) -> (Vec<i64>, usize) {
        let before = STATEMENTS.get();
        let (mut rows, mut most) = (Vec::new(), i64::MAX);
        while let Some(at) = one.at_most(most).expect("read") {
            match other.at_most(at).expect("read") {
                None => break,
                Some(row) if row == at => {
                    rows.push(row);
                    most = row - 1;
                }
                Some(row) => most = row,
            }
        }
        (rows, STATEMENTS.get() - before)
    }

    #[test]
    fn frequent_words_are_read_in_few_statements_and_a_rare_one_spares_the_rows_of_the_others() {
        let mut connection = index();
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)).expect("a hook");
        let connection = connection;
        let of = |word: &str, prefix| stream(&connection, word, prefix);
        // Two words of every tenth row without a common row, and one of them beside a word of every
        // row: each jump is short, so the rows between are read.
        let (rows, statements) = common(of("r3", false), of("r4", false));
        assert_eq!((rows.len(), statements < 40), (0, true), "{statements} statements");
        let (rows, statements) = common(of("r3", false), of("every", false));
        assert_eq!((rows.len(), statements < 60), (2000, true), "{statements} statements");
        // A beginning without a list is read at once, however it is walked.
        for beginning in ["w", "w1999"] {
            let (_, statements) = common(of("r3", false), of(beginning, true));
            assert!(statements < 40, "{beginning}: {statements} statements");
        }
        // A rare word: one jump in the frequent word for each of its rows.
        let (rows, statements) = common(of("w777", false), of("every", false));
        assert_eq!((rows, statements < 6), (vec![777], true), "{statements} statements");
    }
}
