//! The rows that a file gets from the other side of a transfer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use persona_model::{Document, LabelName, PersonaId, Revision, Timestamp};
use rusqlite::{OptionalExtension, Transaction, named_params, params};

use crate::Tombstone;
use crate::sqlite::error::damage;
use crate::sqlite::search;
use crate::sqlite::tables::history::History;
use crate::sqlite::tables::personas;
use crate::sqlite::tables::{checksum, dropped, labels, purged, revisions, row};
use crate::transfer::{Entry, EntryOf, PersonaRow, PurgeRow, RevisionRow};

/// Writes a persona as it is after a batch, with its tags and words. Tells whether it is a new one.
pub(super) fn put_persona(
    transaction: &Transaction<'_>,
    persona: &PersonaRow,
    history: &History,
) -> rusqlite::Result<bool> {
    let find = "SELECT row_id, document FROM personas WHERE id = ?1";
    let before: Option<(i64, String)> = transaction
        .prepare_cached(find)?
        .query_row([persona.id.as_bytes()], |found| Ok((found.get(0)?, found.get(1)?)))
        .optional()?;
    let row_id = match &before {
        Some((row_id, _)) => *row_id,
        None => next_row(transaction, persona.id)?,
    };
    transaction
        .prepare_cached(
            "INSERT INTO personas (row_id, id, revision, name, kind, handle, owner, is_active, created_at, updated_at, deleted_at,
                                   created_by, updated_by, content_hash, checksum, history, head, document)
             VALUES (:row_id, :id, :revision, :name, :kind, :handle, :owner, :is_active, :created_at, :updated_at, :deleted_at,
                     :created_by, :updated_by, :content_hash, :checksum, :history, :head, :document)
             ON CONFLICT (row_id) DO UPDATE
             SET revision = excluded.revision, name = excluded.name, kind = excluded.kind, handle = excluded.handle,
                 owner = excluded.owner, is_active = excluded.is_active, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
                 updated_by = excluded.updated_by, content_hash = excluded.content_hash,
                 checksum = excluded.checksum, history = excluded.history, head = excluded.head, document = excluded.document",
        )?
        .execute(named_params! {
            ":row_id": row_id,
            ":id": persona.id.as_bytes(),
            ":revision": persona.revision,
            ":name": persona.name,
            ":kind": persona.kind,
            ":handle": persona.handle,
            ":owner": persona.owner,
            ":is_active": persona.is_active,
            ":created_at": persona.created_at,
            ":updated_at": persona.updated_at,
            ":deleted_at": persona.deleted_at,
            ":created_by": persona.created_by,
            ":updated_by": persona.updated_by,
            ":content_hash": persona.content_hash,
            ":history": history.bytes(),
            ":head": persona.metadata,
            ":document": persona.document,
            ":checksum": checksum::of(persona.id, persona.revision, persona.deleted_at.is_some(), &persona.metadata, &persona.document),
        })?;
    if before.is_some() {
        transaction
            .prepare_cached("DELETE FROM persona_tags WHERE persona = ?1")?
            .execute([row_id])?;
    }
    let mut tag =
        transaction.prepare_cached("INSERT INTO persona_tags (tag, persona) VALUES (?1, ?2)")?;
    persona.tags.iter().try_for_each(|name| tag.execute(params![name, row_id]).map(drop))?;
    let (text, titles) = (persona.found_by.text_words(), persona.found_by.title_words());
    if let Some((_, old)) = &before {
        let old = Document::from_stored(old)
            .map_err(|invalid| damage(format!("a persona cannot be read: {invalid}")))?;
        search::replace_text(transaction, row_id, text)?;
        search::replace_title(transaction, row_id, old.title_words(), titles)?;
    } else {
        search::put_text(transaction, row_id, text)?;
        search::put_title(transaction, row_id, titles)?;
    }
    Ok(before.is_none())
}

/// The number for the row of a new persona.
fn next_row(transaction: &Transaction<'_>, id: PersonaId) -> rusqlite::Result<i64> {
    let next = "SELECT coalesce((SELECT row_id FROM move_order WHERE id = ?1),
                                max(coalesce((SELECT max(row_id) FROM personas), 0),
                                    (SELECT count(*) FROM move_order)) + 1)";
    transaction.prepare_cached(next)?.query_row([id.as_bytes()], |found| found.get(0))
}

