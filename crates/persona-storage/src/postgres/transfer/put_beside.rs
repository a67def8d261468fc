//! What the lines of the feed that are about no revision stand for: moves of labels and purges.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::connection::Parameter;
use super::super::row;
use super::put::{column, identity};
use super::session::Session;
use crate::transfer::{Entry, EntryOf, PurgeRow, TransferError};

const MOVES: &str = "
    INSERT INTO persona_store.label_moves (sequence, persona, label, version, revision, at, author, operation)
    SELECT *, '00000000-0000-0000-0000-000000000000'::uuid
    FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])";

/// Labels as the newest of their moves leaves them: where it points nowhere, there is none.
const LABELS: &str = "
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
             AS new (persona, label, version, revision)
    ),
    removed AS (
        DELETE FROM persona_store.labels AS l
        USING new
        WHERE l.persona = new.persona AND l.label = new.label AND new.revision IS NULL
    )
    INSERT INTO persona_store.labels (persona, label, version)
    SELECT persona, label, version FROM new WHERE revision IS NOT NULL
    ON CONFLICT (persona, label) DO UPDATE
    SET version = excluded.version";

/// Tombstones, each with the first revision of its persona, without its content.
const PURGED: &str = "
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
             AS new (persona, sequence, revision, owner, at, author)
    ),
    emptied AS (
        INSERT INTO persona_store.revisions (persona, revision, at, changed, deleted, head, document, operation)
        SELECT persona, 1, at, '[]', false, '', '', '00000000-0000-0000-0000-000000000000'::uuid FROM new
    )
    INSERT INTO persona_store.purged (persona, sequence, revision, owner, at, author, operation)
    SELECT *, '00000000-0000-0000-0000-000000000000'::uuid FROM new";

/// What an earlier batch added of personas that were purged since.
const REMOVED: [&str; 9] = [
    "UPDATE persona_store.idempotency AS i SET moves = '[]' FROM unnest($1) AS gone (id)
     WHERE strpos(i.moves, ('[\"' || gone.id::text || '\",') COLLATE \"C\") > 0",
    "DELETE FROM persona_store.persona_tags WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.persona_titles WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.persona_texts WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.labels WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.label_moves WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.former_handles WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.revisions WHERE persona = ANY ($1)",
    "DELETE FROM persona_store.personas WHERE id = ANY ($1)",
];

/// Which of some personas there are, or were purged.
const KNOWN: &str = "
    SELECT id FROM persona_store.personas WHERE id = ANY ($1)
    UNION ALL
    SELECT persona FROM persona_store.purged WHERE persona = ANY ($1)";

/// One of some personas that the database had before a transfer added to it.
const OWN: &str = "
    SELECT persona FROM persona_store.changes WHERE sequence <= $2 AND persona = ANY ($1) LIMIT 1";

/// A move of a label as the database takes it.
struct MoveRow {
    sequence: i64,
    persona: Uuid,
    label: String,
    version: i64,
    revision: Option<i64>,
    at: i64,
    author: Option<String>,
}

impl Session {
    /// Adds the moves of labels of some lines, and leaves each label where the newest one does.
    pub(super) fn put_moves(&mut self, entries: &[Entry], base: i64) -> Result<(), TransferError> {
        let of = |entry: &'_ Entry| {
            let (name, record) = entry.label_move()?;
            let revision = record.revision.map(|revision| row::stored(revision.number()));
            Some(MoveRow {
                sequence: entry.sequence + base,
                persona: identity(entry.persona),
                label: name.to_string(),
                version: row::stored(record.version),
                revision,
                at: record.at.as_micros(),
                author: record.author.clone(),
            })
        };
        let moves: Vec<MoveRow> = entries.iter().filter_map(of).collect();
        if moves.is_empty() {
            return Ok(());
        }
        let values: [Parameter<'_>; 7] = [
            (&column(&moves, |one| one.sequence), Type::INT8_ARRAY),
            (&column(&moves, |one| one.persona), Type::UUID_ARRAY),
            (&column(&moves, |one| one.label.as_str()), Type::TEXT_ARRAY),
            (&column(&moves, |one| one.version), Type::INT8_ARRAY),
            (&column(&moves, |one| one.revision), Type::INT8_ARRAY),
            (&column(&moves, |one| one.at), Type::INT8_ARRAY),
            (&column(&moves, |one| one.author.as_deref()), Type::TEXT_ARRAY),
        ];
        self.rows(MOVES, &values)?;
        let newest: BTreeMap<(Uuid, &str), &MoveRow> =
            moves.iter().map(|one| ((one.persona, one.label.as_str()), one)).collect();
        let newest: Vec<&MoveRow> = newest.into_values().collect();
        let values: [Parameter<'_>; 4] = [
            (&column(&newest, |one| one.persona), Type::UUID_ARRAY),
            (&column(&newest, |one| one.label.as_str()), Type::TEXT_ARRAY),
            (&column(&newest, |one| one.version), Type::INT8_ARRAY),
            (&column(&newest, |one| one.revision), Type::INT8_ARRAY),
        ];
        self.rows(LABELS, &values).map(drop)
    }

    /// Fails where the database had a persona, or a tombstone, with the identity of a persona that
    /// was purged in the source: what came of that persona could not be told from its own.
    pub(super) fn refuse_own_purged(
        &mut self,
        entries: &[Entry],
        base: i64,
    ) -> Result<(), TransferError> {
        let is_of_purged =
            |entry: &&Entry| matches!(entry.of, EntryOf::Purge(_) | EntryOf::Gone(_));
        let ids = entries.iter().filter(is_of_purged).map(|entry| identity(entry.persona));
        let mut ids: Vec<Uuid> = ids.collect();
        for (sql, base) in [(KNOWN, None), (OWN, Some(base))] {
            if ids.is_empty() {
                return Ok(());
            }
            let parameters: [Parameter<'_>; 2] = [(&ids, Type::UUID_ARRAY), (&base, Type::INT8)];
            let parameters = if base.is_some() { &parameters[..] } else { &parameters[..1] };
            let rows = self.read(sql, parameters)?;
            ids = self.each(&rows, |found| row::value(found, 0))?;
        }
        ids.first().map_or(Ok(()), |id| {
            let reason = format!("persona {id}, which was purged in the source, was there before");
            Err(TransferError::Taken { place: self.settings.place(), reason })
        })
    }

    /// Adds the tombstones of some lines, and removes what is there of their personas.
    pub(super) fn put_purges(&mut self, entries: &[Entry], base: i64) -> Result<(), TransferError> {
        let purges: Vec<(&Entry, &PurgeRow)> =
            entries.iter().filter_map(|entry| Some((entry, entry.purge_row()?))).collect();
        if purges.is_empty() {
            return Ok(());
        }
        let ids = column(&purges, |(entry, _)| identity(entry.persona));
        for sql in REMOVED {
            self.rows(sql, &[(&ids, Type::UUID_ARRAY)])?;
        }
        let values: [Parameter<'_>; 6] = [
            (&ids, Type::UUID_ARRAY),
            (&column(&purges, |(entry, _)| entry.sequence + base), Type::INT8_ARRAY),
            (&column(&purges, |(entry, _)| entry.revision), Type::INT8_ARRAY),
            (&column(&purges, |(_, row)| row.owner.as_str()), Type::TEXT_ARRAY),
            (&column(&purges, |(entry, _)| entry.at), Type::INT8_ARRAY),
            (&column(&purges, |(_, row)| row.author.as_deref()), Type::TEXT_ARRAY),
        ];
        self.rows(PURGED, &values).map(drop)
    }
}
