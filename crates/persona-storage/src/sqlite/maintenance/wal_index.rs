//! Room for the WAL index (the file `-shm`), taken before a commit needs it.
//!
//! SQLite makes the index longer by 32 KiB for each 4,096 frames of the WAL, in the middle of a
//! commit and after the frames with their commit mark were written. Where the disk has no room for
//! that, the commit is in doubt (`commit.rs`). So the whole index is made and mapped when a writer
//! opens the file, through SQLite's own function for it: a descriptor of our own would drop the
//! locks of this process when it is closed. It has to be done again after each last close, because
//! the first connection of all cuts the file to nothing. This is the only code here that SQLite is
//! not asked through SQL or `rusqlite`.

use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::sqlite::connection::WAL_BYTES_MAX;

/// Bytes of a region of the index, and the frames of the WAL that it is for (SQLite, "WAL-mode File
/// Format", section 2; `WALINDEX_PGSZ` in `sqlite3.c`).
const REGION_BYTES: c_int = 32 * 1024;
const REGION_FRAMES: i64 = 4096;
/// Regions that are made: for a WAL of twice its bound, because one transaction may be longer than
/// what was left of it. With pages of 4,096 bytes these are 8, which is 256 KiB.
const REGIONS: i64 = 2 * WAL_BYTES_MAX / 4096 / REGION_FRAMES;

/// Makes and maps the WAL index of the database that this connection has open in WAL mode.
///
/// # Errors
///
/// There is no room on the disk, or no memory. The connection can be used all the same.
pub(crate) fn reserve(connection: &Connection) -> rusqlite::Result<()> {
    // Has the connection open the WAL, if it has not yet; before, it does not know that the file is
    // in WAL mode.
    connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        return Ok(());
    }
    (0..REGIONS).try_for_each(|region| {
        match make(connection, c_int::try_from(region).unwrap_or(c_int::MAX)) {
            ffi::SQLITE_OK => Ok(()),
            code => Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(code),
                Some("no room for the WAL index".into()),
            )),
        }
    })
}

/// Makes one region, and tells SQLite's result.
fn make(connection: &Connection, region: c_int) -> c_int {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    let mut memory: *mut c_void = ptr::null_mut();
    // SAFETY: the connection is open as long as it is borrowed, and is not used by another thread
    // meanwhile, because it is not `Sync`. `SQLITE_FCNTL_FILE_POINTER` stores the file object of
    // the named database through the pointer (SQLite documentation, "Standard File Control
    // Opcodes"); it belongs to the connection and lives as long. Its methods are a static table of
    // the VFS. `xShmMap` is called as SQLite itself calls it in `walIndexPageRealloc`: for a
    // connection that has the WAL open, with the size of region that SQLite uses for this file, to
    // extend. It changes no content, stores a pointer that is not used here, and takes the mutexes
    // that it needs itself.
    #[expect(
        unsafe_code,
        reason = "SQLite has no safe way to make the index longer outside of a commit"
    )]
    unsafe {
        let stored = (&raw mut file).cast::<c_void>();
        let code = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            stored,
        );
        if code != ffi::SQLITE_OK || file.is_null() || (*file).pMethods.is_null() {
            return if code == ffi::SQLITE_OK { ffi::SQLITE_MISUSE } else { code };
        }
        let methods = &*(*file).pMethods;
        // Shared memory is there from version 2 of the table on.
        methods
            .xShmMap
            .filter(|_| methods.iVersion >= 2)
            .map_or(ffi::SQLITE_MISUSE, |map| map(file, region, REGION_BYTES, 1, &raw mut memory))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{REGION_BYTES, REGIONS};
    use crate::NoObserver;
    use crate::sqlite::write::commit::WriteConnection;
    use crate::sqlite::{Settings, initialise};

    #[test]
    fn a_writer_makes_the_whole_index_of_the_wal_when_it_opens_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let bytes =
            || std::fs::metadata(folder.path().join("persona.db-shm")).expect("an index").len();
        for _ in 0..2 {
            let writer = WriteConnection::open(&settings, Arc::new(NoObserver)).expect("it opens");
            assert_eq!(bytes(), u64::from(REGION_BYTES.unsigned_abs()) * REGIONS.unsigned_abs());
            assert_eq!(bytes(), 256 * 1024);
            let sound: String =
                writer.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a report");
            assert_eq!(sound, "ok");
        }
    }
}
