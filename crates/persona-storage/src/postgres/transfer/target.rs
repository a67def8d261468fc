//! The database that a transfer fills.
//!
//! The table `persona_store.move_state` is there from the transaction that makes the schema to the
//! one that finishes the transfer: it says what comes from where and how far it is, and as long as
//! it is there no other program uses the database.

use std::collections::BTreeSet;

use persona_model::PersonaId;
use tokio_postgres::types::Type;

use super::super::connection::Parameter;
use super::super::{Settings, migrate, row, token_row};
use super::session::{BEGIN, Session};
use crate::handle::{FormerHandle, Handle};
use crate::transfer::{
    Counts, Entry, KeyRecord, Side, Source, Start, Target, TransferError, newest_kept,
};
use crate::{Error, Token};

const STATE: &str = "
    CREATE TABLE persona_store.move_state (
        only_row BOOLEAN NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
        origin TEXT COLLATE \"C\" NOT NULL,
        base BIGINT NOT NULL,
        position BIGINT NOT NULL,
        personas_before BIGINT NOT NULL,
        revisions_before BIGINT NOT NULL,
        changes_before BIGINT NOT NULL
    );";
const READ_STATE: &str = "
    SELECT origin, base, position, personas_before, revisions_before, changes_before FROM persona_store.move_state";
/// Only a process that knows the position may go on from it: another transfer into the same
/// database has changed it.
const ADVANCE: &str =
    "UPDATE persona_store.move_state SET position = $2 WHERE position = $1 RETURNING position";

/// Removes the transferred rows, which are behind the old end of the feed; none of their personas
/// existed before.
const TAKE_OUT: &str = "
    CREATE TEMPORARY TABLE transferred ON COMMIT DROP AS
        SELECT DISTINCT persona FROM persona_store.changes WHERE sequence > (SELECT base FROM persona_store.move_state);
    DELETE FROM persona_store.idempotency WHERE persona IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.revisions WHERE persona IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.persona_tags WHERE persona IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.personas WHERE id IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.changes WHERE sequence > (SELECT base FROM persona_store.move_state);
    DROP TABLE persona_store.move_state";
/// The same for the tables of words. The table `transferred` stays until the commit.
const TAKE_OUT_WORDS: &str = "
    DELETE FROM persona_store.persona_titles WHERE persona IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.persona_texts WHERE persona IN (SELECT persona FROM transferred)";
/// The same where an earlier version of the program began the transfer.
const TAKE_OUT_COMMON_WORDS: &str =
    "DELETE FROM persona_store.persona_search WHERE persona IN (SELECT persona FROM transferred)";

/// The same for labels.
const TAKE_OUT_LABELS: &str = "
    DELETE FROM persona_store.labels WHERE persona IN (SELECT persona FROM transferred);
    DELETE FROM persona_store.label_moves WHERE persona IN (SELECT persona FROM transferred)";

/// The same for what is left of purged personas.
const TAKE_OUT_PURGED: &str =
    "DELETE FROM persona_store.purged WHERE persona IN (SELECT persona FROM transferred)";

/// The same for handles that were given up.
const TAKE_OUT_HANDLES: &str =
    "DELETE FROM persona_store.former_handles WHERE persona IN (SELECT persona FROM transferred)";

/// The count of elapsed time goes on from the newest record that was transferred, and not from one
/// that is made here before a maintenance process looks: a count that is behind the time of day
/// would jump otherwise, and all that was transferred be forgotten. A count that is there stays.
const BEGIN_COUNT: &str = "
    INSERT INTO persona_store.meta (key, value)
    SELECT 'observed_us', least(max(at), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)::text
    FROM persona_store.idempotency HAVING max(at) IS NOT NULL
    ON CONFLICT (key) DO NOTHING";

/// The database on a server that a transfer fills.
pub(crate) struct ServerTarget {
    session: Session,
    into_existing: bool,
    start_over: bool,
    base: i64,
}

impl ServerTarget {
    /// Connects to the target without changing it.
    pub(crate) fn open(
        settings: &Settings,
        into_existing: bool,
        start_over: bool,
    ) -> Result<Self, TransferError> {
        Ok(Self { session: Session::open(settings)?, into_existing, start_over, base: 0 })
    }

    fn counts_of_schema(&mut self, found: migrate::Found) -> Result<Counts, TransferError> {
        if found.version == 0 { Ok(Counts::default()) } else { self.session.counts() }
    }

