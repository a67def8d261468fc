//! Rows of `labels` and `label_moves`: where labels point, and each of their moves. A move has a
//! checksum, which is verified when the row is read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock};

use persona_model::{LabelName, PastLabel, PersonaId, Revision};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, named_params, params};

use super::dropped::Kept;
use super::snapshot::in_one_snapshot;
use super::{feed, idempotency, personas, purged, revisions, row};
use crate::label::{Decision, Holder, Placed};
use crate::purge::refusal_of;
use crate::sqlite::error::{damage, from_driver};
use crate::time::{Time, after, newest_of};
use crate::{
    Error, GLANCE_BYTES_MAX, Glance, Label, LabelMovePage, LabelMoves, Labelled, LabelsOf,
    MoveRecord, MovedLabel, NotApplied, PersonaLabels,
};

/// The first schema version with labels.
pub(crate) const LABELS_SINCE: u32 = 12;

/// The columns of a move, as [`record_in`] takes them.
const MOVE: &str = "m.persona, m.label, m.version, m.revision, m.at, m.author, m.checksum";

/// The labels of a persona; `None` where it never existed.
pub(crate) fn of_persona(
    connection: &Connection,
    id: PersonaId,
) -> rusqlite::Result<Option<PersonaLabels>> {
    Ok(holder(connection, id)?.map(Holder::into_labels))
}

/// The newest move of a label with its persona, and the persona as `row::glance` takes it: its
/// texts only where they are those of the revision that the label points to, and are not large. The
/// newest move tells where the label points, so `labels` is not read.
static BY_LABEL: LazyLock<String> = LazyLock::new(|| {
    let wanted =
        format!("m.revision = p.revision AND octet_length(p.document) <= {GLANCE_BYTES_MAX}");
    format!(
        "SELECT {MOVE}, p.owner, p.history, p.revision, p.deleted_at IS NOT NULL, CASE WHEN {wanted} THEN p.head END,
                CASE WHEN {wanted} THEN p.document END, p.checksum, octet_length(p.document)
         FROM personas AS p
         LEFT JOIN label_moves AS m ON m.persona = p.id AND m.label = ?2
         WHERE p.id = ?1
         ORDER BY m.version DESC
         LIMIT 1"
    )
});
/// Its columns behind those of the move.
const OWNER: usize = 7;
const HISTORY: usize = 8;
const CURRENT: usize = 9;

/// A persona by a label, without a large document: one statement where the label points to the
/// current revision. An older revision is read while that statement is open, and so in the same
/// snapshot.
pub(crate) fn labelled(
    connection: &Connection,
    id: PersonaId,
    name: &LabelName,
) -> rusqlite::Result<Option<Arc<Labelled>>> {
    let mut statement = connection.prepare_cached(&BY_LABEL)?;
    let mut rows = statement.query(params![id.as_bytes(), name.as_str()])?;
    let Some(seen) = rows.next()? else { return Ok(None) };
    let was_moved = seen.get_ref(1)? != ValueRef::Null;
    let newest = was_moved.then(|| record_in(seen, 0)).transpose()?;
    let label = newest.and_then(|(persona, name, newest)| Label::after(persona, &name, &newest));
    let current = row::revision(seen, CURRENT)?;
    let found = match label.as_ref().map(|label| label.revision) {
        None => Glance::Whole(None),
        Some(revision) if revision == current => row::glance(seen, CURRENT, id)?,
        Some(revision) => {
            let history = personas::history_from(seen, CURRENT, HISTORY)?;
            match revisions::glance_in(connection, id, &history, revision)? {
                Kept::There(glance) => glance,
                // None is dropped that a label points to.
                Kept::Never | Kept::Dropped => return Err(lost_revision(id, name, revision)),
            }
        }
    };
    let (owner, deleted) = (seen.get(OWNER)?, seen.get(CURRENT + 1)?);
    Ok(Some(Arc::new(Labelled { owner, deleted, label, found })))
}

fn lost_revision(id: PersonaId, name: &LabelName, revision: Revision) -> rusqlite::Error {
    damage(format!("the label {name} of {id} points to revision {revision}, which is not there"))
}

/// The labels of those of some personas that have any.
pub(crate) fn of_personas(
    connection: &Connection,
    ids: &[PersonaId],
) -> rusqlite::Result<Vec<LabelsOf>> {
    in_one_snapshot(connection, || {
        let mut all = Vec::new();
        for id in ids {
            all.extend(holder(connection, *id)?.and_then(Holder::into_labels_of));
        }
        Ok(all)
    })
}

