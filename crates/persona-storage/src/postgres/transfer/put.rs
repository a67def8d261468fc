//! Rows of many personas in a few statements: each value a list, unfolded by the database.

use persona_model::PersonaId;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::connection::Parameter;
use super::super::found_by::FoundBy;
use super::super::row;
use super::session::Session;
use crate::handle::FormerHandle;
use crate::transfer::{Entry, KeyRecord, PersonaRow, RevisionRow, TransferError};

const REVISIONS: &str = "
    INSERT INTO persona_store.revisions (persona, revision, parent, base, at, author, note, changed, deleted, head, document, operation)
    SELECT *, '00000000-0000-0000-0000-000000000000'::uuid
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                $9::boolean[], $10::text[], $11::text[])";

/// Drops what was dropped since an earlier batch copied it: what is between a revision and the last
/// one before it that is kept.
const DROP: &str = "
    UPDATE persona_store.revisions AS r
    SET base = NULL, note = NULL, changed = '[]', head = '', document = ''
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS new (persona, previous, revision)
    WHERE r.persona = new.persona AND r.revision > new.previous AND r.revision < new.revision AND r.head <> ''";

const CHANGES: &str = "
    INSERT INTO persona_store.changes (sequence, persona, revision, kind, at, label)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])";

/// A handle may go from one persona to another within a batch: first no persona of the batch has
/// any.
const RELEASE: &str =
    "UPDATE persona_store.personas SET handle = NULL WHERE id = ANY ($1) AND handle IS NOT NULL";

const UNFOLDED: &str = "unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[], $8::bigint[],
                $9::bigint[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::text[], $15::text[])
         AS new (id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at, created_by, updated_by,
                 content_hash, head, document, owner)";

const UNTAG: &str = "DELETE FROM persona_store.persona_tags WHERE persona = ANY ($1)";

