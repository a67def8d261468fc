//! The feed against the personas: every persona's changes are its revisions 1, 2, 3, one line each.
//! Between them are the lines of its labels, which `labels.rs` compares with their moves. The line
//! of a purge is the last one.

use std::collections::HashMap;

use persona_model::{Change, ChangeKind, PersonaId, Revision, Timestamp};
use rusqlite::{Connection, params};

use super::report::CheckReport;
use crate::sqlite::error::damage;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::{feed, row};
use crate::time::newest_of;

/// Lines of one read transaction.
const BATCH_LINES: usize = 1000;

/// The part of the feed that was read; about 50 bytes for each persona.
#[derive(Default)]
pub(super) struct Feed {
    sequence: u64,
    last: HashMap<PersonaId, Last>,
    /// Whether a part of the feed cannot be read, so that it proves nothing about any persona.
    broken: bool,
}

struct Last {
    revision: Revision,
    kind: ChangeKind,
    at: Timestamp,
    /// Whether the persona of the lines was found.
    met: bool,
}

impl Feed {
    /// Reads the next lines; returns whether there may be more.
    pub(super) fn follow(
        &mut self,
        connection: &Connection,
        report: &mut CheckReport,
    ) -> rusqlite::Result<bool> {
        if self.broken {
            return Ok(false);
        }
        let version = report.schema_version;
        let lines = feed::after_of_version(connection, version, self.sequence, BATCH_LINES)?;
        for line in &lines {
            if line.sequence <= self.sequence {
                return Err(damage("the feed is not in the order of its numbers".into()));
            }
            self.sequence = line.sequence;
            report.changes += 1;
            let before = self.last.get(&line.persona);
            if let Some(label) = &line.label {
                let is_there =
                    |last: &Last| line.revision <= last.revision && last.kind != ChangeKind::Purged;
                if !before.is_some_and(is_there) {
                    let what = format!(
                        "change {} points {label} to revision {}, which is not there",
                        line.sequence, line.revision
                    );
                    report.add(Some(line.persona), what);
                }
                continue;
            }
            // Of one persona; others may have been written at the same time where the file came
            // from PostgreSQL. A stamp that a clock far ahead made lifts no later one.
            if before.is_some_and(|last| line.at <= last.at && last.at <= newest_of(line.at)) {
                report.add(
                    Some(line.persona),
                    format!("change {} is not later than the one before", line.sequence),
                );
            }
            let stands_for_several = || is_of_dropped(connection, version, line, before);
            let comes_next = before.map_or(1, |last| last.revision.number() + 1);
            let first = if line.revision.number() > comes_next && stands_for_several()? {
                comes_next
            } else {
                line.revision.number()
            };
            if let Some(fault) = fault_of(before, line.revision, first, line.kind) {
                report.add(Some(line.persona), format!("change {} {fault}", line.sequence));
            }
            // A persona that was found may have further revisions since.
            let met = before.is_some_and(|last| last.met);
            self.last.insert(
                line.persona,
                Last { revision: line.revision, kind: line.kind, at: line.at, met },
            );
        }
        Ok(lines.len() == BATCH_LINES)
    }

    /// Marks the feed as unreadable.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
    }

    /// The sequence number of the last line that was read.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Compares a persona with its lines; both must be of one snapshot.
    pub(super) fn compare(
        &mut self,
        id: PersonaId,
        revision: u64,
        deleted: bool,
        report: &mut CheckReport,
    ) {
        if self.broken {
            return;
        }
        let Some(last) = self.last.get_mut(&id) else {
            report.add(Some(id), "it has no line in the feed");
            return;
        };
        last.met = true;
        if last.revision.number() != revision {
            report.add(
                Some(id),
                format!("it is at revision {revision}, and the feed at {}", last.revision),
            );
        } else if deleted != (last.kind == ChangeKind::Deleted) {
            report.add(
                Some(id),
                format!(
                    "the feed says that it was last {}, and its row does not",
                    last.kind.as_str()
                ),
            );
        }
    }

    /// Reports lines about personas that were never found, unless rows could not be read.
    pub(super) fn finish(&self, report: &mut CheckReport) {
        if self.broken || !report.is_sound() {
            return;
        }
        let is_lost = |last: &Last| !last.met && last.kind != ChangeKind::Purged;
        for id in self.last.iter().filter(|(_, last)| is_lost(last)).map(|(id, _)| *id) {
            report.add(Some(id), "the feed names it, and it is not there");
        }
    }
}

/// Whether a line stands for several revisions that were dropped where it comes from, from the next
/// one on. Of a purged persona no revision is left that could tell.
fn is_of_dropped(
    connection: &Connection,
    version: u32,
    line: &Change,
    before: Option<&Last>,
) -> rusqlite::Result<bool> {
    let (Some(before), true) = (before, version >= migrate::DROPPED_SINCE) else {
        return Ok(false);
    };
    let sql = "SELECT EXISTS (SELECT 1 FROM revisions WHERE sequence = ?1 AND base = ?2 AND octet_length(head) = 0)
                      OR EXISTS (SELECT 1 FROM purged WHERE persona = ?3)";
    let (sequence, next) = (row::stored(line.sequence), row::stored(before.revision.number() + 1));
    connection
        .prepare_cached(sql)?
        .query_row(params![sequence, next, line.persona.as_bytes()], |found| found.get(0))
}

/// `first` is the first revision that the line is about.
fn fault_of(
    before: Option<&Last>,
    revision: Revision,
    first: u64,
    kind: ChangeKind,
) -> Option<String> {
    if before.is_some_and(|last| last.kind == ChangeKind::Purged) {
        return Some("is about a persona that was purged before".into());
    }
    if kind == ChangeKind::Purged {
        let is_last = before.is_some_and(|last| last.revision == revision);
        return (!is_last).then(|| format!("purges revision {revision}, which is not the last"));
    }
    let expected = before.map_or(1, |last| last.revision.number() + 1);
    if first != expected {
        return Some(format!("is about revision {revision}, and {expected} comes next"));
    }
    let was_deleted = before.is_some_and(|last| last.kind == ChangeKind::Deleted);
    let fits = match kind {
        ChangeKind::Created => before.is_none(),
        ChangeKind::Undeleted => was_deleted,
        ChangeKind::Updated | ChangeKind::Deleted => before.is_some() && !was_deleted,
        // These are about a label, which such a line names, and a purge was judged before.
        ChangeKind::Labelled | ChangeKind::Unlabelled | ChangeKind::Purged => false,
    };
    (!fits).then(|| format!("says {} where that cannot be", kind.as_str()))
}
