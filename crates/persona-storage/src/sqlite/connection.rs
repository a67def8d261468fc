//! Connections, and every pragma on every one of them.
//!
//! Most settings of SQLite belong to a connection and not to the file: a pragma that ran on one
//! connection of a pool does nothing for the others. So each connection is made here, and the list
//! takes no lock (setting `user_version` or `auto_vacuum` would wait for the writer).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{DatabaseError, Settings};
use crate::Observer;
use crate::sqlite::files::paths::FileId;

/// Pause between two attempts at SQLite's own lock: constant, because a growing one starves those
/// that wait longest.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// The WAL file is cut back to this size when it is reset: 64 MiB.
pub(super) const WAL_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Page cache of one connection in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// Pages in the WAL from which on a writer makes a checkpoint itself, after a commit
/// (`checkpoint.rs`): 56 MiB. Well above where the maintenance process resets it
/// (`maintenance/process.rs`), because writers go on until the maintenance process has its turn,
/// and others wait meanwhile.
pub(super) const EMERGENCY_CHECKPOINT_PAGES: u64 = 14 * 1024;
/// Prepared statements that a connection keeps.
const STATEMENTS_KEPT: usize = 128;

/// The purpose of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Changes rows, behind the write lock.
    Write,
    /// Reads only; SQLite itself refuses anything else.
    Read,
    /// Checkpoints the WAL; waits only briefly, because it can try again.
    Maintain,
}

impl Purpose {
    /// The purpose as a word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Maintain => "maintain",
        }
    }
}

/// Longest wait of a checkpoint for readers.
const MAINTENANCE_WAIT_MAX: Duration = Duration::from_millis(20);

/// Opens a connection to an existing file. The observer is told of each attempt that met a lock of
/// the database: on a writer, which is behind the write lock, that lock is of a program without the
/// write lock; a reader or the maintenance process may just as well have met a commit or another
/// reader, so theirs are not reported.
pub(super) fn open(
    settings: &Settings,
    purpose: Purpose,
    observer: Arc<dyn Observer>,
) -> Result<Connection, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(&settings.path, error);
    let identity = || {
        FileId::of(&settings.path)
            .map_err(|source| DatabaseError::from_file(&settings.path, source))
    };
    let before = identity()?;
    // NO_MUTEX: a connection belongs to one thread. No CREATE: a file that vanished must not come
    // back empty.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&settings.path, flags).map_err(failed)?;
    let wait =
        if purpose == Purpose::Maintain { MAINTENANCE_WAIT_MAX } else { settings.busy_timeout };
    wait_for_lock(&mut connection, wait, observer).map_err(failed)?;
    configure(&connection, settings, purpose)
        .map_err(|error| DatabaseError::from_connection(&settings.path, &connection, error))?;
    // The shared lock, which keeps restores out, is held now. If the file was replaced during the
    // wait for that lock, a write would go into the WAL of the new file.
    if identity()? != before {
        return Err(DatabaseError::Replaced { path: settings.path.clone() });
    }
    Ok(connection)
}

/// Opens a file that no other process has open and that is in a rollback mode, such as a backup,
/// for reading; no other file appears beside it.
pub(super) fn open_alone(path: &Path) -> Result<Connection, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let configure = || -> rusqlite::Result<()> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)
    };
    configure().map_err(failed)?;
    Ok(connection)
}

/// Opens an existing file without any settings, before it is known to be a file of this program and
/// in WAL mode.
pub(super) fn open_unconfigured(path: &Path, wait: Duration) -> Result<Connection, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // A file that is refused must stay as it was, so closing it must not checkpoint its WAL.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    wait_for_lock(&mut connection, wait, Arc::new(crate::NoObserver)).map_err(failed)?;
    Ok(connection)
}

