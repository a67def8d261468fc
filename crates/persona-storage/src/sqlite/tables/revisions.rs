//! Rows of `revisions`: every persona as it was, for ever. The table has no index: `history.rs`
//! says how a row is found.

use persona_model::{Document, PersonaId, Revision};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::checksum;
use super::history::History;
use super::personas::{self, Texts};
use super::row;
use crate::decide::Revised;
use crate::sqlite::error::{damage, damaged, from_driver};
use crate::{Error, Glance, Representation, RevisionRecord};

/// Keeps a new revision, in the row with the number of its line in the feed. `earlier` says where
/// the revisions before it are.
pub(crate) fn insert(
    connection: &Connection,
    sequence: i64,
    earlier: &History,
    revised: &Revised,
    texts: &Texts<'_>,
) -> rusqlite::Result<()> {
    let persona = &revised.persona;
    let number = row::stored(persona.revision.number());
    connection
        .prepare_cached(
            "INSERT INTO revisions (sequence, revision, earlier, parent, base, at, author, note, changed, deleted, checksum, head, document)
             VALUES (:sequence, :revision, :earlier, :parent, :base, :at, :author, :note, :changed, :deleted, :checksum, :head, :document)",
        )?
        .execute(named_params! {
            ":sequence": sequence,
            ":revision": number,
            ":earlier": earlier.bytes(),
            ":parent": (persona.revision != Revision::FIRST).then_some(number - 1),
            ":base": revised.base.map(|base| row::stored(base.number())),
            ":at": persona.updated_at.as_micros(),
            ":author": persona.updated_by,
            ":note": revised.note,
            ":changed": serde_json::to_string(&revised.changed).expect("a list of words is JSON"),
            ":deleted": persona.deleted_at.is_some(),
            ":checksum": texts.checksum,
            ":head": texts.metadata,
            ":document": texts.document,
        })
        .map(drop)
}

const EARLIER: &str = "SELECT revision, earlier FROM revisions WHERE sequence = ?1";

/// Where the revisions before this one are, as its own row says.
pub(super) fn earlier(
    connection: &Connection,
    revision: u64,
    sequence: i64,
) -> rusqlite::Result<History> {
    let history = connection
        .prepare_cached(EARLIER)?
        .query_row([sequence], |found| {
            let of_another = row::number(found, 0)? != revision;
            Ok(History::read(revision - 1, found.get_ref(1)?.as_blob()?).filter(|_| !of_another))
        })
        .optional()?;
    history.flatten().ok_or_else(|| misplaced(revision, sequence))
}

/// The row of a revision; `None` where the persona never had it.
///
/// Revisions are never changed, so the statements need no common snapshot.
///
/// # Errors
///
/// The code for a damaged database, when a row on the way is not what it should be.
fn row_of(
    connection: &Connection,
    history: &History,
    wanted: u64,
) -> rusqlite::Result<Option<i64>> {
    let Some((mut revision, mut sequence)) = history.nearest(wanted) else { return Ok(None) };
    while revision != wanted {
        let earlier = earlier(connection, revision, sequence)?;
        // It ends before the revision that it is kept by, so each step comes nearer.
        (revision, sequence) = earlier.nearest(wanted).expect("a revision before this one");
    }
    Ok(Some(sequence))
}

/// The rows of revisions `first` to `last`, both included, in their order.
///
/// # Errors
///
/// As for a single one; also where the persona does not have so many.
pub(crate) fn rows_between(
    connection: &Connection,
    history: &History,
    first: u64,
    last: u64,
) -> rusqlite::Result<Vec<i64>> {
    let mut rows = Vec::new();
    let mut revision = last;
    let mut next = row_of(connection, history, last)?;
    while revision >= first.max(1) {
        let sequence = next.ok_or_else(|| damage(format!("there is no revision {revision}")))?;
        rows.push(sequence);
        if revision > first {
            let before = earlier(connection, revision, sequence)?.nearest(revision - 1);
            next = before.map(|(_, sequence)| sequence);
        }
        revision -= 1;
    }
    rows.reverse();
    Ok(rows)
}