    /// The state of an unfinished transfer, if it has the same source.
    fn unfinished(&mut self, origin: &str) -> Result<Start, TransferError> {
        let rows = self.session.read(READ_STATE, &[])?;
        let found = rows
            .first()
            .ok_or_else(|| TransferError::Concurrent { place: self.session.place() })?;
        let failed = |error| self.session.unreadable(&error);
        let known: String = row::value(found, 0).map_err(failed)?;
        if known != origin {
            return Err(TransferError::OtherSource {
                place: self.session.place(),
                source_name: known,
            });
        }
        let number = |column| row::number(found, column).map_err(failed);
        let before = Counts { personas: number(3)?, revisions: number(4)?, changes: number(5)? };
        let (base, position) =
            (row::value(found, 1).map_err(failed)?, row::value(found, 2).map_err(failed)?);
        Ok(Start { position, base, before, resumed: position > 0 })
    }
}

impl Target for ServerTarget {
    fn side(&mut self) -> &mut dyn Side {
        &mut self.session
    }

    fn clear(&mut self) -> Result<(), TransferError> {
        if !self.session.find()?.is_being_filled {
            return Ok(());
        }
        self.session.execute(migrate::BEGIN)?;
        let rows = self.session.rows("SELECT changes_before FROM persona_store.move_state", &[])?;
        let found = rows
            .first()
            .ok_or_else(|| TransferError::Concurrent { place: self.session.place() })?;
        if row::number(found, 0).map_err(|error| self.session.unreadable(&error))? == 0 {
            self.session.execute("DROP SCHEMA persona_store CASCADE")?;
        } else {
            let version = self.session.version_by_content()?;
            self.session.execute(TAKE_OUT)?;
            self.session.execute(if version >= migrate::TWO_INDEXES_SINCE {
                TAKE_OUT_WORDS
            } else {
                TAKE_OUT_COMMON_WORDS
            })?;
            if version >= migrate::LABELS_SINCE {
                self.session.execute(TAKE_OUT_LABELS)?;
            }
            if version >= migrate::ADDRESSES_SINCE {
                self.session.execute(TAKE_OUT_HANDLES)?;
            }
            if version >= migrate::PURGES_SINCE {
                self.session.execute(TAKE_OUT_PURGED)?;
            }
            if version >= migrate::EPOCH_SINCE {
                // The feed went back, so the epoch changes.
                self.session.execute(migrate::RENEW_EPOCH)?;
            }
            // An earlier version of the program may have made it, and it is migrated like any
            // other.
            self.session
                .execute(&format!("UPDATE persona_store.about SET schema_version = {version}"))?;
        }
        self.session.execute("COMMIT")
    }

