//! Rows of `revisions`: every persona as it was, until it is purged. The table has no index:
//! `history.rs` says how a row is found. The row of a revision that was dropped stays, without its
//! content (`dropped.rs`).

use persona_model::{Document, PersonaId, Revision};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::checksum;
use super::dropped::{Kept, Span};
use super::history::History;
use super::personas::{self, Texts};
use super::row;
use super::snapshot::in_one_snapshot;
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
            ":parent": revised.previous.map(|previous| row::stored(previous.number())),
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

const LINK: &str =
    "SELECT revision, base, octet_length(head) = 0, earlier FROM revisions WHERE sequence = ?1";

/// What a row says of the way to others.
struct Link {
    /// The first revision that it stands for.
    first: u64,
    /// Where the revisions before that one are.
    earlier: History,
}

/// The link of a row that is to stand for this revision.
fn link(connection: &Connection, revision: u64, sequence: i64) -> rusqlite::Result<Link> {
    let link = connection
        .prepare_cached(LINK)?
        .query_row([sequence], |found| {
            let Some(span) = Span::of(found, [0, 1, 2])?.filter(|span| span.has(revision)) else {
                return Ok(None);
            };
            let earlier = History::read(span.first - 1, found.get_ref(3)?.as_blob()?);
            Ok(earlier.map(|earlier| Link { first: span.first, earlier }))
        })
        .optional()?;
    link.flatten().ok_or_else(|| misplaced(revision, sequence))
}

/// Where the revisions before those of a row are, as the row says that stands for this revision.
pub(super) fn earlier(
    connection: &Connection,
    revision: u64,
    sequence: i64,
) -> rusqlite::Result<History> {
    link(connection, revision, sequence).map(|link| link.earlier)
}

/// The row that stands for a revision; `None` where the persona never had it.
///
/// The history must be of the snapshot that is read: a purge removes the rows that it leads to.
///
/// # Errors
///
/// The code for a damaged database, when a row on the way is not what it should be.
pub(crate) fn row_of(
    connection: &Connection,
    history: &History,
    wanted: u64,
) -> rusqlite::Result<Option<i64>> {
    let Some((mut revision, mut sequence)) = history.nearest(wanted) else { return Ok(None) };
    while revision != wanted {
        let link = link(connection, revision, sequence)?;
        if link.first <= wanted {
            break;
        }
        // The gap ends before the revision that it is kept by, so each step comes nearer.
        (revision, sequence) =
            link.earlier.nearest(wanted).ok_or_else(|| misplaced(revision, sequence))?;
    }
    Ok(Some(sequence))
}

/// The rows of revisions `first` to `last`, both included, in their order: each once, also one that
/// stands for several.
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
    let numbered = numbered_between(connection, history, first, last)?;
    Ok(numbered.into_iter().map(|(_, sequence)| sequence).collect())
}

/// The same, each with the highest of the wanted revisions that it stands for.
pub(crate) fn numbered_between(
    connection: &Connection,
    history: &History,
    first: u64,
    last: u64,
) -> rusqlite::Result<Vec<(u64, i64)>> {
    let mut rows = Vec::new();
    let mut revision = last;
    let mut next = row_of(connection, history, last)?;
    while revision >= first.max(1) {
        let sequence = next.ok_or_else(|| damage(format!("there is no revision {revision}")))?;
        rows.push((revision, sequence));
        let link = link(connection, revision, sequence)?;
        revision = link.first - 1;
        next = link.earlier.nearest(revision).map(|(_, sequence)| sequence);
    }
    rows.reverse();
    Ok(rows)
}

