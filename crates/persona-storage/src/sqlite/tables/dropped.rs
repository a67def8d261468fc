//! Revisions that were dropped from a history. Each keeps its row, so that every other revision is
//! found as before and a row that is missing is damage. The row has no texts, and a checksum that
//! says so: a row that lost its texts in another way does not fit it.

use persona_model::{PersonaId, Revision, Timestamp};
use rusqlite::{Connection, Row, named_params, params};

use super::history::History;
use super::{checksum, revisions, row};
use crate::Error;
use crate::sqlite::error::from_driver;

/// What a history has of a revision.
pub(crate) enum Kept<T> {
    /// The persona never had it.
    Never,
    /// The revision was dropped.
    Dropped,
    /// The revision is there.
    There(T),
}

impl<T> Kept<T> {
    /// The same for a caller that fails where the revision was dropped.
    pub(crate) fn or_dropped(self, revision: Revision) -> Result<Option<T>, Error> {
        match self {
            Self::Never => Ok(None),
            Self::Dropped => Err(Error::RevisionDropped { revision }),
            Self::There(found) => Ok(Some(found)),
        }
    }
}

/// The revisions that a row stands for: one, or several that were dropped elsewhere.
pub(crate) struct Span {
    pub first: u64,
    pub last: u64,
    pub is_dropped: bool,
}

impl Span {
    /// From the columns `revision`, `base`, and whether there is no `head`; `None` where the row
    /// cannot be right.
    pub(crate) fn of(found: &Row<'_>, columns: [usize; 3]) -> rusqlite::Result<Option<Self>> {
        let [revision, base, is_dropped] = columns;
        let (last, is_dropped) = (row::number(found, revision)?, found.get(is_dropped)?);
        let first = match revisions::base(found, base)?.filter(|_| is_dropped) {
            Some(first) => first.number(),
            None => last,
        };
        Ok((1..=last).contains(&first).then_some(Self { first, last, is_dropped }))
    }

    /// A revision alone.
    pub(crate) fn alone(revision: u64) -> Self {
        Self { first: revision, last: revision, is_dropped: false }
    }

    pub(crate) fn has(&self, revision: u64) -> bool {
        (self.first..=self.last).contains(&revision)
    }
}

/// What a new revision needs to know of the one that it may drop.
pub(crate) struct Newest {
    /// The last revision before it that is kept.
    pub previous: Option<Revision>,
    /// The fields that it changed.
    pub changed: Vec<String>,
}

/// The newest revision of a history.
pub(crate) fn newest(connection: &Connection, history: &History) -> rusqlite::Result<Newest> {
    connection
        .prepare_cached("SELECT parent, changed FROM revisions WHERE sequence = ?1")?
        .query_row([row_of_newest(history)], |found| {
            let (previous, changed) = (revisions::base(found, 0)?, revisions::changed(found, 1)?);
            Ok(Newest { previous, changed })
        })
}

/// Drops the newest revision of a history.
pub(crate) fn drop_newest(
    connection: &Connection,
    id: PersonaId,
    history: &History,
) -> rusqlite::Result<()> {
    let (revision, sequence) = (history.newest(), row_of_newest(history));
    if empty(connection, id, revision, sequence)? {
        Ok(())
    } else {
        Err(revisions::misplaced(revision, sequence))
    }
}

/// The row of the newest revision; 0, which no row has, where there is none.
fn row_of_newest(history: &History) -> i64 {
    history.nearest(history.newest()).map_or(0, |(_, sequence)| sequence)
}

/// Takes the content out of the row of a revision, and tells whether there was any.
pub(crate) fn empty(
    connection: &Connection,
    id: PersonaId,
    revision: u64,
    sequence: i64,
) -> rusqlite::Result<bool> {
    let number = row::stored(revision);
    let [living, deleted] = [false, true].map(|deleted| checksum::of(id, number, deleted, "", ""));
    connection
        .prepare_cached(
            "UPDATE revisions
             SET base = NULL, note = NULL, changed = '[]',
                 checksum = CASE WHEN deleted THEN ?4 ELSE ?3 END, head = '', document = ''
             WHERE sequence = ?1 AND revision = ?2 AND octet_length(head) > 0",
        )?
        .execute(params![sequence, number, living, deleted])
        .map(|emptied| emptied == 1)
}

/// Keeps that revisions `first` to `last` were dropped elsewhere, in the row of their line in the
/// feed.
pub(crate) fn insert(
    connection: &Connection,
    sequence: i64,
    earlier: &History,
    id: PersonaId,
    (first, last): (u64, u64),
    at: Timestamp,
) -> rusqlite::Result<()> {
    let number = row::stored(last);
    connection
        .prepare_cached(
            "INSERT INTO revisions (sequence, revision, earlier, parent, base, at, changed, deleted, checksum, head, document)
             VALUES (:sequence, :revision, :earlier, :parent, :base, :at, '[]', 0, :checksum, '', '')",
        )?
        .execute(named_params! {
            ":sequence": sequence,
            ":revision": number,
            ":earlier": earlier.bytes(),
            ":parent": row::stored(first - 1),
            ":base": row::stored(first),
            ":at": at.as_micros(),
            ":checksum": checksum::of(id, number, false, "", ""),
        })
        .map(drop)
}

/// Whether a label ever pointed to a revision.
pub(crate) fn was_labelled(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> Result<bool, Error> {
    any_was_labelled(connection, id, &Span::alone(revision.number())).map_err(from_driver)
}

/// Whether a label ever pointed to one of these revisions.
pub(crate) fn any_was_labelled(
    connection: &Connection,
    id: PersonaId,
    span: &Span,
) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM label_moves WHERE persona = ?1 AND revision BETWEEN ?2 AND ?3)";
    let (first, last) = (row::stored(span.first), row::stored(span.last));
    connection
        .prepare_cached(sql)?
        .query_row(params![id.as_bytes(), first, last], |found| found.get(0))
}
