//! Syncs of the database file and of the WAL, ahead of those that SQLite makes itself.
//!
//! A checkpoint syncs the database file only where no writer has committed meanwhile. So beside
//! writers everything that was copied waits in the memory of the system, and the checkpoint that
//! resets the WAL would have the disk write all of it while no process can write. What was synced
//! here before, that one does not have to sync again.
//!
//! The files are synced through SQLite's own file objects: a descriptor of our own would drop the
//! locks of this process when it is closed.

use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};

/// Syncs the WAL and the database file. A connection that has not opened the WAL yet has nothing to
/// sync in it.
///
/// # Errors
///
/// The code of SQLite for a failed sync, after which the state of the disk is unknown: the system
/// reports a failure once, and the next sync succeeds although pages were lost.
pub(super) fn sync(connection: &Connection) -> rusqlite::Result<()> {
    for which in [ffi::SQLITE_FCNTL_JOURNAL_POINTER, ffi::SQLITE_FCNTL_FILE_POINTER] {
        let code = sync_one(connection, which);
        if code != ffi::SQLITE_OK {
            let what = Some("a file of the database could not be synced".into());
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), what));
        }
    }
    Ok(())
}

/// Syncs the file that this opcode names, if it is open, and returns SQLite's result code.
fn sync_one(connection: &Connection, which: c_int) -> c_int {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the connection is open as long as it is borrowed, and is not used by another thread
    // meanwhile, because it is not `Sync`. Both opcodes store a file object of the named database
    // through the pointer (SQLite documentation, "Standard File Control Opcodes"); it belongs to
    // the connection and lives as long. A file that is not open has no methods. `xSync` is called
    // as SQLite itself calls it in `walCheckpoint`; it changes no content and no lock.
    #[expect(unsafe_code, reason = "SQLite has no safe way to a sync of its files")]
    unsafe {
        let stored = (&raw mut file).cast::<c_void>();
        let code = ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), which, stored);
        if code != ffi::SQLITE_OK || file.is_null() || (*file).pMethods.is_null() {
            return code;
        }
        let methods = &*(*file).pMethods;
        methods.xSync.map_or(ffi::SQLITE_OK, |sync| sync(file, ffi::SQLITE_SYNC_NORMAL))
    }
}
