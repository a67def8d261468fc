//! The rows that a file gets from the other side of a transfer.

use persona_model::Document;
use rusqlite::{OptionalExtension, Transaction, named_params, params};

use crate::sqlite::error::damage;
use crate::sqlite::search;
use crate::sqlite::tables::checksum;
use crate::transfer::{Entry, PersonaRow};

/// Writes a persona as it is after a batch, with its tags and words. Tells whether it is a new one.
pub(super) fn put_persona(
    transaction: &Transaction<'_>,
    persona: &PersonaRow,
) -> rusqlite::Result<bool> {
    let find = "SELECT row_id, document FROM personas WHERE id = ?1";
    let before: Option<(i64, String)> = transaction
        .prepare_cached(find)?
        .query_row([persona.id.as_bytes()], |found| Ok((found.get(0)?, found.get(1)?)))
        .optional()?;
    let row_id = if let Some((row_id, _)) = before {
        row_id
    } else {
        let next = "SELECT coalesce((SELECT row_id FROM move_order WHERE id = ?1),
                                        max(coalesce((SELECT max(row_id) FROM personas), 0),
                                            (SELECT count(*) FROM move_order)) + 1)";
        transaction
            .prepare_cached(next)?
            .query_row([persona.id.as_bytes()], |found| found.get(0))?
    };
    transaction
        .prepare_cached(
            "INSERT INTO personas (row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                                   created_by, updated_by, content_hash, head, document, checksum)
             VALUES (:row_id, :id, :revision, :name, :kind, :handle, :is_active, :created_at, :updated_at, :deleted_at,
                     :created_by, :updated_by, :content_hash, :head, :document, :checksum)
             ON CONFLICT (row_id) DO UPDATE
             SET revision = excluded.revision, name = excluded.name, kind = excluded.kind, handle = excluded.handle,
                 is_active = excluded.is_active, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
                 updated_by = excluded.updated_by, content_hash = excluded.content_hash, head = excluded.head,
                 document = excluded.document, checksum = excluded.checksum",
        )?
        .execute(named_params! {
            ":row_id": row_id,
            ":id": persona.id.as_bytes(),
            ":revision": persona.revision,
            ":name": persona.name,
            ":kind": persona.kind,
            ":handle": persona.handle,
            ":is_active": persona.is_active,
            ":created_at": persona.created_at,
            ":updated_at": persona.updated_at,
            ":deleted_at": persona.deleted_at,
            ":created_by": persona.created_by,
            ":updated_by": persona.updated_by,
            ":content_hash": persona.content_hash,
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

/// Adds a line of the feed and its revision.
pub(super) fn put_entry(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO revisions (persona, revision, parent, base, at, author, note, changed, deleted, head, document, checksum)
             VALUES ((SELECT row_id FROM personas WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            entry.persona.as_bytes(),
            entry.revision,
            entry.parent,
            entry.base,
            entry.made_at,
            entry.author,
            entry.note,
            entry.changed,
            entry.deleted,
            entry.metadata,
            entry.document,
            checksum::of(entry.persona, entry.revision, entry.deleted, &entry.metadata, &entry.document),
        ])?;
    transaction
        .prepare_cached("INSERT INTO changes (sequence, persona, revision, kind, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![entry.sequence, entry.persona.as_bytes(), entry.revision, entry.kind, entry.at])?;
    Ok(())
}