const KEYS: &str = "
    INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, at, moves)
    SELECT key, fingerprint, outcome, persona, revision, '00000000-0000-0000-0000-000000000000'::uuid,
           -- The two databases count from anywhere. What is ahead of the count here is set back to it by the maintenance process.
           greatest(at, (SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us')),
           moves
    FROM unnest($1::text[], $2::bytea[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[])
         AS new (key, fingerprint, outcome, persona, revision, at, moves)
    ON CONFLICT (key) DO UPDATE
    SET fingerprint = excluded.fingerprint, outcome = excluded.outcome, persona = excluded.persona,
        revision = excluded.revision, operation = excluded.operation, at = excluded.at, moves = excluded.moves";

const FORMER_HANDLES: &str = "
    INSERT INTO persona_store.former_handles (handle, owner, persona)
    SELECT handle, owner, persona
    FROM unnest($1::text[], $2::text[], $3::uuid[]) AS new (handle, owner, persona)
    WHERE NOT EXISTS (
        SELECT 1 FROM persona_store.personas AS p
        WHERE p.handle = new.handle AND p.owner = new.owner AND p.deleted_at IS NULL
    )
    ON CONFLICT (handle, owner) DO NOTHING";

/// A column of a list of rows.
pub(super) fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

pub(super) fn identity(id: PersonaId) -> Uuid {
    row::uuid(id)
}

impl Session {
    /// Drops what these revisions say is not kept before them.
    fn drop_between(&mut self, rows: &[(&Entry, &RevisionRow)]) -> Result<(), TransferError> {
        let is_behind_gap = |(entry, row): &&(&Entry, &RevisionRow)| {
            !row.is_dropped() && row.parent.is_some_and(|parent| parent < entry.revision - 1)
        };
        let rows: Vec<_> = rows.iter().filter(is_behind_gap).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let values: [Parameter<'_>; 3] = [
            (&column(&rows, |(entry, _)| identity(entry.persona)), Type::UUID_ARRAY),
            (&column(&rows, |(_, row)| row.parent), Type::INT8_ARRAY),
            (&column(&rows, |(entry, _)| entry.revision), Type::INT8_ARRAY),
        ];
        self.rows(DROP, &values).map(drop)
    }

    /// Adds lines of the feed, `base` further on, with their revisions, moves of labels and
    /// tombstones.
    pub(super) fn put_entries(
        &mut self,
        entries: &[Entry],
        base: i64,
    ) -> Result<(), TransferError> {
        let rows: Vec<(&Entry, &RevisionRow)> =
            entries.iter().filter_map(|entry| Some((entry, entry.revision_row()?))).collect();
        let values: [Parameter<'_>; 11] = [
            (&column(&rows, |(entry, _)| identity(entry.persona)), Type::UUID_ARRAY),
            (&column(&rows, |(entry, _)| entry.revision), Type::INT8_ARRAY),
            (&column(&rows, |(_, row)| row.parent), Type::INT8_ARRAY),
            (&column(&rows, |(_, row)| row.base), Type::INT8_ARRAY),
            (&column(&rows, |(_, row)| row.made_at), Type::INT8_ARRAY),
            (&column(&rows, |(_, row)| row.author.as_deref()), Type::TEXT_ARRAY),
            (&column(&rows, |(_, row)| row.note.as_deref()), Type::TEXT_ARRAY),
            (&column(&rows, |(_, row)| row.changed.as_str()), Type::TEXT_ARRAY),
            (&column(&rows, |(_, row)| row.deleted), Type::BOOL_ARRAY),
            (&column(&rows, |(_, row)| row.metadata.as_str()), Type::TEXT_ARRAY),
            (&column(&rows, |(_, row)| row.document.as_str()), Type::TEXT_ARRAY),
        ];
        self.rows(REVISIONS, &values)?;
        self.drop_between(&rows)?;
        let label = |entry: &'_ Entry| entry.label().map(ToString::to_string);
        let values: [Parameter<'_>; 6] = [
            (&column(entries, |entry| entry.sequence + base), Type::INT8_ARRAY),
            (&column(entries, |entry| identity(entry.persona)), Type::UUID_ARRAY),
            (&column(entries, |entry| entry.revision), Type::INT8_ARRAY),
            (&column(entries, |entry| entry.kind.as_str()), Type::TEXT_ARRAY),
            (&column(entries, |entry| entry.at), Type::INT8_ARRAY),
            (&column(entries, label), Type::TEXT_ARRAY),
        ];
        self.rows(CHANGES, &values)?;
        self.put_moves(entries, base)?;
        self.put_purges(entries, base)
    }

    /// Writes personas as they are after a batch: those that come into being in it, and those that
    /// were there.
    pub(super) fn put_personas(
        &mut self,
        new: &[PersonaRow],
        changed: &[PersonaRow],
    ) -> Result<(), TransferError> {
        if !changed.is_empty() {
            let ids = column(changed, |persona| identity(persona.id));
            self.rows(RELEASE, &[(&ids, Type::UUID_ARRAY)])?;
            self.rows(UNTAG, &[(&ids, Type::UUID_ARRAY)])?;
            let update = format!(
                "UPDATE persona_store.personas AS p
                 SET revision = new.revision, name = new.name, kind = new.kind, handle = new.handle, is_active = new.is_active,
                     updated_at = new.updated_at, deleted_at = new.deleted_at, updated_by = new.updated_by,
                     content_hash = new.content_hash, head = new.head, document = new.document, owner = new.owner
                 FROM {UNFOLDED}
                 WHERE p.id = new.id"
            );
            self.put_rows(&update, changed)?;
        }
        if !new.is_empty() {
            let insert = format!(
                "INSERT INTO persona_store.personas (id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                                                     created_by, updated_by, content_hash, head, document, owner)
                 SELECT * FROM {UNFOLDED}"
            );
            self.put_rows(&insert, new)?;
        }
        // Those that had tags have none any more.
        let rows: Vec<_> = new
            .iter()
            .chain(changed)
            .map(|persona| FoundBy {
                id: persona.id,
                tags: &persona.tags,
                document: &persona.found_by,
            })
            .collect();
        self.put_found_by(&rows)
    }

    fn put_rows(&mut self, sql: &str, rows: &[PersonaRow]) -> Result<(), TransferError> {
        let values: [Parameter<'_>; 15] = [
            (&column(rows, |row| identity(row.id)), Type::UUID_ARRAY),
            (&column(rows, |row| row.revision), Type::INT8_ARRAY),
            (&column(rows, |row| row.name.as_str()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.kind.as_str()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.handle.as_deref()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.is_active), Type::BOOL_ARRAY),
            (&column(rows, |row| row.created_at), Type::INT8_ARRAY),
            (&column(rows, |row| row.updated_at), Type::INT8_ARRAY),
            (&column(rows, |row| row.deleted_at), Type::INT8_ARRAY),
            (&column(rows, |row| row.created_by.as_deref()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.updated_by.as_deref()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.content_hash.as_slice()), Type::BYTEA_ARRAY),
            (&column(rows, |row| row.metadata.as_str()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.document.as_str()), Type::TEXT_ARRAY),
            (&column(rows, |row| row.owner.as_str()), Type::TEXT_ARRAY),
        ];
        self.rows(sql, &values).map(drop)
    }

    /// Adds handles that were given up, but those that lead to a persona here already.
    pub(super) fn put_former_handles(
        &mut self,
        former: &[FormerHandle],
    ) -> Result<(), TransferError> {
        let values: [Parameter<'_>; 3] = [
            (&column(former, |one| one.handle.handle.as_str()), Type::TEXT_ARRAY),
            (&column(former, |one| one.handle.owner.as_str()), Type::TEXT_ARRAY),
            (&column(former, |one| identity(one.persona)), Type::UUID_ARRAY),
        ];
        self.rows(FORMER_HANDLES, &values).map(drop)
    }

    /// Adds records of keys, or replaces those with the same keys. None is older than the count of
    /// this database, so that each is kept for a day more if the count is ahead of that of the
    /// source.
    pub(super) fn put_keys(&mut self, records: &[KeyRecord]) -> Result<(), TransferError> {
        let values: [Parameter<'_>; 7] = [
            (&column(records, |record| record.key.as_str()), Type::TEXT_ARRAY),
            (&column(records, |record| record.fingerprint.as_slice()), Type::BYTEA_ARRAY),
            (&column(records, |record| record.outcome.as_str()), Type::TEXT_ARRAY),
            (&column(records, |record| identity(record.persona)), Type::UUID_ARRAY),
            (&column(records, |record| record.revision), Type::INT8_ARRAY),
            (&column(records, |record| record.at), Type::INT8_ARRAY),
            (&column(records, |record| record.moves.as_deref()), Type::TEXT_ARRAY),
        ];
        self.read(KEYS, &values).map(drop)
    }
}
