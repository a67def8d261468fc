//! The revisions of one persona: 1 to its current one, each as its own columns say, the last as the
//! current row. A revision that was dropped has a row that says so; without one it is lost.

use persona_model::{Document, FIELDS, Persona, PersonaId, Revision, Timestamp, is_metadata_of};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::persona::Stored;
use super::report::CheckReport;
use crate::sqlite::error::damage;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::dropped::{self, Span};
use crate::sqlite::tables::history::History;
use crate::sqlite::tables::{checksum, purged, revisions, row};

/// Most revisions that are read in one snapshot.
pub(super) const AT_ONCE: u64 = 500;
/// Bytes of their documents after which a snapshot ends too: some ten milliseconds, for which no
/// WAL is reset.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// The last revision that is kept of a persona, in a file with an index of revisions; in the same
/// snapshot it must be the current one.
pub(super) fn last_kept(connection: &Connection, row_id: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT max(revision) FROM revisions WHERE persona = ?1")?
        .query_row([row_id], |found| found.get(0))
}

/// The state of the comparison before the next revision.
#[derive(Default)]
struct Before {
    revision: u64,
    /// The last one so far that is kept.
    kept: u64,
    document: Option<Document>,
    /// The rows of the revisions so far.
    history: History,
}

/// A persona of which the revisions are compared.
pub(super) struct Compared<'a> {
    pub row_id: i64,
    pub current: &'a Stored,
    pub version: u32,
}

impl Compared<'_> {
    /// Compares every revision up to that of the current row: the first ones in the snapshot in
    /// which the row was read, and all others each in a snapshot with its neighbours.
    ///
    /// Autosaves and retention drop revisions in between. So what is said of one that is dropped
    /// counts in the snapshot in which it was read, and not beyond.
    pub(super) fn compare(
        &self,
        connection: &Connection,
        snapshot: Transaction<'_>,
        at_once: u64,
        report: &mut CheckReport,
    ) -> rusqlite::Result<()> {
        let id = self.current.persona.id;
        let mut before = Before::default();
        let mut snapshot = Some(snapshot);
        loop {
            let here = match snapshot.take() {
                Some(first) => first,
                None => connection.unchecked_transaction()?,
            };
            let compared = self.compare_some(&here, &mut before, at_once, report);
            here.commit()?;
            match compared {
                Ok(true) => {}
                // Of a persona that was purged meanwhile the revisions are not there any more.
                Err(error) if !purged::is_there(connection, self.version, id)? => {
                    return report.add_damage(Some(id), error);
                }
                Ok(false) | Err(_) => return Ok(()),
            }
        }
    }

    /// Compares the next revisions, and tells whether there are more.
    fn compare_some(
        &self,
        connection: &Connection,
        before: &mut Before,
        at_once: u64,
        report: &mut CheckReport,
    ) -> rusqlite::Result<bool> {
        let Self { row_id, current, version } = *self;
        let (id, last) = (current.persona.id, current.persona.revision.number());
        let is_newest = before.revision == 0 || self.look_again(connection, before)?;
        let first = before.revision + 1;
        let rows = match &current.history {
            Some(history) => {
                let last = last.min(first.saturating_add(at_once - 1));
                revisions::rows_between(connection, history, first, last)?
            }
            None if version < migrate::CHAINED_SINCE => rows_from(connection, row_id, first)?,
            // An unreadable row is reported with the persona.
            None => return Ok(false),
        };
        if rows.is_empty() {
            let end = format!("its revisions end at {}, and it is at {last}", before.revision);
            report.add(Some(id), end);
            return Ok(false);
        }
        let (sql, mut bytes) = (sql_of(version), 0);
        for row in rows {
            if before.revision == last || bytes >= BYTES_AT_ONCE {
                break;
            }
            let mut faults = Vec::new();
            connection
                .prepare_cached(&sql)?
                .query_row([row], |found| {
                    bytes += found.get_ref(3)?.as_bytes().map_or(0, <[u8]>::len);
                    let of = Examined { found, sequence: row, current, version, is_newest };
                    of.inspect(connection, before, &mut faults)
                })
                .optional()?
                .ok_or_else(|| revisions::misplaced(before.revision + 1, row))?;
            for fault in faults {
                report.add(Some(id), format!("revision {}: {fault}", before.revision));
            }
            report.revisions += 1;
            if version >= migrate::DROPPED_SINCE && before.kept < before.revision {
                report.dropped_revisions += 1;
            }
        }
        Ok(before.revision < last)
    }

    /// Goes on behind the last revision so far that is kept in this snapshot, and tells whether the
    /// revision of the current row is the newest one still.
    fn look_again(&self, connection: &Connection, before: &mut Before) -> rusqlite::Result<bool> {
        let Some(history) =
            self.current.history.as_ref().filter(|_| self.version >= migrate::DROPPED_SINCE)
        else {
            return Ok(true);
        };
        // One that was dropped names the last one before it that was kept then.
        let dropped = "SELECT coalesce(parent, 0) FROM revisions WHERE sequence = ?1 AND octet_length(head) = 0";
        let mut dropped = connection.prepare_cached(dropped)?;
        while before.kept > 0 {
            let row = revisions::row_of(connection, history, before.kept)?;
            let misplaced = || revisions::misplaced(before.kept, row.unwrap_or_default());
            let parent = dropped.query_row([row], |found| row::number(found, 0)).optional()?;
            let Some(parent) = parent else { break };
            if parent >= before.kept {
                return Err(misplaced());
            }
            before.kept = parent;
        }
        let now = connection
            .prepare_cached("SELECT revision FROM personas WHERE id = ?1")?
            .query_row([self.current.persona.id.as_bytes()], |found| row::number(found, 0))
            .optional()?;
        Ok(now == Some(self.current.persona.revision.number()))
    }
}

