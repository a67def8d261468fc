//! What is read of a file, whichever side it is.

use std::path::PathBuf;

use persona_model::{Document, PersonaId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use crate::Token;
use crate::handle::{FormerHandle, Handle};
use crate::sqlite::DatabaseError;
use crate::sqlite::error::damage;
use crate::sqlite::tables::{checksum, handles, labels, purged, row, tokens};
use crate::transfer::{
    Counts, Entry, EntryOf, KeyRecord, Line, PersonaDigest, PersonaRow, PurgeRow, RevisionRow,
    Side, TransferError, line_digest, persona_digest,
};

/// An open file, with its name for errors.
pub(super) struct File {
    pub path: PathBuf,
    pub connection: Connection,
}

impl File {
    pub(super) fn failed(&self, error: rusqlite::Error) -> TransferError {
        DatabaseError::from_connection(&self.path, &self.connection, error).into()
    }

    /// The next lines of the feed with their revisions, one after the other, as long as they are
    /// wanted.
    pub(super) fn entries(
        &self,
        after: i64,
        limit: i64,
        mut each: impl FnMut(Entry) -> bool,
    ) -> Result<(), TransferError> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(
                "SELECT c.sequence, c.persona, c.revision, c.kind, c.at, p.created_at, p.created_by,
                        r.parent, r.base, r.at, r.author, r.note, r.changed, r.revision, r.deleted, r.head, r.document, r.checksum,
                        c.label, m.persona, m.label, m.version, m.revision, m.at, m.author, m.checksum,
                        x.sequence, x.owner, x.author
                 FROM changes AS c
                 LEFT JOIN personas AS p ON p.id = c.persona
                 LEFT JOIN revisions AS r ON r.sequence = c.sequence AND r.revision = c.revision
                 LEFT JOIN label_moves AS m ON m.sequence = c.sequence
                 LEFT JOIN purged AS x ON x.persona = c.persona
                 WHERE c.sequence > ?1
                 ORDER BY c.sequence
                 LIMIT ?2",
            )?;
            let mut rows = statement.query([after, limit])?;
            while let Some(found) = rows.next()? {
                if !each(entry(found)?) {
                    break;
                }
            }
            Ok(())
        };
        read().map_err(|error| self.failed(error))
    }

    fn persona(&self, found: &Row<'_>) -> rusqlite::Result<PersonaDigest> {
        let mut tags = self
            .connection
            .prepare_cached("SELECT tag FROM persona_tags WHERE persona = ?1 ORDER BY tag")?;
        let tags = tags
            .query_map([found.get::<_, i64>(0)?], |tag| tag.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let document: String = found.get(14)?;
        let id = row::id(found, 1)?;
        let read = Document::from_stored(&document)
            .map_err(|invalid| damage(format!("persona {id} cannot be read: {invalid}")))?;
        let persona = PersonaRow {
            id,
            revision: found.get(2)?,
            name: found.get(3)?,
            kind: found.get(4)?,
            handle: found.get(5)?,
            owner: found.get(15)?,
            is_active: found.get(6)?,
            created_at: found.get(7)?,
            updated_at: found.get(8)?,
            deleted_at: found.get(9)?,
            created_by: found.get(10)?,
            updated_by: found.get(11)?,
            content_hash: found.get(12)?,
            metadata: found.get(13)?,
            document,
            tags,
            // The index itself holds no texts that could be read back; these are the words that it
            // was made of.
            found_by: read,
        };
        let digest = persona_digest(&persona);
        let PersonaRow { owner, handle, deleted_at, .. } = persona;
        let handle = handle.filter(|_| deleted_at.is_none());
        let handle = handle.map(|handle| Handle { owner, handle });
        Ok(PersonaDigest { id, revision: persona.revision, handle, digest })
    }

    pub(super) fn keys_after(
        &self,
        after: &(i64, String),
        limit: i64,
    ) -> Result<Vec<KeyRecord>, TransferError> {
        let read = || -> rusqlite::Result<Vec<KeyRecord>> {
            let sql = format!("{KEY} WHERE (at, key) > (?1, ?2) ORDER BY at, key LIMIT ?3");
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map(params![after.0, after.1, limit], key_record)?.collect()
        };
        read().map_err(|error| self.failed(error))
    }
}

impl Side for File {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn counts(&mut self) -> Result<Counts, TransferError> {
        // Revisions of a purged persona that are still to be removed do not count.
        let sql = format!(
            "SELECT (SELECT count(*) FROM personas),
                    (SELECT count(*) FROM revisions) - {},
                    (SELECT count(*) FROM changes)",
            purged::ROWS_LEFT
        );
        let counts = self.connection.query_row(&sql, [], |found| {
            Ok(Counts {
                personas: row::number(found, 0)?,
                revisions: row::number(found, 1)?,
                changes: row::number(found, 2)?,
            })
        });
        counts.map_err(|error| self.failed(error))
    }

    fn lines(&mut self, after: i64, limit: i64) -> Result<Vec<Line>, TransferError> {
        let mut lines = Vec::new();
        self.entries(after, limit, |entry| {
            let digest = line_digest(&entry);
            lines.push(Line {
                sequence: entry.sequence,
                persona: entry.persona,
                revision: entry.revision,
                digest,
                is_gone: matches!(entry.of, EntryOf::Gone(_)),
                is_dropped: entry.revision_row().is_some_and(RevisionRow::is_dropped),
            });
            true
        })?;
        Ok(lines)
    }

