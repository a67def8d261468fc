//! The schema and its versions.
//!
//! Only init migrates; every other process checks. A version is one file of `migrations/postgres/`,
//! numbered without a gap, never edited once it was released. A write has the version in its
//! statement, so no program writes to a schema that it does not know.

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::{DatabaseError, Settings, found_by, row};

/// Every migration; the first makes version 1 of an empty database.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_personas.sql"),
    include_str!("../../migrations/postgres/0002_epoch.sql"),
    include_str!("../../migrations/postgres/0003_words.sql"),
    include_str!("../../migrations/postgres/0004_two_indexes.sql"),
    include_str!("../../migrations/postgres/0005_tokens.sql"),
    include_str!("../../migrations/postgres/0006_owners.sql"),
    include_str!("../../migrations/postgres/0007_labels.sql"),
    include_str!("../../migrations/postgres/0008_addresses.sql"),
    include_str!("../../migrations/postgres/0009_purges.sql"),
    include_str!("../../migrations/postgres/0010_dropped_revisions.sql"),
];

/// The schema version that this build knows.
#[expect(clippy::cast_possible_truncation, reason = "there are a handful of migrations")]
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// The first schema version with an epoch.
pub(super) const EPOCH_SINCE: u32 = 2;

/// The first version that keeps the words of titles and of texts apart.
pub(super) const TWO_INDEXES_SINCE: u32 = 4;

/// The first schema version with tokens.
pub(super) const TOKENS_SINCE: u32 = 5;

/// The first version in which personas have owners.
pub(super) const OWNERS_SINCE: u32 = 6;

/// The first schema version with labels.
pub(super) const LABELS_SINCE: u32 = 7;

/// The first schema version that keeps handles that were given up.
pub(super) const ADDRESSES_SINCE: u32 = 8;

/// The first schema version that keeps what is left of purged personas.
pub(super) const PURGES_SINCE: u32 = 9;

/// Whether a schema has the table of version 2, in it the row of version 3, a table each of
/// versions 4 and 5, an index of version 6, a table each of versions 7 to 9, and an index of
/// version 10. A schema that a transfer is still filling does not say its version, so these tell
/// it.
const HAS_META: &str = "SELECT to_regclass('persona_store.meta') IS NOT NULL";
const HAS_WORDS: &str = "SELECT EXISTS (SELECT 1 FROM persona_store.meta WHERE key = 'words')";
const HAS_TITLES: &str = "SELECT to_regclass('persona_store.persona_titles') IS NOT NULL";
const HAS_TOKENS: &str = "SELECT to_regclass('persona_store.tokens') IS NOT NULL";
const HAS_OWNERS: &str =
    "SELECT to_regclass('persona_store.personas_by_owner_and_created_at') IS NOT NULL";
const HAS_LABELS: &str = "SELECT to_regclass('persona_store.labels') IS NOT NULL";
const HAS_ADDRESSES: &str = "SELECT to_regclass('persona_store.former_handles') IS NOT NULL";
const HAS_PURGES: &str = "SELECT to_regclass('persona_store.purged') IS NOT NULL";
const HAS_DROPPED: &str = "SELECT to_regclass('persona_store.label_moves_by_revision') IS NOT NULL";

/// The end of version 4. Searches of an earlier version wait from here to the commit, so everything
/// that takes long comes before.
const DROP_COMMON_INDEX: &str = "DROP TABLE IF EXISTS persona_store.persona_search";

/// Writers wait until the migration is done, and see its version then: what one of an earlier
/// version wrote meanwhile would be found by the words of that version only. Readers are not held
/// up.
const HOLD_WRITERS: &str = "
    LOCK TABLE persona_store.personas, persona_store.changes, persona_store.idempotency IN EXCLUSIVE MODE";

/// The schema version of this build in the type of the column.
pub(super) fn stored_version() -> i32 {
    i32::try_from(VERSION).expect("there are a handful of migrations")
}

/// What the schema says of itself where it is ours.
const APPLICATION: &str = "persona";