/// What there was of a persona at a revision, without a large document.
pub(crate) fn glance(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> rusqlite::Result<Glance> {
    let Some(history) = personas::history(connection, id)? else { return Ok(Glance::Whole(None)) };
    glance_in(connection, id, &history, revision)
}

/// The same where what the persona keeps of its revisions is known.
pub(crate) fn glance_in(
    connection: &Connection,
    id: PersonaId,
    history: &History,
    revision: Revision,
) -> rusqlite::Result<Glance> {
    let columns = "revision, deleted, head, document, checksum, octet_length(document)";
    let glance = |found: &Row<'_>| row::glance(found, 0, id);
    let found = read(connection, history, revision, columns, glance)?;
    Ok(found.unwrap_or(Glance::Whole(None)))
}

/// The answer that there was at a revision.
pub(crate) fn answer(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> rusqlite::Result<Option<Representation>> {
    let columns = "revision, deleted, head, document, checksum";
    let answer = |found: &Row<'_>| row::answer(found, 0, id);
    let history = personas::history(connection, id)?;
    let found = history.map(|history| read(connection, &history, revision, columns, answer));
    found.transpose().map(Option::flatten)
}

/// One entry of a persona's history.
pub(crate) fn find(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> rusqlite::Result<Option<RevisionRecord>> {
    let columns = "revision, deleted, head, document, checksum, at, author, changed, base, note";
    let record = |found: &Row<'_>| record_from(found, id);
    let history = personas::history(connection, id)?;
    let found = history.map(|history| read(connection, &history, revision, columns, record));
    found.transpose().map(Option::flatten)
}

/// Some columns of a revision; `None` where the persona never had it.
fn read<T>(
    connection: &Connection,
    history: &History,
    revision: Revision,
    columns: &str,
    from: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let revision = revision.number();
    let Some(sequence) = row_of(connection, history, revision)? else { return Ok(None) };
    connection
        .prepare_cached(&format!(
            "SELECT {columns} FROM revisions WHERE sequence = ?1 AND revision = ?2"
        ))?
        .query_row([sequence, row::stored(revision)], from)
        .optional()?
        .map(Some)
        .ok_or_else(|| misplaced(revision, sequence))
}

/// A row is missing, or is another revision than it should be.
pub(crate) fn misplaced(revision: u64, sequence: i64) -> rusqlite::Error {
    damage(format!("row {sequence} is not the revision {revision} that it should be"))
}

fn record_from(found: &Row<'_>, id: PersonaId) -> rusqlite::Result<RevisionRecord> {
    Ok(RevisionRecord {
        representation: row::answer(found, 0, id)?,
        at: row::time(found, 5)?,
        author: found.get(6)?,
        changed: changed(found, 7)?,
        base: base(found, 8)?,
        note: found.get(9)?,
    })
}

/// A column with the names of fields, as a JSON array.
pub(super) fn changed(found: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(found.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// A column with the revision that a writer started from.
pub(super) fn base(found: &Row<'_>, column: usize) -> rusqlite::Result<Option<Revision>> {
    let number = found.get::<_, Option<i64>>(column)?;
    Ok(number.and_then(|base| u64::try_from(base).ok()).and_then(Revision::new))
}

/// The document of an older revision, the base of a three-way merge.
pub(crate) fn document(
    connection: &Connection,
    id: PersonaId,
    history: &History,
    revision: Revision,
) -> Result<Option<Document>, Error> {
    let text = |found: &Row<'_>| {
        checksum::verified(found, 0, id).map(|verified| verified.document.to_owned())
    };
    let columns = "revision, deleted, head, document, checksum";
    read(connection, history, revision, columns, text)
        .map_err(from_driver)?
        .map(|text| Document::from_stored(&text).map_err(|invalid| damaged(&invalid)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus, params};

    use super::{EARLIER, History, row_of, rows_between};
    use crate::sqlite::error::is_damage;
    use crate::sqlite::start::migrate;

    /// The row of a revision here: lines of other personas come between.
    fn row(revision: u64) -> i64 {
        i64::try_from(revision * 3).expect("a small number")
    }

    /// A file with one history, and what the persona keeps of it.
    fn filled(last: u64) -> (Connection, History) {
        let connection = Connection::open_in_memory().expect("memory");
        migrate::apply(&connection, 0, migrate::VERSION).expect("a schema");
        let mut history = History::default();
        let sql = "INSERT INTO revisions (sequence, revision, earlier, at, changed, deleted, checksum, head, document)
                   VALUES (?1, ?2, ?3, 0, '[]', 0, 0, '', '')";
        let mut insert = connection.prepare(sql).expect("a statement");
        for revision in 1..=last {
            let sequence = row(revision);
            insert.execute(params![sequence, sequence / 3, history.bytes()]).expect("a row");
            history.add(sequence);
        }
        drop(insert);
        (connection, history)
    }

    #[test]
    fn each_of_ten_thousand_revisions_is_found_with_sixteen_rows_read_at_most() {
        let (connection, history) = filled(10_000);
        // Each run of the statement reads one row.
        let rows_read =
            || connection.prepare_cached(EARLIER).expect("SQL").get_status(StatementStatus::Run);
        let (mut most, mut before) = (0, rows_read());
        for wanted in 1..=10_000 {
            let found = row_of(&connection, &history, wanted).expect("sound");
            assert_eq!(found, Some(row(wanted)));
            let after = rows_read();
            // And the row itself.
            most = most.max(after - before + 1);
            before = after;
        }
        assert!((2..=16).contains(&most), "{most}");
        assert_eq!(row_of(&connection, &history, 10_001), Ok(None));
    }

    #[test]
    fn a_page_of_a_history_comes_in_order_wherever_it_begins() {
        let (connection, history) = filled(300);
        for (first, last) in [(1, 1), (1, 300), (300, 300), (100, 149), (251, 300), (64, 65)] {
            let rows = rows_between(&connection, &history, first, last);
            assert_eq!(rows, Ok((first..=last).map(row).collect()), "{first} to {last}");
        }
        let beyond = rows_between(&connection, &history, 290, 301).expect_err("not there");
        assert!(is_damage(&beyond), "{beyond}");
    }

    #[test]
    fn a_row_on_the_way_that_is_missing_or_another_one_is_told_as_damage() {
        for sql in [
            "DELETE FROM revisions WHERE revision = 12",
            "UPDATE revisions SET revision = 10 WHERE revision = 12",
            "UPDATE revisions SET earlier = x'00' WHERE revision = 12",
            "UPDATE revisions SET earlier = zeroblob(24) WHERE revision = 12",
        ] {
            let (connection, history) = filled(13);
            assert_eq!(row_of(&connection, &history, 9), Ok(Some(row(9))));
            connection.execute(sql, []).expect("damaged");
            let error = row_of(&connection, &history, 9).expect_err("damage");
            assert!(is_damage(&error), "{sql}: {error}");
            assert_eq!(row_of(&connection, &history, 13), Ok(Some(row(13))), "not on the way");
        }
    }
}
