//! The words of a large text, in parts.
//!
//! FTS5 writes a row whole and sorts its words at the commit, which takes 100 to 280 ms for the
//! largest documents. So the words of a large text are several rows of the index. Each is written
//! in a short transaction of its own, before the document is, and other writers go between. The
//! table `text_parts` says which persona a part belongs to. Until the document is written a part
//! belongs to no persona, and no search finds the part; the transaction of the document only claims
//! its parts.
//!
//! A writer that is killed in between leaves parts that belong to no persona. The maintenance
//! process removes them. It cannot tell them from those of a writer that lost its turn, so a writer
//! that does not find all of its parts writes the words in the transaction of the document instead.

use std::collections::HashSet;
use std::ops::Range;

use persona_model::SEARCH_BYTES_MAX;
use rusqlite::{Connection, params};

/// Most bytes of the words of a part, and most different words: FTS5 takes about 15 ms for either.
const PART_BYTES_MAX: usize = 256 * 1024;
const PART_WORDS_MAX: usize = 8 * 1024;
/// Words of the next part that each part has too, so that a phrase is found wherever it begins: as
/// many as the longest search text can have. A character of three bytes can fold to six words.
const OVERLAP_WORDS: usize = 2 * SEARCH_BYTES_MAX;
/// The number of the first row of the index of texts that is a part. Personas have smaller numbers.
pub(in crate::sqlite) const FIRST_ROW: i64 = 1 << 40;

/// The parts of some words, in bytes of them; a single one where they need no parts.
pub(in crate::sqlite) fn parts_of(words: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    if words.len() <= PART_BYTES_MAX && words.matches(' ').count() < PART_WORDS_MAX {
        parts.push(0..words.len());
        return parts;
    }
    let (mut different, mut start, mut at) = (HashSet::new(), 0, 0);
    for word in words.split(' ') {
        let end = at + word.len();
        let is_full = different.len() == PART_WORDS_MAX && !different.contains(word);
        if at > start && (is_full || end - start > PART_BYTES_MAX) {
            parts.push(start..with_overlap(words, at - 1));
            different.clear();
            start = at;
        }
        different.insert(word);
        at = end + 1;
    }
    parts.push(start..words.len());
    parts
}

/// The end of a part with its overlap, at a blank; `end` is the end of the part's own words.
fn with_overlap(words: &str, end: usize) -> usize {
    let mut blanks = words[end..].match_indices(' ').map(|(at, _)| end + at);
    blanks.nth(OVERLAP_WORDS).unwrap_or(words.len())
}

/// Writes one part and returns its row. No search finds a part that belongs to no persona.
pub(in crate::sqlite) fn put_part(
    connection: &Connection,
    owner: Option<i64>,
    words: &str,
) -> rusqlite::Result<i64> {
    connection.prepare_cached("INSERT INTO text_parts (persona) VALUES (?1)")?.execute([owner])?;
    let part = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO persona_texts (rowid, text) VALUES (?1, ?2)")?
        .execute(params![FIRST_ROW + part, words])?;
    Ok(part)
}

/// Makes parts those of a persona, and returns whether all of them still existed.
pub(super) fn claim(connection: &Connection, row_id: i64, parts: &[i64]) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("UPDATE text_parts SET persona = ?1 WHERE part = ?2 AND persona IS NULL")?;
    for part in parts {
        if statement.execute([row_id, *part])? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes the parts of a persona.
pub(super) fn remove_of(connection: &Connection, row_id: i64) -> rusqlite::Result<()> {
    let sql = "SELECT part FROM text_parts WHERE persona = ?1";
    let parts = connection
        .prepare_cached(sql)?
        .query_map([row_id], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    remove(connection, &parts)
}

/// Removes some of the parts that belong to no persona, and tells how many.
pub(in crate::sqlite) fn remove_orphans(
    connection: &Connection,
    most: usize,
) -> rusqlite::Result<usize> {
    let sql = "SELECT part FROM text_parts WHERE persona IS NULL LIMIT ?1";
    let parts = connection
        .prepare_cached(sql)?
        .query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    remove(connection, &parts)?;
    Ok(parts.len())
}

/// Whether there are parts that belong to no persona.
pub(in crate::sqlite) fn has_orphans(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM text_parts WHERE persona IS NULL)")?
        .query_row([], |row| row.get(0))
}

fn remove(connection: &Connection, parts: &[i64]) -> rusqlite::Result<()> {
    for part in parts {
        connection
            .prepare_cached("DELETE FROM persona_texts WHERE rowid = ?1")?
            .execute([FIRST_ROW + part])?;
        connection.prepare_cached("DELETE FROM text_parts WHERE part = ?1")?.execute([part])?;
    }
    Ok(())
}

/// The rows of the personas with a part that matches an expression, in falling order.
pub(super) fn found(
    connection: &Connection,
    expression: &str,
    most: i64,
) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT t.persona
             FROM persona_texts AS i CROSS JOIN text_parts AS t ON t.part = i.rowid - ?2
             WHERE i.persona_texts MATCH ?1 AND i.rowid >= ?2 AND t.persona <= ?3
             ORDER BY t.persona DESC",
        )?
        .query_map(params![expression, FIRST_ROW, most], |row| row.get(0))?
        .collect()
}

/// Whether any persona has parts.
pub(super) fn exist(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM text_parts WHERE persona IS NOT NULL)")?
        .query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::{OVERLAP_WORDS, PART_BYTES_MAX, PART_WORDS_MAX, parts_of};

    fn numbered(count: usize) -> String {
        (0..count).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_that_fit_are_one_part() {
        for words in [String::new(), "a b a".into(), numbered(PART_WORDS_MAX)] {
            assert_eq!(parts_of(&words), std::slice::from_ref(&(0..words.len())));
        }
    }

    #[test]
    fn parts_have_all_words_and_each_the_first_words_of_the_next() {
        let large = "x".repeat(1000);
        for words in [numbered(3 * PART_WORDS_MAX + 1), vec![&*large; 1000].join(" ")] {
            let parts = parts_of(&words);
            assert!(parts.len() > 3);
            let blanks = |text: &str| text.matches(' ').count();
            for pair in parts.windows(2) {
                let shared = &words[pair[1].start..pair[0].end.max(pair[1].start)];
                let rest = &words[pair[1].start..];
                assert_eq!(blanks(shared) + 1, OVERLAP_WORDS.min(blanks(rest) + 1));
                let own = &words[pair[0].start..pair[1].start - 1];
                assert!(own.len() <= PART_BYTES_MAX && blanks(own) < PART_WORDS_MAX.max(300));
            }
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, words.len()));
        }
    }
}
