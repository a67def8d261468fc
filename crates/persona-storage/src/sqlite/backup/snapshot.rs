//! A copy of one snapshot of a file, proved to be sound and complete.
//!
//! SQLite's backup interface begins anew when another process writes between two of its steps. It
//! does not when the source's connection is inside a read transaction of its own: then every step
//! reads that one snapshot, and the copy can still be made in pieces, with progress and an early
//! end. Why not `VACUUM INTO`: ADR 0011.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::progress::{Progress, Step, Watcher};
use crate::sqlite::DatabaseError;
use crate::sqlite::check::{CheckReport, check_alone};
use crate::sqlite::journal_mode::to_rollback_mode;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::{meta, purged, row};

/// Pages of one step: 4 MiB, a few milliseconds, so that progress is smooth and an interruption is
/// quick.
const STEP_PAGES: i32 = 1024;

/// The numbers of rows of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counts {
    personas: u64,
    revisions: u64,
    changes: u64,
}

/// Copies one snapshot into an empty file and checks the copy in every respect; the snapshot is let
/// go before that.
///
/// The copy is in a rollback mode: one file, complete in itself, that can be read without anything
/// appearing beside it.
pub(crate) fn copy_checked(
    path: &Path,
    source: &Connection,
    target: &Path,
    watcher: &mut Watcher<'_>,
) -> Result<CheckReport, DatabaseError> {
    let counts = copy(path, source, target, watcher)?;
    to_rollback_mode(target)
        .and_then(|()| begin_life(target))
        .map_err(|error| DatabaseError::from_driver(target, error))?;
    let report = check_alone(target, watcher)?.sound(path)?;
    let copied = Counts {
        personas: report.personas + report.deleted,
        revisions: report.revisions,
        changes: report.changes,
    };
    if copied == counts {
        return Ok(report);
    }
    Err(DatabaseError::Damaged {
        path: path.into(),
        report: format!("its copy has {copied:?} instead of {counts:?}"),
    })
}

fn copy(
    path: &Path,
    source: &Connection,
    target: &Path,
    watcher: &mut Watcher<'_>,
) -> Result<Counts, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let snapshot = source.unchecked_transaction().map_err(failed)?;
    let counts = count(&snapshot).map_err(failed)?;
    let unwritable = |error| DatabaseError::from_driver(target, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(target, flags).map_err(unwritable)?;
    // A copy that is killed is thrown away, and a finished one is synced once: no journal and no
    // syncs on the way.
    copy.pragma_update(None, "journal_mode", "off").map_err(unwritable)?;
    copy.pragma_update(None, "synchronous", "off").map_err(unwritable)?;
    let backup = Backup::new(source, &mut copy).map_err(unwritable)?;
    loop {
        let step = match backup.step(STEP_PAGES) {
            Ok(step) => step,
            Err(error) => {
                // Dropping the backup stores the error of the system in the copy's connection.
                drop(backup);
                return Err(DatabaseError::from_connection(target, &copy, error));
            }
        };
        let pages = backup.progress();
        let count = |pages: i32| u64::from(pages.unsigned_abs());
        let progress = Progress {
            step: Step::Copying,
            done: count(pages.pagecount - pages.remaining),
            total: count(pages.pagecount),
        };
        if watcher(progress).is_break() {
            return Err(DatabaseError::Interrupted { path: path.into() });
        }
        match step {
            StepResult::Done => return Ok(counts),
            StepResult::More => {}
            _ => return Err(DatabaseError::Held { path: path.into(), waited_ms: 0 }),
        }
    }
}

/// Counts what the check of a copy counts, which finds revisions from their personas: those of a
/// purged persona that are still to be removed are of none.
fn count(connection: &Connection) -> rusqlite::Result<Counts> {
    let unremoved = if migrate::version_of(connection)? >= migrate::PURGES_SINCE {
        purged::ROWS_LEFT
    } else {
        "0"
    };
    let sql = format!(
        "SELECT (SELECT count(*) FROM personas), (SELECT count(*) FROM revisions) - {unremoved}, (SELECT count(*) FROM changes)"
    );
    connection.query_row(&sql, [], |found| {
        Ok(Counts {
            personas: row::number(found, 0)?,
            revisions: row::number(found, 1)?,
            changes: row::number(found, 2)?,
        })
    })
}

/// Gives a finished copy its own epoch, because a user may put the copy back by hand and go on with
/// other changes.
fn begin_life(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // The file has no name yet under which it could be used, and a killed attempt is made anew.
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    meta::renew_epoch(&connection)?;
    connection.close().map_err(|(_, error)| error)
}
