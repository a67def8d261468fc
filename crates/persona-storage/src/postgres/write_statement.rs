//! Everything that a write changes, in one statement: all of it, or nothing. Several writes of
//! different personas are one statement too, so that they have one transaction.
//!
//! The expected revision is in the condition, and so is the version of the schema: what a newer
//! version of this program keeps beside a persona, this one would not write. If another process was
//! faster, no row meets the condition, and then nothing of that persona is written, because every
//! other part of the statement uses only the rows that were updated.

use std::collections::{HashMap, HashSet};

use persona_model::{PersonaId, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::new_row::NewRow;
use super::pool::Pool;
use super::write_sql::{StatementParts, Waits, sql};
use super::{migrate, row};
use crate::handle::Handle;
use crate::{Error, Idempotency, Outcome, Representation};

/// Keeps the answer to a request that changed nothing.
const KEEP_ANSWER: &str = "
    INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, at)
    VALUES ($1, $2, $3, $4, $5, $6, coalesce((SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'), $7))";

/// Changes nothing and commits that, where commits wait for standbys. The WAL is replicated in
/// order, so everything that was visible before has reached the standbys too.
const WAIT_FOR_STANDBYS: &str = "
    UPDATE persona_store.revisions SET operation = operation
    WHERE persona = $1 AND revision = $2 AND current_setting('synchronous_standby_names') <> ''";

/// The other persona of an owner that has a handle, among those that are not deleted.
const HOLDER: &str = "
    SELECT id FROM persona_store.personas
    WHERE owner = $1 AND handle = $2 AND deleted_at IS NULL AND id <> $3";

/// The same of several handles.
const HOLDERS: &str = "
    SELECT owner, handle, id FROM persona_store.personas
    WHERE (owner, handle) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND deleted_at IS NULL";

/// Of the revisions that certain writes made one that is there, also as one that was dropped.
const MADE: &str = "
    SELECT r.persona, r.revision
    FROM unnest($1::uuid[], $2::bigint[], $3::uuid[]) AS made (persona, revision, operation)
    JOIN persona_store.revisions AS r USING (persona, revision, operation)
    LIMIT 1";

/// The rows of some personas, in the order of their identities.
const LOCK: &str =
    "SELECT id FROM persona_store.personas WHERE id = ANY ($1) ORDER BY id FOR UPDATE";

/// A change of one of some personas by a transaction with a higher number than this one has. The
/// feed is in the order of the numbers, so only lines behind the own place are looked at.
const LATER_CHANGE: &str = "
    SELECT 1 FROM persona_store.changes
    WHERE persona = ANY ($1)
      AND sequence > (SELECT feed_offset + pg_current_xact_id()::text::bigint * 1024 + 1023 FROM persona_store.about)
    LIMIT 1";

/// A column of the list of new revisions.
fn column<'a, T>(rows: &'a [NewRow], value: impl Fn(&'a NewRow) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Writes new revisions of different personas, in the order of their identities, and tells which
/// personas were as they had been seen. Of the others nothing is written. `positions` are the
/// places of their lines in the part of the feed that the transaction has, from 1.
///
/// With several revisions, none may wait for its row: all others would wait too, and two processes
/// that lock rows in different orders would deadlock.
pub(super) async fn apply(
    connection: &Connection,
    rows: &[NewRow],
    positions: &[i64],
    waits: Waits,
) -> Result<HashSet<Uuid>, DriverError> {
    debug_assert!(rows.len() == 1 || waits == Waits::ForNoRow, "several wait for no row");
    let parameters: [Parameter<'_>; 34] = [
        (&column(rows, |new| new.id), Type::UUID_ARRAY),
        (&column(rows, |new| new.revision), Type::INT8_ARRAY),
        (&column(rows, |new| new.parent), Type::INT8_ARRAY),
        (&column(rows, |new| new.persona.document.name()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.persona.document.kind().as_str()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.persona.document.handle()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.persona.document.is_active()), Type::BOOL_ARRAY),
        (&column(rows, |new| new.persona.created_at.as_micros()), Type::INT8_ARRAY),
        (&column(rows, |new| new.persona.updated_at.as_micros()), Type::INT8_ARRAY),
        (&column(rows, |new| new.persona.deleted_at.map(Timestamp::as_micros)), Type::INT8_ARRAY),
        (&column(rows, |new| new.persona.created_by.as_deref()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.persona.updated_by.as_deref()), Type::TEXT_ARRAY),
        (&column(rows, |new| &new.persona.content_hash.as_bytes()[..]), Type::BYTEA_ARRAY),
        (&column(rows, |new| new.metadata.as_str()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.persona.document.text()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.base), Type::INT8_ARRAY),
        (&column(rows, |new| new.changed.as_str()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.operation), Type::UUID_ARRAY),
        (&column(rows, |new| new.kind.as_str()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.tags.as_deref()), Type::TEXT_ARRAY),
        (&column(rows, |new| Some(new.titles.as_ref()?.name.as_str())), Type::TEXT_ARRAY),
        (&column(rows, |new| Some(new.titles.as_ref()?.tags.as_str())), Type::TEXT_ARRAY),
        (&column(rows, |new| new.titles.as_ref()?.beginnings.as_deref()), Type::TEXT_ARRAY),
        (&column(rows, |new| Some(new.texts.as_ref()?.text.as_str())), Type::TEXT_ARRAY),
        (&column(rows, |new| new.texts.as_ref()?.beginnings.as_deref()), Type::TEXT_ARRAY),
        (&column(rows, |new| Some(new.key.as_ref()?.key.as_str())), Type::TEXT_ARRAY),
        (&column(rows, |new| Some(&new.key.as_ref()?.fingerprint[..])), Type::BYTEA_ARRAY),
        (&column(rows, |new| new.outcome.as_str()), Type::TEXT_ARRAY),
        (&column(rows, |new| new.note.as_deref()), Type::TEXT_ARRAY),
        (&positions, Type::INT8_ARRAY),
        (&column(rows, |new| new.persona.document.owner_word()), Type::TEXT_ARRAY),
        (&migrate::stored_version(), Type::INT4),
        (&column(rows, |new| new.previous), Type::INT8_ARRAY),
        (&column(rows, |new| new.autosaved_since), Type::INT8_ARRAY),
    ];
    let written =
        connection.rows(Statement::Kept(sql(StatementParts::of(rows, waits))), &parameters).await?;
    written.iter().map(|found| row::driver_value(found, 0)).collect()
}

/// Keeps the answer to a request that changed nothing.
pub(super) async fn keep_answer(
    connection: &Connection,
    wanted: &Idempotency,
    operation: Uuid,
    answer: &Representation,
    now: Timestamp,
) -> Result<(), DriverError> {
    let parameters: [Parameter<'_>; 7] = [
        (&wanted.key, Type::TEXT),
        (&&wanted.fingerprint[..], Type::BYTEA),
        (&Outcome::Unchanged.as_str(), Type::TEXT),
        (&row::uuid(answer.id), Type::UUID),
        (&row::stored(answer.revision.number()), Type::INT8),
        (&operation, Type::UUID),
        (&now.as_micros(), Type::INT8),
    ];
    connection.rows(Statement::Kept(KEEP_ANSWER), &parameters).await.map(drop)
}

/// Waits until an answer that another connection made is as durable as a new answer would be. A
/// visible commit need not be durable yet: its wait for a standby may have been cancelled, or may
/// have ended with the connection.
pub(super) async fn wait_for_standbys(
    connection: &Connection,
    found: &Representation,
) -> Result<(), DriverError> {
    let place = (row::uuid(found.id), row::stored(found.revision.number()));
    wait_for_standbys_of(connection, place).await
}

/// The same for a revision of a persona.
pub(super) async fn wait_for_standbys_of(
    connection: &Connection,
    (persona, revision): (Uuid, i64),
) -> Result<(), DriverError> {
    let parameters: [Parameter<'_>; 2] = [(&persona, Type::UUID), (&revision, Type::INT8)];
    connection.rows(Statement::Kept(WAIT_FOR_STANDBYS), &parameters).await.map(drop)
}

/// The other persona that has a handle, among those that are not deleted.
pub(super) async fn holder_of(
    pool: &Pool,
    handle: &Handle,
    except: PersonaId,
) -> Result<Option<PersonaId>, Error> {
    let parameters: [Parameter<'_>; 3] = [
        (&handle.owner, Type::TEXT),
        (&handle.handle, Type::TEXT),
        (&row::uuid(except), Type::UUID),
    ];
    let rows = pool.read(Statement::Kept(HOLDER), &parameters).await?;
    rows.first().map(|found| row::id(found, 0)).transpose()
}

/// The holders of these handles, among the personas that are not deleted.
pub(super) async fn holders_of(
    connection: &Connection,
    handles: &[Handle],
) -> Result<HashMap<Handle, Uuid>, DriverError> {
    let owners: Vec<&str> = handles.iter().map(|handle| handle.owner.as_str()).collect();
    let words: Vec<&str> = handles.iter().map(|handle| handle.handle.as_str()).collect();
    let parameters: [Parameter<'_>; 2] = [(&owners, Type::TEXT_ARRAY), (&words, Type::TEXT_ARRAY)];
    let rows = connection.rows(Statement::Kept(HOLDERS), &parameters).await?;
    let holder = |found| -> Result<(Handle, Uuid), DriverError> {
        let owner = row::driver_value(found, 0)?;
        let handle = row::driver_value(found, 1)?;
        Ok((Handle { owner, handle }, row::driver_value(found, 2)?))
    };
    rows.iter().map(holder).collect()
}

/// A revision that a write makes: persona, revision, and the identity of the write.
pub(super) type Made = (Uuid, i64, Uuid);

/// One of the revisions that writes made together, if they are done. The revisions of a persona
/// that was purged since are gone; one that was dropped is there.
pub(super) async fn one_made(
    connection: &Connection,
    made: &[Made],
) -> Result<Option<(Uuid, i64)>, DriverError> {
    let personas: Vec<Uuid> = made.iter().map(|(persona, ..)| *persona).collect();
    let revisions: Vec<i64> = made.iter().map(|(_, revision, _)| *revision).collect();
    let operations: Vec<Uuid> = made.iter().map(|(.., operation)| *operation).collect();
    let parameters: [Parameter<'_>; 3] = [
        (&personas, Type::UUID_ARRAY),
        (&revisions, Type::INT8_ARRAY),
        (&operations, Type::UUID_ARRAY),
    ];
    let rows = connection.rows(Statement::Kept(MADE), &parameters).await?;
    let place = |found| Ok((row::driver_value(found, 0)?, row::driver_value(found, 1)?));
    rows.first().map(place).transpose()
}

/// Personas of which a transaction has locked the rows.
#[derive(Default)]
pub(super) struct Locked {
    /// Those that are there.
    pub ids: HashSet<Uuid>,
    /// Whether the transaction comes behind every change so far of them in the feed.
    pub is_behind_all: bool,
}

/// Makes every other write of these personas wait, until the end of the transaction. In the order
/// of their identities, so that no two transactions wait for each other.
///
/// Where the transaction does not come behind every change so far of these personas in the feed, it
/// has to be begun anew. The first lock gives a transaction its number, which is its place in the
/// feed. While it waited for a further lock, a transaction with a higher number can have changed
/// that persona.
pub(super) async fn lock(connection: &Connection, ids: &[Uuid]) -> Result<Locked, DriverError> {
    let of_ids: [Parameter<'_>; 1] = [(&ids, Type::UUID_ARRAY)];
    let rows = connection.rows(Statement::Kept(LOCK), &of_ids).await?;
    let found = rows.iter().map(|found| row::driver_value(found, 0));
    let locked = found.collect::<Result<HashSet<Uuid>, DriverError>>()?;
    // With one persona the statement waited without a number.
    let is_behind_all = ids.windows(2).all(|pair| pair[0] == pair[1])
        || connection.rows(Statement::Kept(LATER_CHANGE), &of_ids).await?.is_empty();
    Ok(Locked { ids: locked, is_behind_all })
}