/// What there was of a persona at a revision, without a large document.
///
/// # Errors
///
/// [`Error::RevisionDropped`], as of all that read a revision.
pub(crate) fn glance(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> Result<Glance, Error> {
    let found = in_one_snapshot(connection, || match personas::history(connection, id)? {
        Some(history) => glance_in(connection, id, &history, revision).map(Some),
        None => Ok(None),
    });
    let Some(found) = found.map_err(from_driver)? else { return Ok(Glance::Whole(None)) };
    Ok(found.or_dropped(revision)?.unwrap_or(Glance::Whole(None)))
}

/// The same where what the persona keeps of its revisions is known, from the same snapshot.
pub(crate) fn glance_in(
    connection: &Connection,
    id: PersonaId,
    history: &History,
    revision: Revision,
) -> rusqlite::Result<Kept<Glance>> {
    let columns = "revision, deleted, head, document, checksum, octet_length(document)";
    let glance = |found: &Row<'_>| row::glance(found, 0, id);
    read(connection, id, history, revision, columns, glance)
}

/// The representation of a revision.
pub(crate) fn representation(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> Result<Option<Representation>, Error> {
    let columns = "revision, deleted, head, document, checksum";
    of_persona(connection, id, revision, columns, |found| row::representation(found, 0, id))
}

/// One entry of a persona's history.
pub(crate) fn find(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> Result<Option<RevisionRecord>, Error> {
    let columns = "revision, deleted, head, document, checksum, at, author, changed, base, note";
    of_persona(connection, id, revision, columns, |found| record_from(found, id))
}

/// Whether a revision is there: it may have been dropped.
///
/// # Errors
///
/// [`Error::RevisionDropped`].
pub(crate) fn check_kept(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> Result<(), Error> {
    let columns = "revision, deleted, head, document, checksum";
    of_persona(connection, id, revision, columns, |_| Ok(())).map(drop)
}

fn of_persona<T>(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
    columns: &str,
    from: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Error> {
    let found = in_one_snapshot(connection, || match personas::history(connection, id)? {
        Some(history) => read(connection, id, &history, revision, columns, from).map(Some),
        None => Ok(None),
    });
    found.map_err(from_driver)?.map_or(Ok(None), |found| found.or_dropped(revision))
}

/// Some columns of a revision, the first five of them those that its checksum is about.
fn read<T>(
    connection: &Connection,
    id: PersonaId,
    history: &History,
    revision: Revision,
    columns: &str,
    from: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Kept<T>> {
    let revision = revision.number();
    let Some(sequence) = row_of(connection, history, revision)? else { return Ok(Kept::Never) };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns}, base, octet_length(head) = 0 FROM revisions WHERE sequence = ?1"
    ))?;
    let last = statement.column_count() - 1;
    let kept = |found: &Row<'_>| -> rusqlite::Result<Option<Kept<T>>> {
        let span = Span::of(found, [0, last - 1, last])?;
        let Some(span) = span.filter(|span| span.has(revision)) else { return Ok(None) };
        if span.is_dropped {
            checksum::verified(found, 0, id)?;
            return Ok(Some(Kept::Dropped));
        }
        from(found).map(Kept::There).map(Some)
    };
    let found = statement.query_row([sequence], kept).optional()?;
    found.flatten().ok_or_else(|| misplaced(revision, sequence))
}

/// A row is missing, or is another revision than it should be.
pub(crate) fn misplaced(revision: u64, sequence: i64) -> rusqlite::Error {
    damage(format!("row {sequence} is not the revision {revision} that it should be"))
}

fn record_from(found: &Row<'_>, id: PersonaId) -> rusqlite::Result<RevisionRecord> {
    Ok(RevisionRecord {
        representation: row::representation(found, 0, id)?,
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

/// A column with a revision, or with none: the one that a writer started from, or the parent.
pub(crate) fn base(found: &Row<'_>, column: usize) -> rusqlite::Result<Option<Revision>> {
    let number = found.get::<_, Option<i64>>(column)?;
    Ok(number.and_then(|base| u64::try_from(base).ok()).and_then(Revision::new))
}

/// The document of an older revision, the base of a three-way merge.
///
/// # Errors
///
/// Damage too where the history is of an earlier snapshot, and the persona was purged since.
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
    read(connection, id, history, revision, columns, text)
        .map_err(from_driver)?
        .or_dropped(revision)?
        .map(|text| Document::from_stored(&text).map_err(|invalid| damaged(&invalid)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus, params};

    use super::{History, LINK, row_of, rows_between};
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
                   VALUES (?1, ?2, ?3, 0, '[]', 0, 0, '{}', '')";
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
            || connection.prepare_cached(LINK).expect("SQL").get_status(StatementStatus::Run);
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