/// The labels of a persona as an exported history has them.
pub(crate) fn past(connection: &Connection, id: PersonaId) -> rusqlite::Result<Vec<PastLabel>> {
    let labels = of_persona(connection, id)?.map(|found| found.labels);
    Ok(labels.into_iter().flatten().map(PastLabel::from).collect())
}

/// A persona with its labels, in one statement and so of one snapshot.
fn holder(connection: &Connection, id: PersonaId) -> rusqlite::Result<Option<Holder>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MOVE}, p.revision, p.deleted_at IS NOT NULL, p.owner, p.handle
         FROM personas AS p
         LEFT JOIN labels AS l ON l.persona = p.id
         LEFT JOIN label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
         WHERE p.id = ?1"
    ))?;
    let mut rows = statement.query([id.as_bytes()])?;
    let mut holder = None;
    while let Some(found) = rows.next()? {
        if holder.is_none() {
            let (latest, deleted) = (row::revision(found, 7)?, found.get(8)?);
            let new = Holder::new(id, found.get(9)?, latest, deleted);
            holder = Some(new.called(found.get(10)?));
        }
        let Some(holder) = &mut holder else { continue };
        if found.get_ref(1)? == ValueRef::Null {
            continue;
        }
        let label = label_in(found, 0)?;
        holder.labels.insert(label.name.clone(), label);
    }
    Ok(holder)
}

/// The newest moves of a label, or those before a version; `None` where there is no such persona or
/// it never had the label.
pub(crate) fn moves_of(
    connection: &Connection,
    id: PersonaId,
    name: &LabelName,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Option<LabelMovePage>> {
    in_one_snapshot(connection, || {
        let was_moved = newest_version(connection, id, name)? > 0;
        was_moved.then(|| page_of_moves(connection, id, name, before, limit)).transpose()
    })
}

fn page_of_moves(
    connection: &Connection,
    id: PersonaId,
    name: &LabelName,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<LabelMovePage> {
    let before = before.map_or(i64::MAX, row::stored);
    // One more tells whether there are more.
    let count = row::stored(limit as u64 + 1);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MOVE}
         FROM label_moves AS m
         WHERE persona = ?1 AND label = ?2 AND version < ?3
         ORDER BY version DESC
         LIMIT ?4"
    ))?;
    let found = statement
        .query_map(params![id.as_bytes(), name.as_str(), before, count], |found| {
            record_in(found, 0).map(|(_, _, record)| record)
        })?;
    let mut items = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    Ok(LabelMovePage { items, has_more })
}

/// How often a label was moved.
fn newest_version(
    connection: &Connection,
    id: PersonaId,
    name: &LabelName,
) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT coalesce(max(version), 0) FROM label_moves WHERE persona = ?1 AND label = ?2",
        )?
        .query_row(params![id.as_bytes(), name.as_str()], |found| row::number(found, 0))
}

/// Moves labels, in the transaction that is open. On an error the caller gives it up. A repetition
/// of moves with an idempotency key is answered as the moves were.
pub(crate) fn move_all(
    connection: &Connection,
    wanted: &LabelMoves,
    time: &Time,
    keys_max: u64,
) -> Result<Vec<MovedLabel>, NotApplied> {
    if let Some(key) = &wanted.idempotency {
        if let Some(told) = idempotency::find_moves(connection, key, wanted)? {
            return Ok(told);
        }
        if idempotency::is_full(connection, keys_max).map_err(from_driver)? {
            return Err(Error::TooManyKeys { max: keys_max }.into());
        }
    }
    let mut newest = feed::last_time_before(connection, newest_of(time.now()))
        .map_err(|error| NotApplied::from(from_driver(error)))?;
    let mut holders: HashMap<PersonaId, Holder> = HashMap::new();
    let mut moved = Vec::with_capacity(wanted.moves().len());
    for (place, one) in wanted.moves().iter().enumerate() {
        let mut step = || -> Result<MovedLabel, Error> {
            let holder = match holders.entry(one.persona) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let holder = holder(connection, one.persona).map_err(from_driver)?;
                    let Some(holder) = holder else {
                        let tombstone =
                            purged::find(connection, one.persona).map_err(from_driver)?;
                        return Err(refusal_of(&wanted.viewer, tombstone.as_ref()));
                    };
                    place.insert(holder)
                }
            };
            if !holder.labels.contains_key(&one.name) {
                let version = newest_version(connection, one.persona, &one.name);
                holder.removed.insert(one.name.clone(), version.map_err(from_driver)?);
            }
            let stamp = || after(newest, time.now());
            match holder.decide(wanted, one, stamp)? {
                Decision::Unchanged(told) => Ok(told),
                Decision::Move(placed) => {
                    if let Some(revision) = placed.record.revision {
                        revisions::check_kept(connection, placed.persona, revision)?;
                    }
                    newest = placed.record.at;
                    keep(connection, &placed).map_err(from_driver)?;
                    holder.apply(&placed);
                    Ok(placed.told_of())
                }
            }
        };
        moved.push(step().map_err(NotApplied::at(place))?);
    }
    if let Some(key) = &wanted.idempotency
        && let Some(first) = wanted.moves().first().and_then(|one| holders.get(&one.persona))
    {
        let of = (first.id, first.latest);
        idempotency::insert_moves(connection, key, of, wanted, &moved, after(newest, time.now()))
            .map_err(from_driver)?;
    }
    Ok(moved)
}