/// The lock keeps two inits from migrating at once. The limits of the session are lifted, because a
/// step may take long.
pub(super) const BEGIN: &str = "
    BEGIN;
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = '60s';
    SELECT pg_advisory_xact_lock(8101820165193428323)";

/// The next transaction has to come after everything that is in the feed. In a database that was
/// restored into another cluster it does not, because the transactions of that cluster have lower
/// numbers.
pub(super) const ADVANCE_FEED: &str = "
    UPDATE persona_store.about
    SET feed_offset = newest.sequence + 1 - next.place
    FROM (SELECT coalesce(max(sequence), 0) AS sequence FROM persona_store.changes) AS newest,
         (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint * 1024 AS place) AS next
    WHERE feed_offset + next.place <= newest.sequence
    RETURNING feed_offset";

/// Gives the database a new epoch, so that positions in its feed from before become invalid (ADR
/// 0033).
pub(super) const RENEW_EPOCH: &str = "
    UPDATE persona_store.meta SET value = replace(gen_random_uuid()::text, '-', '') WHERE key = 'epoch'";

/// Whether the feed must be advanced, asked without a lock.
const FEED_IS_BEHIND: &str = "
    SELECT feed_offset + pg_snapshot_xmax(pg_current_snapshot())::text::bigint * 1024
           <= (SELECT coalesce(max(sequence), 0) FROM persona_store.changes)
    FROM persona_store.about";

/// The result of a migration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Migrated {
    /// The version that it had, when it had another one; 0 where there was none.
    pub from: Option<u32>,
    /// Whether the feed was continued at another number, because the database came from another
    /// cluster.
    pub feed_advanced: bool,
}

/// The state of a schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Found {
    /// The version of the schema; 0 where there is none.
    pub version: u32,
    /// Whether a transfer is filling the schema, which a table in it says.
    pub is_being_filled: bool,
    /// Whether its personas were transferred to another database, so that no line can be added to
    /// the feed.
    pub is_retired: bool,
}

/// The schema version of a database; 0 where there is none. Refuses what is not ours, what is too
/// new, and what holds only a part of what is being transferred there, or what was transferred to
/// another database.
pub(super) async fn version_of(
    connection: &Connection,
    settings: &Settings,
) -> Result<u32, DatabaseError> {
    let found = find(connection, settings).await?;
    if found.is_being_filled {
        return Err(DatabaseError::BeingFilled { place: settings.place() });
    }
    if found.is_retired {
        return Err(DatabaseError::Retired { place: settings.place() });
    }
    Ok(found.version)
}

/// The state of a schema for a transfer, which may use a database that a transfer has marked.
pub(super) async fn find(
    connection: &Connection,
    settings: &Settings,
) -> Result<Found, DatabaseError> {
    let failed = |error: DriverError| DatabaseError::from_driver(settings, &error);
    let foreign = || DatabaseError::ForeignApplication { place: settings.place() };
    let there =
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'persona_store'),
                        EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c
                                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                                WHERE n.nspname = 'persona_store' AND c.relname = 'about'),
                        EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c
                                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                                WHERE n.nspname = 'persona_store' AND c.relname = 'move_state'),
                        EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS c
                                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
                                WHERE n.nspname = 'persona_store' AND c.conname = 'moved_away')";
    let rows = connection.rows(Statement::Once(there), &[]).await.map_err(failed)?;
    let is_there =
        |column: usize| rows.first().is_some_and(|found| found.try_get(column).unwrap_or_default());
    if !is_there(0) {
        return Ok(Found::default());
    }
    let (is_being_filled, is_retired) = (is_there(2), is_there(3));
    if !is_there(1) {
        return Err(foreign());
    }
    let about = "SELECT application, schema_version FROM persona_store.about";
    let rows = connection.rows(Statement::Once(about), &[]).await.map_err(failed)?;
    let found = rows.first().ok_or_else(foreign)?;
    let (application, version): (&str, i32) = (
        row::driver_value(found, 0).map_err(failed)?,
        row::driver_value(found, 1).map_err(failed)?,
    );
    let version = u32::try_from(version).map_err(|_| foreign())?;
    if application != APPLICATION {
        return Err(foreign());
    }
    if version > VERSION {
        return Err(DatabaseError::NewerSchema {
            place: settings.place(),
            found: version,
            known: VERSION,
        });
    }
    Ok(Found { version, is_being_filled, is_retired })
}

