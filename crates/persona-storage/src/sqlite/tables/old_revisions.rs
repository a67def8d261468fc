//! Old revisions that go from the histories (`retention.rs`): found by the feed, from a place up to
//! which it was looked through.

use std::ops::RangeInclusive;

use persona_model::{PersonaId, Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::dropped::Span;
use super::history::History;
use super::{dropped, personas, revisions, row};
use crate::retention::{LetGo, LookScope, Old};
use crate::sqlite::error::{damage, is_damage, is_of_a_value};
use crate::time::newest_of;
use crate::{HistoryLimits, HistoryPruned, HistorySize};

/// The key in `meta` of the place up to which the feed was looked through, with the limits.
const PLACE: &str = "history_pruned";

/// Where the feed was looked through up to, with these limits; 0 with others.
pub(crate) fn place(connection: &Connection, limits: &HistoryLimits) -> rusqlite::Result<i64> {
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([PLACE], |found| found.get(0))
        .optional()?;
    let place = text.and_then(|text| {
        let (known, place) = text.rsplit_once(' ')?;
        (known == limits.text()).then(|| place.parse().ok())?
    });
    Ok(place.unwrap_or_default())
}

/// Keeps where the feed was looked through up to.
pub(crate) fn keep_place(
    connection: &Connection,
    limits: &HistoryLimits,
    place: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute(params![PLACE, format!("{} {place}", limits.text())])
        .map(drop)
}

/// A revision that goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub persona: PersonaId,
    pub revision: u64,
    /// Bytes of its texts.
    pub bytes: u64,
}

/// What some lines of the feed let go.
#[derive(Default, Debug)]
pub(crate) struct Looked {
    pub found: Vec<Found>,
    /// Personas with damaged histories, and what is wrong: of these nothing is dropped.
    pub damaged: Vec<(PersonaId, String)>,
    /// The last line that was looked at.
    pub place: i64,
    /// Whether the lines behind it are too new, or there are none.
    pub is_end: bool,
}

/// Looks at most at so many lines behind a place. Without the whole feed the first line that is too
/// new is the end: histories that were imported behind it have their turn when it is old.
pub(crate) fn look(
    connection: &Connection,
    limits: &HistoryLimits,
    now: Timestamp,
    (place, scope): (i64, LookScope),
    lines: usize,
) -> rusqlite::Result<Looked> {
    let (until, newest) = (limits.replaced_until(now), newest_of(now));
    let mut looked = Looked { place, ..Looked::default() };
    let mut statement = connection.prepare_cached(
        "SELECT c.sequence, c.persona, c.revision, c.at, c.label IS NULL,
                CASE WHEN octet_length(r.head) = 0 THEN r.base END
         FROM changes AS c
         LEFT JOIN revisions AS r ON r.sequence = c.sequence
         WHERE c.sequence > ?1
         ORDER BY c.sequence
         LIMIT ?2",
    )?;
    let count = row::stored(lines as u64);
    let mut rows = statement.query([place, count])?;
    let mut seen = 0;
    while let Some(line) = rows.next()? {
        let at = row::time(line, 3)?;
        // One that a wrong clock made holds up no others.
        if scope == LookScope::Due && at > until && at <= newest {
            looked.is_end = true;
            return Ok(looked);
        }
        (looked.place, seen) = (line.get(0)?, seen + 1);
        if !line.get::<_, bool>(4)? {
            continue;
        }
        let (persona, last) = (row::id(line, 1)?, row::number(line, 2)?);
        let first = revisions::base(line, 5)?.map_or(last, Revision::number);
        let LetGo { replaced, pushed_out } = limits.let_go_by((first, last), scope);
        let pushed_out =
            looked.unless_damaged(persona, rows_of(connection, persona, pushed_out))?;
        for revision in replaced.into_iter().chain(pushed_out.into_iter().flatten()) {
            let bytes = bytes_of_old(connection, limits, now, persona, revision);
            let bytes = looked.unless_damaged(persona, bytes)?.flatten();
            looked.found.extend(bytes.map(|bytes| Found { persona, revision, bytes }));
        }
    }
    looked.is_end = seen < lines;
    Ok(looked)
}