    fn handles_taken(&mut self, handles: &[Handle]) -> Result<Vec<Handle>, TransferError> {
        let owners: Vec<&str> = handles.iter().map(|handle| handle.owner.as_str()).collect();
        let words: Vec<&str> = handles.iter().map(|handle| handle.handle.as_str()).collect();
        let has_owners = self.session.version_by_content()? >= migrate::OWNERS_SINCE;
        let owner = if has_owners { "owner" } else { "''" };
        let sql = format!(
            "SELECT {owner}, handle FROM persona_store.personas
             WHERE ({owner}, handle) IN (SELECT * FROM unnest($1::text[], $2::text[]))
                   AND handle IS NOT NULL AND deleted_at IS NULL
             ORDER BY 1, 2"
        );
        let parameters: [Parameter<'_>; 2] =
            [(&owners, Type::TEXT_ARRAY), (&words, Type::TEXT_ARRAY)];
        let rows = self.session.read(&sql, &parameters)?;
        let taken = |found| -> Result<Handle, Error> {
            Ok(Handle { owner: row::value(found, 0)?, handle: row::value(found, 1)? })
        };
        rows.iter()
            .map(|found| taken(found).map_err(|error| self.session.unreadable(&error)))
            .collect()
    }

    fn look(&mut self, origin: &str) -> Result<Start, TransferError> {
        let found = self.session.find()?;
        if found.is_being_filled {
            // With `start_over` the remains are removed, whatever their source.
            return if self.start_over { Ok(Start::default()) } else { self.unfinished(origin) };
        }
        if found.is_retired {
            return Err(super::super::DatabaseError::Retired { place: self.session.place() }.into());
        }
        let before = self.counts_of_schema(found)?;
        if before.changes > 0 && !self.into_existing {
            return Err(TransferError::NotEmpty {
                place: self.session.place(),
                personas: before.personas,
            });
        }
        Ok(Start { before, ..Start::default() })
    }

    fn begin(&mut self, origin: &str, _source: &mut dyn Source) -> Result<Start, TransferError> {
        let start = self.look(origin)?;
        let found = self.session.find()?;
        if found.is_being_filled {
            // An earlier version of the program may have begun it.
            self.session.execute(migrate::BEGIN)?;
            let version = self.session.version_by_content()?;
            self.session.apply(version)?;
            self.session.execute("COMMIT")?;
            self.base = start.base;
            return Ok(start);
        }
        self.session.execute(migrate::BEGIN)?;
        // Another transfer, or a server that starts, may have been faster.
        let version = self.session.find()?.version;
        self.session.apply(version)?;
        // A server that is connected already writes to a schema of its version only.
        self.session
            .execute(&format!("UPDATE persona_store.about SET schema_version = 0; {STATE}"))?;
        let sql = "INSERT INTO persona_store.move_state
                   SELECT true, $1, (SELECT coalesce(max(sequence), 0) FROM persona_store.changes), 0,
                          (SELECT count(*) FROM persona_store.personas),
                          (SELECT count(*) FROM persona_store.revisions) - (SELECT count(*) FROM persona_store.purged),
                          (SELECT count(*) FROM persona_store.changes)";
        self.session.rows(sql, &[(&origin, Type::TEXT)])?;
        self.session.execute("COMMIT")?;
        let start = self.unfinished(origin)?;
        self.base = start.base;
        Ok(start)
    }

    fn put(&mut self, position: i64, entries: &[Entry]) -> Result<(), TransferError> {
        let Some(last) = entries.last() else { return Ok(()) };
        // The first revision is never dropped, so a persona that is new has one that is kept.
        let is_first = |entry: &&Entry| entry.revision == 1 && entry.revision_row().is_some();
        let first = entries.iter().filter(is_first);
        let created: BTreeSet<PersonaId> = first.map(|entry| entry.persona).collect();
        let damaged = |what| TransferError::DamagedSource { place: "the source".into(), what };
        let rows = newest_kept(entries)
            .into_iter()
            .filter_map(|entry| entry.persona_row().transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(damaged)?;
        let (new, changed): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|persona| created.contains(&persona.id));
        if self.base > 0 {
            self.session.refuse_own_purged(entries, self.base)?;
        }
        self.session.execute(BEGIN)?;
        if self
            .session
            .rows(ADVANCE, &[(&position, Type::INT8), (&last.sequence, Type::INT8)])?
            .is_empty()
        {
            self.session.execute("ROLLBACK")?;
            return Err(TransferError::Concurrent { place: self.session.place() });
        }
        self.session.put_personas(&new, &changed)?;
        self.session.put_entries(entries, self.base)?;
        self.session.execute("COMMIT")
    }

    fn put_keys(&mut self, records: &[KeyRecord]) -> Result<(), TransferError> {
        self.session.put_keys(records)
    }

    fn put_tokens(&mut self, tokens: &[Token]) -> Result<(), TransferError> {
        self.session.execute(&format!("{BEGIN}; DELETE FROM persona_store.tokens"))?;
        let sql = format!(
            "INSERT INTO persona_store.tokens ({}) VALUES ({})",
            token_row::COLUMNS,
            token_row::VALUES
        );
        for token in tokens {
            self.session.rows(&sql, &token_row::values_of(token).parameters())?;
        }
        self.session.execute("COMMIT")
    }

    fn clear_former_handles(&mut self) -> Result<(), TransferError> {
        self.session.execute("DELETE FROM persona_store.former_handles")
    }

    fn put_former_handles(&mut self, former: &[FormerHandle]) -> Result<(), TransferError> {
        self.session.put_former_handles(former)
    }

    fn tidy(&mut self) -> Result<(), TransferError> {
        let tables = "persona_store.personas, persona_store.persona_tags, persona_store.persona_titles, persona_store.persona_texts,
                      persona_store.revisions, persona_store.changes, persona_store.idempotency, persona_store.labels,
                      persona_store.label_moves, persona_store.former_handles, persona_store.purged";
        self.session.execute(&format!("{BEGIN}; ANALYZE {tables}; COMMIT"))
    }

    fn put_in_order(&mut self) -> Result<(), TransferError> {
        // Rows have no numbers here.
        Ok(())
    }

    fn complete(&mut self) -> Result<(), TransferError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), TransferError> {
        let version = migrate::VERSION;
        let open = format!(
            "UPDATE persona_store.about SET schema_version = {version}; DROP TABLE persona_store.move_state"
        );
        self.session.execute(&format!("{BEGIN}; {open}; {BEGIN_COUNT}"))?;
        // The next transaction of a server has to come after everything that was transferred.
        self.session.rows(migrate::ADVANCE_FEED, &[])?;
        self.session.execute("COMMIT")
    }
}