fn sql_of(version: u32) -> String {
    let checksum = if version >= migrate::CHECKSUMS_SINCE { "r.checksum" } else { "NULL" };
    let (columns, feed) = if version >= migrate::CHAINED_SINCE {
        ("r.earlier, c.persona, c.revision", "LEFT JOIN changes AS c ON c.sequence = r.sequence")
    } else {
        ("NULL, NULL, NULL", "")
    };
    format!(
        "SELECT r.revision, r.deleted, r.head, r.document, {checksum}, r.parent, r.at, r.author, r.changed, r.base, {columns}
         FROM revisions AS r {feed}
         WHERE r.rowid = ?1"
    )
}

/// The rows of the next revisions by the index that files had before version 9.
fn rows_from(connection: &Connection, row_id: i64, first: u64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(&format!(
            "SELECT rowid
             FROM revisions
             WHERE persona = ?1 AND revision >= ?2
             ORDER BY revision
             LIMIT {AT_ONCE}"
        ))?
        .query_map([row_id, row::stored(first)], |found| found.get(0))?
        .collect()
}

/// A row that is checked.
struct Examined<'a, 'r> {
    found: &'a Row<'r>,
    sequence: i64,
    current: &'a Stored,
    version: u32,
    /// Whether the revision of the current row is the newest one in this snapshot.
    is_newest: bool,
}

impl Examined<'_, '_> {
    /// Checks one row, and adds its problems.
    fn inspect(
        &self,
        connection: &Connection,
        before: &mut Before,
        faults: &mut Vec<String>,
    ) -> rusqlite::Result<()> {
        let Self { found, sequence, current, version, .. } = *self;
        let span = self.compare_place(before, faults)?;
        if version >= migrate::CHAINED_SINCE {
            faults.extend(faults_of_links(found, sequence, before, current.persona.id)?);
        }
        if version >= migrate::CHECKSUMS_SINCE
            && let Err(error) = checksum::verified(found, 0, current.persona.id)
        {
            faults.push(error.to_string());
        }
        if span.is_dropped {
            return self.compare_dropped(connection, &span, faults);
        }
        let has_gap = before.kept + 1 < span.first;
        before.kept = span.last;
        self.compare_content(before, has_gap, faults)
    }

    /// Checks what is left of a revision that was dropped.
    fn compare_dropped(
        &self,
        connection: &Connection,
        span: &Span,
        faults: &mut Vec<String>,
    ) -> rusqlite::Result<()> {
        let persona = &self.current.persona;
        if !self.found.get_ref(3)?.as_str()?.is_empty() {
            faults.push("it was dropped, and its document is there".into());
        }
        if self.is_newest && span.last == persona.revision.number() {
            faults.push("it is the current one, and was dropped".into());
        }
        if span.first == Revision::FIRST.number() {
            faults.push("it is the first one, and was dropped".into());
        }
        if dropped::any_was_labelled(connection, persona.id, span)? {
            faults.push("a label points or pointed to it, and it was dropped".into());
        }
        Ok(())
    }