/// Adds lines of the feed with their revisions and moves of labels, and tells where the revisions
/// of the personas that got some are then.
///
/// # Errors
///
/// The code for a damaged database, when the revisions of a persona do not follow each other.
pub(super) fn put_entries(
    transaction: &Transaction<'_>,
    entries: &[Entry],
) -> rusqlite::Result<BTreeMap<PersonaId, History>> {
    let mut histories = BTreeMap::new();
    for entry in entries {
        put_line(transaction, entry)?;
        let row = match &entry.of {
            EntryOf::Revision(row) => row,
            EntryOf::Label(name, record) => {
                labels::put_move(transaction, entry.sequence, entry.persona, name, record)?;
                continue;
            }
            EntryOf::Purge(row) => {
                histories.remove(&entry.persona);
                purged::overwriting(transaction, || put_purge(transaction, entry, row))?;
                continue;
            }
            EntryOf::Gone(_) => continue,
        };
        let history = match histories.entry(entry.persona) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(place) => {
                let history = personas::history(transaction, entry.persona)?;
                place.insert(history.unwrap_or_default())
            }
        };
        // A dropped one can stand for several.
        let first = row.base.filter(|_| row.is_dropped()).unwrap_or(entry.revision);
        let last = u64::try_from(entry.revision).unwrap_or_default();
        let comes_next = u64::try_from(first).is_ok_and(|first| first == history.newest() + 1);
        if !comes_next || last <= history.newest() {
            return Err(damage(format!(
                "change {} is about revision {} of persona {}, and {} comes next",
                entry.sequence,
                entry.revision,
                entry.persona,
                history.newest() + 1
            )));
        }
        drop_between(transaction, entry, row, history)?;
        put_revision(transaction, entry, row, history)?;
        history.add_through(last, entry.sequence);
    }
    Ok(histories)
}

/// Drops what was dropped since an earlier batch copied it: what is between a revision and the last
/// one before it that is kept.
fn drop_between(
    transaction: &Transaction<'_>,
    entry: &Entry,
    row: &RevisionRow,
    history: &History,
) -> rusqlite::Result<()> {
    let previous = row.parent.and_then(|parent| u64::try_from(parent).ok()).unwrap_or_default();
    let (first, last) = (previous + 1, history.newest());
    if row.is_dropped() || first > last {
        return Ok(());
    }
    // One that is dropped already is left as it is.
    for (revision, sequence) in revisions::numbered_between(transaction, history, first, last)? {
        dropped::empty(transaction, entry.persona, revision, sequence)?;
    }
    Ok(())
}

/// Says of a persona of which the last revisions in a batch were dropped that it has them. Its next
/// revision brings what it is then.
pub(super) fn advance_persona(
    transaction: &Transaction<'_>,
    id: PersonaId,
    history: &History,
) -> rusqlite::Result<()> {
    let revision = row::stored(history.newest());
    let find = "SELECT deleted_at IS NOT NULL, head, document FROM personas WHERE id = ?1";
    let checksum = transaction.prepare_cached(find)?.query_row([id.as_bytes()], |found| {
        let (head, document) = (found.get_ref(1)?.as_str()?, found.get_ref(2)?.as_str()?);
        Ok(checksum::of(id, revision, found.get(0)?, head, document))
    })?;
    transaction
        .prepare_cached(
            "UPDATE personas SET revision = ?2, history = ?3, checksum = ?4 WHERE id = ?1",
        )?
        .execute(params![id.as_bytes(), revision, history.bytes(), checksum])
        .map(drop)
}

/// Keeps a tombstone, and removes what was copied of the persona before it was purged.
fn put_purge(transaction: &Transaction<'_>, entry: &Entry, row: &PurgeRow) -> rusqlite::Result<()> {
    let unreadable = |what: &str| damage(format!("change {} has {what}", entry.sequence));
    let stored = personas::by_id(transaction, entry.persona)
        .map_err(|error| unreadable(&format!("a persona that cannot be read: {error}")))?;
    if let Some(stored) = &stored {
        search::remove_text(transaction, stored.row_id)?;
        let titles = stored.persona.document.title_words();
        search::remove_title(transaction, stored.row_id, titles)?;
        purged::remove_persona(transaction, stored.row_id, &stored.persona)?;
    }
    let revision = u64::try_from(entry.revision).ok().and_then(Revision::new);
    let tombstone = Tombstone {
        id: entry.persona,
        revision: revision.ok_or_else(|| unreadable("a revision that cannot be"))?,
        owner: row.owner.clone(),
        at: Timestamp::from_micros(entry.at),
        author: row.author.clone(),
    };
    let left = stored.map(|stored| stored.history).unwrap_or_default();
    purged::insert(transaction, entry.sequence, &tombstone, &left)?;
    while purged::remove_some(transaction, entry.persona)? {}
    Ok(())
}

/// Adds a line of the feed.
fn put_line(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let label = entry.label().map(LabelName::as_str);
    transaction
        .prepare_cached(
            "INSERT INTO changes (sequence, persona, revision, kind, at, label) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            entry.sequence,
            entry.persona.as_bytes(),
            entry.revision,
            entry.kind,
            entry.at,
            label
        ])
        .map(drop)
}

/// Adds the revision of a line; `earlier` says where the revisions before it are.
fn put_revision(
    transaction: &Transaction<'_>,
    entry: &Entry,
    row: &RevisionRow,
    earlier: &History,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO revisions (sequence, revision, earlier, parent, base, at, author, note, changed, deleted, checksum, head, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            entry.sequence,
            entry.revision,
            earlier.bytes(),
            row.parent,
            row.base,
            row.made_at,
            row.author,
            row.note,
            row.changed,
            row.deleted,
            checksum::of(entry.persona, entry.revision, row.deleted, &row.metadata, &row.document),
            row.metadata,
            row.document,
        ])
        .map(drop)
}

#[cfg(test)]
#[path = "put_tests.rs"]
mod tests;