/// Keeps a move: its line in the feed, the move itself, and where the label points then.
fn keep(connection: &Connection, placed: &Placed) -> rusqlite::Result<()> {
    let Placed { persona, name, record, told, .. } = placed;
    let sequence = feed::insert_label(connection, *persona, *told, placed.kind(), record.at, name)?;
    put_move(connection, sequence, *persona, name, record)
}

/// Adds a move and sets the label, or removes it.
pub(crate) fn put_move(
    connection: &Connection,
    sequence: i64,
    persona: PersonaId,
    name: &LabelName,
    record: &MoveRecord,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO label_moves (sequence, persona, label, version, revision, at, author, checksum)
             VALUES (:sequence, :persona, :label, :version, :revision, :at, :author, :checksum)",
        )?
        .execute(named_params! {
            ":sequence": sequence,
            ":persona": persona.as_bytes(),
            ":label": name.as_str(),
            ":version": row::stored(record.version),
            ":revision": record.revision.map(|revision| row::stored(revision.number())),
            ":at": record.at.as_micros(),
            ":author": record.author,
            ":checksum": record.checksum(persona, name),
        })?;
    if record.revision.is_none() {
        return connection
            .prepare_cached("DELETE FROM labels WHERE persona = ?1 AND label = ?2")?
            .execute(params![persona.as_bytes(), name.as_str()])
            .map(drop);
    }
    connection
        .prepare_cached(
            "INSERT INTO labels (persona, label, version)
             VALUES (?1, ?2, ?3)
             ON CONFLICT (persona, label) DO UPDATE
             SET version = excluded.version",
        )?
        .execute(params![persona.as_bytes(), name.as_str(), row::stored(record.version)])
        .map(drop)
}

/// What is wrong with single moves, one line for each.
pub(crate) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare(&format!("SELECT {MOVE}, m.sequence FROM label_moves AS m ORDER BY sequence"))?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let Some(found) = rows.next()? {
        if let Err(error) = record_in(found, 0) {
            faults.push(format!("move {} of a label: {error}", found.get::<_, i64>(7)?));
        }
    }
    Ok(faults)
}

/// The label that a move in neighbouring columns has set.
fn label_in(found: &Row<'_>, first: usize) -> rusqlite::Result<Label> {
    let (persona, name, record) = record_in(found, first)?;
    Label::after(persona, &name, &record)
        .ok_or_else(|| damage(format!("the label {name} of {persona} points nowhere")))
}

/// A move in neighbouring columns, those of [`MOVE`].
pub(crate) fn record_in(
    found: &Row<'_>,
    first: usize,
) -> rusqlite::Result<(PersonaId, LabelName, MoveRecord)> {
    let persona = row::id(found, first)?;
    let name = name_in(found, first + 1)?;
    let is_set = found.get_ref(first + 3)? != ValueRef::Null;
    let record = MoveRecord {
        version: row::number(found, first + 2)?,
        revision: is_set.then(|| row::revision(found, first + 3)).transpose()?,
        at: row::time(found, first + 4)?,
        author: found.get(first + 5)?,
    };
    if record.checksum(persona, &name) == found.get::<_, u32>(first + 6)? {
        Ok((persona, name, record))
    } else {
        Err(damage(format!(
            "move {} of the label {name} of {persona} does not fit its checksum",
            record.version
        )))
    }
}

/// A column with the word of a label.
pub(crate) fn name_in(found: &Row<'_>, column: usize) -> rusqlite::Result<LabelName> {
    let text = found.get_ref(column)?.as_str()?;
    LabelName::parse(text).map_err(|bad| damage(format!("the label {text:?} is none: {bad}")))
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