impl Looked {
    /// What was read of a persona. The damage of one history keeps no other one from being looked
    /// at.
    fn unless_damaged<T>(
        &mut self,
        persona: PersonaId,
        read: rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_damage(&error) || is_of_a_value(&error) => {
                self.damaged.push((persona, error.to_string()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Some revisions of a persona, as many as have a row of their own.
fn rows_of(
    connection: &Connection,
    persona: PersonaId,
    revisions: RangeInclusive<u64>,
) -> rusqlite::Result<Vec<u64>> {
    let (first, last) = revisions.into_inner();
    if first >= last {
        return Ok((first..=last).collect());
    }
    let Some(history) = personas::history(connection, persona)? else { return Ok(Vec::new()) };
    let last = last.min(history.newest());
    let rows = revisions::numbered_between(connection, &history, first, last)?;
    Ok(rows.into_iter().map(|(revision, _)| revision).collect())
}

/// The bytes of a revision that goes; `None` where it stays, or went before.
fn bytes_of_old(
    connection: &Connection,
    limits: &HistoryLimits,
    now: Timestamp,
    persona: PersonaId,
    revision: u64,
) -> rusqlite::Result<Option<u64>> {
    let Some(history) = personas::history(connection, persona)? else { return Ok(None) };
    let current = history.newest();
    if current.saturating_sub(revision) < limits.newest_kept() {
        return Ok(None);
    }
    let facts = |wanted: u64| facts_of(connection, &history, wanted);
    let (before, old, after) = (facts(revision - 1)?, facts(revision)?, facts(revision + 1)?);
    if old.bytes == 0 {
        return Ok(None);
    }
    let old_of = Old {
        revision,
        current,
        replaced_at: after.at,
        is_deletion: before.deleted || old.deleted,
        changed: &old.changed,
        was_labelled: dropped::any_was_labelled(connection, persona, &Span::alone(revision))?,
    };
    Ok(limits.lets_go(&old_of, now).then_some(old.bytes))
}

/// What the rules need of a row.
struct Facts {
    at: Timestamp,
    deleted: bool,
    changed: Vec<String>,
    /// Bytes of its texts; 0 where it was dropped.
    bytes: u64,
}

fn facts_of(connection: &Connection, history: &History, wanted: u64) -> rusqlite::Result<Facts> {
    let Some(sequence) = revisions::row_of(connection, history, wanted)? else {
        return Err(damage(format!("there is no revision {wanted}")));
    };
    connection
        .prepare_cached(
            "SELECT at, deleted, changed, octet_length(head) + octet_length(document)
             FROM revisions
             WHERE sequence = ?1",
        )?
        .query_row([sequence], |found| {
            let (at, deleted) = (row::time(found, 0)?, found.get(1)?);
            let (changed, bytes) = (revisions::changed(found, 2)?, row::number(found, 3)?);
            Ok(Facts { at, deleted, changed, bytes })
        })
        .optional()?
        .ok_or_else(|| revisions::misplaced(wanted, sequence))
}

/// Drops those of some revisions that still go, in the running transaction, and tells what they
/// were.
pub(crate) fn drop_all(
    connection: &Connection,
    limits: &HistoryLimits,
    now: Timestamp,
    found: &[Found],
) -> rusqlite::Result<HistoryPruned> {
    let mut pruned = HistoryPruned::default();
    for Found { persona, revision, .. } in found {
        let Some(bytes) = bytes_of_old(connection, limits, now, *persona, *revision)? else {
            continue;
        };
        let Some(history) = personas::history(connection, *persona)? else { continue };
        drop_one(connection, *persona, &history, *revision)?;
        pruned.revisions += 1;
        pruned.bytes += bytes;
    }
    Ok(pruned)
}

/// Drops a revision, and has the next one that is kept name the one before it.
fn drop_one(
    connection: &Connection,
    id: PersonaId,
    history: &History,
    revision: u64,
) -> rusqlite::Result<()> {
    let row = |wanted: u64| -> rusqlite::Result<i64> {
        revisions::row_of(connection, history, wanted)?
            .ok_or_else(|| damage(format!("there is no revision {wanted}")))
    };
    let sequence = row(revision)?;
    dropped::empty(connection, id, revision, sequence)?;
    let mut parent = connection.prepare_cached(
        "UPDATE revisions
         SET parent = (SELECT parent FROM revisions WHERE sequence = ?2)
         WHERE sequence = ?1 AND octet_length(head) > 0",
    )?;
    // Those that were dropped before are passed over. The current one is kept.
    let mut next = revision + 1;
    while next <= history.newest() && parent.execute([row(next)?, sequence])? == 0 {
        next += 1;
    }
    Ok(())
}

/// Rows of a table that are looked at to tell its size.
const SAMPLES: i64 = 64;

/// How large personas and histories are, about: by some rows of each table, which stand at equal
/// distances. The length of a text is in the header of its row.
pub(crate) fn size(connection: &Connection) -> rusqlite::Result<HistorySize> {
    let estimate = |table: &str, key: &str| -> rusqlite::Result<u64> {
        let last = format!("SELECT coalesce(max({key}), 0) FROM {table}");
        let last: i64 = connection.query_row(&last, [], |found| found.get(0))?;
        let mut sample = connection.prepare(&format!(
            "SELECT octet_length(head) + octet_length(document)
             FROM {table}
             WHERE {key} >= ?1
             ORDER BY {key}
             LIMIT 1"
        ))?;
        let count = last.min(SAMPLES);
        let mut bytes = 0;
        for number in 0..count {
            let place = last / count.max(1) * number;
            bytes +=
                sample.query_row([place], |found| row::number(found, 0)).optional()?.unwrap_or(0);
        }
        let rows = u128::from(last.unsigned_abs());
        let all = u128::from(bytes) * rows / u128::from(count.max(1).unsigned_abs());
        Ok(u64::try_from(all).unwrap_or(u64::MAX))
    };
    Ok(HistorySize {
        living_bytes: estimate("personas", "row_id")?,
        history_bytes: estimate("revisions", "sequence")?,
    })
}
