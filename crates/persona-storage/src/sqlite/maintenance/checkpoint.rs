//! Checkpoints of the WAL. No checkpoint is made inside a commit, so each has its
//! own error (ADR 0025).

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use crate::sqlite::connection::{self, EMERGENCY_CHECKPOINT_PAGES, WalState};
use crate::sqlite::error::from_driver;
use crate::sqlite::system_error::explained;
use crate::sqlite::write::commit::WriteConnection;
use crate::{Checkpoint, Error, Observer};

/// How long a writer with a long WAL waits for a checkpoint of another process. A process that
/// takes longer is stopped.
const RELIEF_WAIT_MAX: Duration = Duration::from_secs(1);
/// Pause between two checks whether that checkpoint has ended.
const RELIEF_PAUSE: Duration = Duration::from_millis(2);

/// Checkpoints the WAL where the last commit of a writer left it so long that the maintenance
/// process seems to be away. The caller holds the write lock, so that the WAL can be reset with
/// the next write.
///
/// # Errors
///
/// As [`checkpoint`]. What was committed before is not in doubt.
pub(crate) fn relieve(writer: &WriteConnection, observer: &dyn Observer) -> Result<(), Error> {
    if writer.wal_frames() < EMERGENCY_CHECKPOINT_PAGES {
        return Ok(());
    }
    let before = connection::look_at_wal(writer).map_err(from_driver)?.unwrap_or_default();
    let began = Instant::now();
    // Writers are faster than a disk copies: if they went on while the maintenance process copies,
    // the WAL would outgrow its bound.
    while try_checkpoint(writer, observer, before)?.is_none() && began.elapsed() < RELIEF_WAIT_MAX {
        thread::sleep(RELIEF_PAUSE);
    }
    Ok(())
}

/// Checkpoints what can be copied beside writers, and tells how long the WAL was and how much of it
/// is copied now.
///
/// # Errors
///
/// After [`Error::Unsynced`] what the disk has is unknown, and every process must open the file
/// again.
pub(crate) fn checkpoint(
    connection: &Connection,
    observer: &dyn Observer,
    before: WalState,
) -> Result<WalState, Error> {
    // If another process makes a checkpoint now, none is needed here.
    Ok(try_checkpoint(connection, observer, before)?.unwrap_or(before))
}

/// As [`checkpoint`]; `None` if another process is making one.
fn try_checkpoint(
    connection: &Connection,
    observer: &dyn Observer,
    before: WalState,
) -> Result<Option<WalState>, Error> {
    let began = Instant::now();
    match connection::checkpoint(connection, CheckpointMode::PASSIVE) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        Err(error) => Err(failed(observer, began, connection, error)),
        Ok(wal) => {
            let copied_frames = wal.copied.saturating_sub(before.copied);
            let complete = wal.copied >= wal.frames;
            let result = if complete {
                Checkpoint::Complete { copied_frames }
            } else {
                Checkpoint::Blocked { copied_frames }
            };
            observer.checkpointed(began.elapsed(), result);
            Ok(Some(wal))
        }
    }
}

pub(crate) fn failed(
    observer: &dyn Observer,
    began: Instant,
    connection: &Connection,
    error: rusqlite::Error,
) -> Error {
    observer.checkpointed(began.elapsed(), Checkpoint::Failed);
    from_driver(explained(connection, error))
}