    /// Checks the content of a revision. Behind a gap it is not known what the revision changed.
    fn compare_content(
        &self,
        before: &mut Before,
        has_gap: bool,
        faults: &mut Vec<String>,
    ) -> rusqlite::Result<()> {
        let Self { found, current, .. } = *self;
        let persona = &current.persona;
        let revision: i64 = found.get(0)?;
        let (deleted, metadata, text): (bool, String, String) =
            (found.get(1)?, found.get(2)?, found.get(3)?);
        let document = match Document::from_stored(&text) {
            Ok(document) => document,
            Err(invalid) => {
                faults.push(format!("its document cannot be read: {invalid}"));
                before.document = None;
                return Ok(());
            }
        };
        let compared = before.document.as_ref().filter(|_| !has_gap);
        if !names_what_changed(&found.get::<_, String>(8)?, compared, &document) {
            faults.push("the fields that it says it changed are not those that differ".into());
        }
        if found.get::<_, Option<i64>>(9)?.is_some_and(|base| !(1..revision).contains(&base)) {
            faults.push("its base is not an earlier revision".into());
        }
        let at: Timestamp = row::time(found, 6)?;
        // The metadata are recomputed: they follow from the columns, and their hash from the
        // document.
        let mut as_it_was = Persona {
            id: persona.id,
            revision: row::revision(found, 0)?,
            created_at: persona.created_at,
            updated_at: at,
            deleted_at: deleted.then_some(at),
            created_by: persona.created_by.clone(),
            updated_by: found.get(7)?,
            content_hash: document.content_hash(),
            document: document.clone(),
        };
        let states = |hash| {
            as_it_was.content_hash = hash;
            is_metadata_of(&as_it_was, &metadata)
        };
        if !document.content_hashes().any(states) {
            faults.push("its metadata differs from its columns or its document".into());
        }
        if as_it_was.revision == persona.revision
            && (metadata != current.metadata || text != current.document)
        {
            faults.push("it is the last one, and the current row differs from it".into());
        }
        before.document = Some(document);
        Ok(())
    }

    /// Checks which revisions a row stands for, and the number of its parent.
    fn compare_place(
        &self,
        before: &mut Before,
        faults: &mut Vec<String>,
    ) -> rusqlite::Result<Span> {
        let found = self.found;
        let comes_next = before.revision + 1;
        let revision = row::number(found, 0)?;
        let is_dropped =
            self.version >= migrate::DROPPED_SINCE && found.get_ref(2)?.as_str()?.is_empty();
        let base = revisions::base(found, 9)?.filter(|_| is_dropped);
        let span =
            Span { first: base.map_or(revision, Revision::number), last: revision, is_dropped };
        // A damaged index can lead back to an earlier revision; without this limit the walk would
        // never end.
        if span.first < comes_next || span.last < span.first {
            return Err(damage("the revisions are not in the order of their numbers".into()));
        }
        before.revision = span.last;
        if span.first != comes_next {
            faults.push(format!("{comes_next} comes next"));
        }
        let parent = revisions::base(found, 5)?.map_or(0, Revision::number);
        // The parent of a dropped one can have been dropped since.
        let is_right = if is_dropped {
            (before.kept..span.first).contains(&parent)
        } else {
            parent == before.kept
        };
        if !is_right {
            faults.push("its parent is not the last revision before it that is kept".into());
        }
        Ok(span)
    }
}

/// The faults of a revision's links to earlier revisions, and of its line in the feed.
fn faults_of_links(
    found: &Row<'_>,
    sequence: i64,
    before: &mut Before,
    id: PersonaId,
) -> rusqlite::Result<Vec<String>> {
    let mut faults = Vec::new();
    if found.get_ref(10)?.as_blob()? != before.history.bytes() {
        faults.push("it does not lead to the revisions before it".into());
    }
    before.history.add_through(before.revision, sequence);
    let line: Option<(PersonaId, u64)> = match found.get::<_, Option<[u8; 16]>>(11)? {
        Some(id) => Some((PersonaId::from_bytes(id), row::number(found, 12)?)),
        None => None,
    };
    if line != Some((id, before.revision)) {
        faults.push(format!("line {sequence} of the feed is not about it"));
    }
    Ok(faults)
}

/// Revision 1 names every field of its time, and each later one what differs from the one before.
fn names_what_changed(changed: &str, before: Option<&Document>, document: &Document) -> bool {
    let Ok(changed) = serde_json::from_str::<Vec<String>>(changed) else { return false };
    match before {
        Some(before) => before.changed_fields(document) == changed,
        None => changed.iter().all(|name| FIELDS.iter().any(|field| field.name == name)),
    }
}