fn wait_for_lock(
    connection: &mut Connection,
    wait: Duration,
    observer: Arc<dyn Observer>,
) -> rusqlite::Result<()> {
    let mut since = Instant::now();
    connection.busy_handler(Some(move |attempt| {
        if attempt == 0 {
            since = Instant::now();
        }
        observer.lock_retried();
        let again = since.elapsed() < wait;
        if again {
            std::thread::sleep(BUSY_PAUSE);
        }
        again
    }))
}

fn configure(
    connection: &Connection,
    settings: &Settings,
    purpose: Purpose,
) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    for (flag, value) in flags(purpose) {
        connection.set_db_config(flag, value)?;
    }
    for (pragma, value) in pragmas(settings, purpose) {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(())
}

/// Every pragma of a connection with this purpose.
pub(super) fn pragmas(settings: &Settings, purpose: Purpose) -> [(&'static str, i64); 10] {
    [
        ("synchronous", settings.durability.synchronous()),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("mmap_size", 0),
        ("journal_size_limit", WAL_BYTES_MAX),
        // The value 2 means memory.
        ("temp_store", 2),
        ("cache_size", -CACHE_KIB),
        // SQLite must not checkpoint as a side effect of a commit, because it drops the errors of
        // that (ADR 0025).
        ("wal_autocheckpoint", 0),
        ("query_only", (purpose == Purpose::Read).into()),
    ]
}

/// Every setting of a connection with this purpose that is no pragma.
pub(super) fn flags(purpose: Purpose) -> [(DbConfig, bool); 6] {
    [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        // A plan does not depend on the bound values: otherwise SQLite parses and plans a prepared
        // statement again each time that other values are bound, which took half the time of a read
        // by a label.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, purpose != Purpose::Maintain),
    ]
}

/// Bytes of a page; every file of this program has this page size.
const PAGE_BYTES: u64 = 4096;
/// Bytes of the header of the WAL, and of the header of each frame in it (SQLite documentation,
/// "WAL-mode File Format").
const WAL_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Bytes of the database without its WAL.
pub(super) fn database_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages: u64 = connection
        .pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)?;
    Ok(pages * PAGE_BYTES)
}

/// Longest time for repeated looks at the WAL, and the pause between two looks.
const LOOK_MAX: Duration = Duration::from_secs(1);
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// Bytes of the WAL that are in use.
pub(super) fn wal_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    look_until_published(|| look_at_wal(connection)).map(WalState::bytes)
}

/// Repeats the look while a writer is publishing its commit.
fn look_until_published(
    mut look: impl FnMut() -> rusqlite::Result<Option<WalState>>,
) -> rusqlite::Result<WalState> {
    let began = Instant::now();
    loop {
        if let Some(wal) = look()? {
            return Ok(wal);
        }
        if began.elapsed() >= LOOK_MAX {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// The current state of the WAL; `None` while a writer is publishing its commit, which takes less
/// than a microsecond if the writer is not interrupted.
pub(super) fn look_at_wal(connection: &Connection) -> rusqlite::Result<Option<WalState>> {
    match checkpoint(connection, CheckpointMode::NOOP) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        look => look.map(Some),
    }
}

/// The WAL, in frames of one page each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct WalState {
    /// Frames in the WAL.
    pub frames: u64,
    /// Frames that were copied into the database.
    pub copied: u64,
}

impl WalState {
    /// Bytes that the frames take up.
    pub(super) const fn bytes(self) -> u64 {
        if self.frames == 0 {
            0
        } else {
            WAL_HEADER_BYTES + self.frames * (PAGE_BYTES + FRAME_HEADER_BYTES)
        }
    }
}

/// Runs a checkpoint; mode NOOP only tells the size of the WAL, through SQLite and not through the
/// file system, which must not be asked by a process that has the file open.
pub(super) fn checkpoint(
    connection: &Connection,
    mode: CheckpointMode,
) -> rusqlite::Result<WalState> {
    let (frames, copied) = connection.wal_checkpoint_v2(None::<&str>, mode)?;
    let count = |frames: i32| u64::try_from(frames).unwrap_or_default();
    Ok(WalState { frames: count(frames), copied: count(copied) })
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