/// Checks that a database is ours, and of exactly the version of this build.
pub(super) async fn check(
    connection: &Connection,
    settings: &Settings,
) -> Result<(), DatabaseError> {
    match version_of(connection, settings).await? {
        VERSION => Ok(()),
        found => Err(DatabaseError::OlderSchema { place: settings.place(), found, known: VERSION }),
    }
}

/// Brings a database to the version of this build. One that is ready is only read.
///
/// All steps are one transaction: whatever breaks leaves the old version or the new one. The caller
/// closes the connection when this fails.
pub(super) async fn migrate(
    connection: &Connection,
    settings: &Settings,
) -> Result<Migrated, DatabaseError> {
    let failed = |error: DriverError| DatabaseError::from_driver(settings, &error);
    if version_of(connection, settings).await? == VERSION
        && !feed_is_behind(connection).await.map_err(failed)?
    {
        return Ok(Migrated::default());
    }
    connection.execute(BEGIN).await.map_err(failed)?;
    // Another init may have been faster.
    let from = version_of(connection, settings).await?;
    apply(connection, settings, from).await?;
    connection
        .execute(&format!("UPDATE persona_store.about SET schema_version = {VERSION}"))
        .await
        .map_err(failed)?;
    let advanced = connection.rows(Statement::Once(ADVANCE_FEED), &[]).await.map_err(failed)?;
    if !advanced.is_empty() {
        connection.execute(RENEW_EPOCH).await.map_err(failed)?;
    }
    connection.execute("COMMIT").await.map_err(failed)?;
    Ok(Migrated { from: (from != VERSION).then_some(from), feed_advanced: !advanced.is_empty() })
}

/// Takes a schema from one version to that of this build, in the transaction of the caller.
pub(super) async fn apply(
    connection: &Connection,
    settings: &Settings,
    from: u32,
) -> Result<(), DatabaseError> {
    let failed = |error: DriverError| DatabaseError::from_driver(settings, &error);
    if from == VERSION {
        return Ok(());
    }
    if from > 0 {
        connection.execute(HOLD_WRITERS).await.map_err(failed)?;
    }
    for sql in &MIGRATIONS[from as usize..] {
        connection.execute(sql).await.map_err(failed)?;
    }
    if from >= TWO_INDEXES_SINCE {
        return Ok(());
    }
    // The part of version 4 that SQL cannot express.
    found_by::fill_all(connection, settings).await?;
    connection.execute(DROP_COMMON_INDEX).await.map_err(failed)
}

/// The version of a schema by what it has, where its number says only that it is being filled.
pub(super) async fn version_by_content(connection: &Connection) -> Result<u32, DriverError> {
    let next = [
        HAS_META,
        HAS_WORDS,
        HAS_TITLES,
        HAS_TOKENS,
        HAS_OWNERS,
        HAS_LABELS,
        HAS_ADDRESSES,
        HAS_PURGES,
        HAS_DROPPED,
    ];
    for (version, has_next) in (1..).zip(next) {
        let rows = connection.rows(Statement::Once(has_next), &[]).await?;
        if !rows.first().map_or(Ok(false), |found| row::driver_value(found, 0))? {
            return Ok(version);
        }
    }
    Ok(VERSION)
}

async fn feed_is_behind(connection: &Connection) -> Result<bool, DriverError> {
    let rows = connection.rows(Statement::Once(FEED_IS_BEHIND), &[]).await?;
    rows.first().map_or(Ok(false), |found| row::driver_value(found, 0))
}
