//! The schema and its versions.
//!
//! Only init migrates, behind the write lock; every other process checks. A version is one file of
//! `migrations/sqlite/`, numbered without a gap, never edited once it was released.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::chain_revisions::chain_revisions;
use crate::sqlite::files::header::{APPLICATION_ID, Header};
use crate::sqlite::{DatabaseError, search};

/// One step from a version to the next.
struct Migration {
    sql: &'static str,
    /// A part of the step that SQL cannot express, in the same transaction.
    then: fn(&Connection) -> rusqlite::Result<()>,
}

/// Every migration; the first makes version 1 of an empty file.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("../../../migrations/sqlite/0001_personas.sql"),
        then: |_| Ok(()),
    },
    Migration { sql: include_str!("../../../migrations/sqlite/0002_search.sql"), then: |_| Ok(()) },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0003_checksums.sql"),
        then: |_| Ok(()),
    },
    Migration { sql: include_str!("../../../migrations/sqlite/0004_titles.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/sqlite/0005_epoch.sql"), then: |_| Ok(()) },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0006_words.sql"),
        then: search::fill_tags,
    },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0007_two_indexes.sql"),
        then: search::fill_indexes,
    },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0008_text_parts.sql"),
        then: |_| Ok(()),
    },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0009_chained_revisions.sql"),
        then: chain_revisions,
    },
    Migration { sql: include_str!("../../../migrations/sqlite/0010_tokens.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/sqlite/0011_owners.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/sqlite/0012_labels.sql"), then: |_| Ok(()) },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0013_addresses.sql"),
        then: |_| Ok(()),
    },
    Migration { sql: include_str!("../../../migrations/sqlite/0014_purges.sql"), then: |_| Ok(()) },
    Migration {
        sql: include_str!("../../../migrations/sqlite/0015_dropped_revisions.sql"),
        then: |_| Ok(()),
    },
];

/// The schema version that this build knows.
#[expect(clippy::cast_possible_truncation, reason = "there are a handful of migrations")]
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// The first schema version with a checksum in each row.
pub(crate) const CHECKSUMS_SINCE: u32 = 3;

/// The first schema version that keeps tags without their case.
pub(crate) const FOLDED_TAGS_SINCE: u32 = 6;

/// The first schema version with the words in two indexes.
pub(crate) const TWO_INDEXES_SINCE: u32 = 7;

/// The first version in which the words of a large text are in parts.
pub(crate) const PARTS_SINCE: u32 = 8;

/// The first version in which revisions are found from their persona, without an index.
pub(crate) const CHAINED_SINCE: u32 = 9;

/// The first version in which personas have owners.
pub(crate) const OWNERS_SINCE: u32 = 11;

/// The first version that keeps handles that were given up.
pub(crate) const ADDRESSES_SINCE: u32 = 13;

/// The first version that keeps what is left of purged personas.
pub(crate) const PURGES_SINCE: u32 = 14;

/// The first version in which revisions can be dropped from a history.
pub(crate) const DROPPED_SINCE: u32 = 15;

/// Stands in place of the version after a transfer has copied everything to another database while
/// a server used the file. Writers look at the version in every transaction, so from this commit on
/// no writer adds what would be missing in the new place.
pub(crate) const RETIRED: u32 = VERSION | RETIRED_MARK;
const RETIRED_MARK: u32 = 0x4000_0000;

/// The schema version of a file; cheap enough for every transaction, because it stands in the first
/// page.
pub(crate) fn version_of(connection: &Connection) -> rusqlite::Result<u32> {
    connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))
}

/// Refuses a file of another application or of a newer version, by what is written in its first
/// page.
pub(crate) fn check_owner(path: &Path, header: &Header) -> Result<(), DatabaseError> {
    check_mark(path, header)?;
    check_not_newer(path, header.user_version)
}

/// Refuses a file of another application.
pub(crate) fn check_mark(path: &Path, header: &Header) -> Result<(), DatabaseError> {
    if header.application_id != APPLICATION_ID {
        let owner = match header.application_id {
            0 => "it does not say which".into(),
            id => format!("application id {id:#010x}"),
        };
        return Err(DatabaseError::ForeignApplication { path: path.into(), owner });
    }
    Ok(())
}

fn check_not_newer(path: &Path, found: u32) -> Result<(), DatabaseError> {
    if found > VERSION { Err(other_version(path, found)) } else { Ok(()) }
}

/// The error for a version that is not that of this build.
pub(crate) fn other_version(path: &Path, found: u32) -> DatabaseError {
    let path = path.into();
    if found & !RETIRED_MARK != found {
        DatabaseError::Retired { path }
    } else if found > VERSION {
        DatabaseError::NewerSchema { path, found, known: VERSION }
    } else {
        DatabaseError::OlderSchema { path, found, known: VERSION }
    }
}

/// Checks an open file: ours, and of a version that this build knows. Tells the version.
pub(crate) fn check_known(connection: &Connection, path: &Path) -> Result<u32, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let application_id: u32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let user_version = version_of(connection).map_err(failed)?;
    check_owner(path, &Header { wal: true, user_version, application_id })?;
    Ok(user_version)
}

/// Checks an open file: ours, in WAL mode, and of exactly the version of this build.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let user_version = check_known(connection, path)?;
    if user_version < VERSION {
        return Err(DatabaseError::OlderSchema {
            path: path.into(),
            found: user_version,
            known: VERSION,
        });
    }
    let mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    if mode == "wal" { Ok(()) } else { Err(DatabaseError::NotWal { path: path.into(), mode }) }
}

/// Marks a new file as ours, while it is still in rollback-journal mode: from its first page on it
/// says which application owns it.
pub(crate) fn claim(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Brings a file of ours to the version of this build, and tells from which version it came if that
/// was another one.
///
/// All steps are one transaction: a kill at any moment leaves the old version or the new one.
/// Foreign keys are off on the connection from then on, so it must not be used any more.
pub(crate) fn migrate(connection: &Connection, path: &Path) -> Result<Option<u32>, DatabaseError> {
    let failed = |error| DatabaseError::from_connection(path, connection, error);
    // A table that is made anew takes the place of one that others refer to; with foreign keys,
    // their rows would be deleted with the old one.
    connection.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    let transaction =
        Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(failed)?;
    let found = version_of(&transaction).map_err(failed)?;
    check_not_newer(path, found)?;
    if found == VERSION {
        return Ok(None);
    }
    apply(&transaction, found, VERSION).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    if found > 0 {
        // The WAL may be as long as all words of all personas. No reader has to read through it if
        // it is checkpointed here. The migration is kept already, so a copy that does not succeed
        // is left to the maintenance process.
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the WAL of the migration could not be checkpointed yet");
        }
    }
    Ok(Some(found))
}

/// Takes a schema from one version to a later one.
pub(crate) fn apply(connection: &Connection, from: u32, to: u32) -> rusqlite::Result<()> {
    super::super::tables::checksum::add_function(connection)?;
    for migration in &MIGRATIONS[from as usize..to as usize] {
        connection.execute_batch(migration.sql)?;
        (migration.then)(connection)?;
    }
    connection.pragma_update(None, "user_version", to)
}

/// Every table and index of a file, with the text that made it.
pub(crate) fn schema_of(
    connection: &Connection,
) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// What [`schema_of`] is for a sound file of this version.
pub(crate) fn schema_of_version(
    version: u32,
) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let connection = Connection::open_in_memory()?;
    apply(&connection, 0, version.min(VERSION))?;
    schema_of(&connection)
}