    fn personas_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaDigest>, TransferError> {
        let read = || -> rusqlite::Result<Vec<PersonaDigest>> {
            let mut statement = self
                .connection
                .prepare_cached(&format!("{PERSONA} WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
            let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            let rows = statement.query_map(params![after, limit], |found| self.persona(found))?;
            rows.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    fn personas_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaDigest>, TransferError> {
        let read = |id: &PersonaId| -> rusqlite::Result<Option<PersonaDigest>> {
            let mut statement =
                self.connection.prepare_cached(&format!("{PERSONA} WHERE id = ?1"))?;
            statement.query_row([id.as_bytes()], |found| self.persona(found)).optional()
        };
        ids.iter()
            .filter_map(|id| read(id).map_err(|error| self.failed(error)).transpose())
            .collect()
    }

    fn purged_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaId>, TransferError> {
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let read = || -> rusqlite::Result<Vec<PersonaId>> {
            let sql = "SELECT persona FROM purged WHERE persona > ?1 ORDER BY persona LIMIT ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params![after, limit], |found| row::id(found, 0))?.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    fn purged_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaId>, TransferError> {
        let mut found = Vec::new();
        for id in ids {
            let tombstone = purged::find(&self.connection, *id);
            found.extend(tombstone.map_err(|error| self.failed(error))?.map(|one| one.id));
        }
        Ok(found)
    }

    fn keys_named(&mut self, keys: &[String]) -> Result<Vec<KeyRecord>, TransferError> {
        let read = |key: &String| -> rusqlite::Result<Option<KeyRecord>> {
            let mut statement = self.connection.prepare_cached(&format!("{KEY} WHERE key = ?1"))?;
            statement.query_row([key], key_record).optional()
        };
        keys.iter()
            .filter_map(|key| read(key).map_err(|error| self.failed(error)).transpose())
            .collect()
    }

    fn tokens(&mut self) -> Result<Vec<Token>, TransferError> {
        tokens::all(&self.connection).map_err(|error| self.failed(error))
    }

    fn former_handles(
        &mut self,
        after: Option<&Handle>,
        limit: i64,
    ) -> Result<Vec<FormerHandle>, TransferError> {
        handles::former_after(&self.connection, after, limit).map_err(|error| self.failed(error))
    }

    fn labels(&mut self) -> Result<Vec<u8>, TransferError> {
        let read = || -> rusqlite::Result<Vec<u8>> {
            let sql = "SELECT persona, label, version FROM labels ORDER BY persona, label";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut digest = Sha256::new();
            while let Some(found) = rows.next()? {
                let (persona, label) = (row::id(found, 0)?, found.get_ref(1)?.as_str()?);
                digest.update(format!("{persona} {label} {}\n", row::number(found, 2)?));
            }
            Ok(digest.finalize().to_vec())
        };
        read().map_err(|error| self.failed(error))
    }
}

const PERSONA: &str = "SELECT row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                              created_by, updated_by, content_hash, head, document, owner
                       FROM personas";
const KEY: &str = "SELECT key, fingerprint, outcome, persona, revision, at, moves FROM idempotency";

fn key_record(found: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        key: found.get(0)?,
        fingerprint: found.get(1)?,
        outcome: found.get(2)?,
        persona: row::id(found, 3)?,
        revision: found.get(4)?,
        at: found.get(5)?,
        moves: found.get(6)?,
    })
}

fn entry(found: &Row<'_>) -> rusqlite::Result<Entry> {
    let (sequence, persona): (i64, PersonaId) = (found.get(0)?, row::id(found, 1)?);
    let revision: i64 = found.get(2)?;
    let is_about_label = found.get_ref(18)? != ValueRef::Null;
    let of = match found.get::<_, Option<i64>>(26)? {
        Some(line) if line == sequence => {
            Some(EntryOf::Purge(PurgeRow { owner: found.get(27)?, author: found.get(28)? }))
        }
        Some(_) if is_about_label => Some(EntryOf::Gone(Some(labels::name_in(found, 18)?))),
        Some(_) => Some(EntryOf::Gone(None)),
        None if is_about_label => label_move(found, sequence)?,
        None => past(found, persona)?,
    };
    let of = of.ok_or_else(|| {
        damage(format!(
            "change {sequence} is about revision {revision} of persona {persona}, which is not there"
        ))
    })?;
    Ok(Entry { sequence, persona, revision, kind: found.get(3)?, at: found.get(4)?, of })
}

/// The move of a label; `None` where it is missing.
fn label_move(found: &Row<'_>, sequence: i64) -> rusqlite::Result<Option<EntryOf>> {
    if found.get_ref(19)? == ValueRef::Null {
        return Ok(None);
    }
    let (persona, name, record) = labels::record_in(found, 19)?;
    if persona != row::id(found, 1)? || name != labels::name_in(found, 18)? {
        return Err(damage(format!("move {sequence} of a label is not what the feed says")));
    }
    Ok(Some(EntryOf::Label(name, record)))
}

/// The revision; `None` where it is missing.
fn past(found: &Row<'_>, persona: PersonaId) -> rusqlite::Result<Option<EntryOf>> {
    if found.get::<_, Option<i64>>(13)?.is_none() {
        return Ok(None);
    }
    // A damaged text must not be transferred as if a client had written it.
    let texts = checksum::verified(found, 13, persona)?;
    Ok(Some(EntryOf::Revision(Box::new(RevisionRow {
        created_at: found.get(5)?,
        created_by: found.get(6)?,
        parent: found.get(7)?,
        base: found.get(8)?,
        made_at: found.get(9)?,
        author: found.get(10)?,
        note: found.get(11)?,
        changed: found.get(12)?,
        deleted: texts.deleted,
        metadata: texts.metadata.to_owned(),
        document: texts.document.to_owned(),
    }))))
}
