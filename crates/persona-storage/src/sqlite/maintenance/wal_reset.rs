//! The reset of the WAL: it is checkpointed as a whole while no writer holds the write lock, and
//! the next write begins at its start.

use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::checkpoint::{checkpoint, failed};
use super::process::Maintenance;
use crate::sqlite::connection::{self, WalState};
use crate::sqlite::error::from_driver;
use crate::sqlite::sync::sync;
use crate::sqlite::write::checkpoint_throttle::with_throttled_writers;
use crate::sqlite::write::write_lock::{WriteGuard, WriteLock};
use crate::{Checkpoint, Error, Observer};

/// With this few frames left to copy (those of one transaction of thirty small changes), no writer
/// waits long: a disk takes as many random pages in about 6 ms, and four times as many in 15.
const FEW_FRAMES: u64 = 64;

/// Most copies with writers slowed down before what is left is copied while they wait. Each leaves
/// what three or four transactions wrote meanwhile, so more of them would not leave less.
const THROTTLED_CHECKPOINTS_MAX: usize = 3;

/// Pause after the WAL could not be reset because of a reader on an old snapshot: each attempt
/// makes writers wait.
const PAUSE_AFTER_READER: Duration = Duration::from_millis(250);

impl Maintenance {
    /// Has the WAL stay when this is the last connection that is closed. SQLite would checkpoint it
    /// once more and remove it, and after a failed sync that succeeds although the disk lacks
    /// pages.
    pub(super) fn keep_the_wal(&self) {
        if let Err(error) =
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::error!(%error, "could not have the WAL stay");
        }
    }

    /// Truncates the WAL, or lets the next writer begin at its start, while no writer holds the
    /// write lock. A reader on an old snapshot delays the reset.
    ///
    /// The WAL is checkpointed and synced as far as possible before, so that writers do not wait
    /// long. Returns whether nothing is left in the WAL that could be read.
    pub(super) fn reset_wal(&mut self, mode: CheckpointMode) -> Result<bool, Error> {
        self.seen.copied = copy(&self.connection, &*self.observer, self.seen)?.copied;
        let _guard =
            close_in(&self.write_lock, &mut self.connection, &*self.observer, &mut self.seen)?;
        let began = Instant::now();
        // Truncating the WAL changes the header but not the content.
        let following = self.writer.record().follow(&self.connection);
        let wal = match connection::checkpoint(&self.connection, mode) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                self.observer
                    .checkpointed(began.elapsed(), Checkpoint::Blocked { copied_frames: 0 });
                self.reset_wal_from = Instant::now() + PAUSE_AFTER_READER;
                return Ok(false);
            }
            Err(error) => return Err(failed(&*self.observer, began, &self.connection, error)),
            Ok(wal) => wal,
        };
        following.record(&self.connection, 0);
        self.observer
            .checkpointed(began.elapsed(), Checkpoint::Complete { copied_frames: wal.copied });
        self.observer.wal_bytes(wal.bytes());
        self.seen = wal;
        Ok(true)
    }

    /// Copies the whole WAL into the database and empties it, and tells whether that is done: a
    /// reader of an old snapshot can be in the way.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`].
    pub fn checkpoint_now(&mut self) -> Result<bool, Error> {
        let result = self.reset_wal(CheckpointMode::TRUNCATE);
        if matches!(&result, Err(Error::Unsynced(_) | Error::OutcomeUnknown)) {
            self.keep_the_wal();
        }
        result
    }

    /// Checkpoints what can be copied without making a writer wait.
    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        self.seen.copied = checkpoint(&self.connection, &*self.observer, self.seen)?.copied;
        Ok(())
    }
}

/// Makes a checkpoint beside writers, and syncs it: the checkpoint that resets the WAL then only
/// needs to sync later changes.
fn copy(
    connection: &Connection,
    observer: &dyn Observer,
    before: WalState,
) -> Result<WalState, Error> {
    let wal = checkpoint(connection, observer, before)?;
    sync(connection).map_err(from_driver)?;
    Ok(wal)
}

/// Takes the write lock when little of the WAL is left to copy. Writers are slowed down for it:
/// the disk is about as fast as they are, so beside them as much as before would be left each time.
fn close_in<'write_lock>(
    write_lock: &'write_lock WriteLock,
    connection: &mut Connection,
    observer: &dyn Observer,
    seen: &mut WalState,
) -> Result<WriteGuard<'write_lock>, Error> {
    let no_write_lock = |error| Error::Backend(Box::new(error));
    let mut guard = write_lock.lock().map_err(no_write_lock)?;
    for _ in 0..THROTTLED_CHECKPOINTS_MAX {
        let left = connection::look_at_wal(connection)
            .map_err(from_driver)?
            .map(|wal| wal.frames.saturating_sub(wal.copied));
        if left.is_some_and(|left| left < FEW_FRAMES) {
            break;
        }
        drop(guard);
        let (before, of) = (*seen, &mut *connection);
        let wal;
        (wal, guard) = with_throttled_writers(write_lock, move || copy(of, observer, before))
            .map_err(no_write_lock)?;
        let wal = wal?;
        seen.copied = wal.copied;
        // A reader on an old snapshot would block the next checkpoint too.
        if wal.copied < wal.frames && wal.copied <= before.copied {
            break;
        }
    }
    Ok(guard)
}
