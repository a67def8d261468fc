//! The WAL index (the file `-shm`): room for it, and its header.
//!
//! **Room.** SQLite makes the index longer by 32 KiB for each 4,096 frames of the WAL, in the
//! middle of a commit and after the frames with their commit mark were written. Where the disk has
//! no room for that, the commit is in doubt (`write/commit.rs`). So the whole index is made and
//! mapped when a writer opens the file. It has to be done again after each last close, because the
//! first connection of all cuts the file to nothing.
//!
//! **Header.** A commit is published by its new header: SQLite writes it before COMMIT returns. It
//! names the WAL by two salts, the last frame that counts, and the running checksum of all frames
//! up to that one. So where the header is the same, the content of the database is the same (ADR
//! 0049).
//!
//! Both go through SQLite's own function for the index: a descriptor of our own would drop the
//! locks of this process when it is closed. This is the only code here that SQLite is not asked
//! through SQL or `rusqlite`.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicU32, fence};

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
/// There is no room on the disk, or no memory. The connection can still be used.
pub(crate) fn reserve(connection: &Connection) -> rusqlite::Result<()> {
    // This makes the connection open the WAL; before that, it does not know that the file is in WAL
    // mode.
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

/// Makes one region, and returns SQLite's result code.
fn make(connection: &Connection, region: c_int) -> c_int {
    map(connection, region, Extend::Yes).map_or_else(|code| code, |_| ffi::SQLITE_OK)
}

/// Words of the header, which the index begins with twice (SQLite, "WAL-mode File Format", section
/// 2.1; `WalIndexHdr` in `sqlite3.c`).
const HEADER_WORDS: usize = 12;
/// The places of the parts of the header, in words: the version of the format, the number of
/// commits, whether it is valid together with the size of a page, and its own checksum.
const VERSION: usize = 0;
const COMMITS: usize = 2;
const VALID_AND_PAGE: usize = 3;
const CHECKSUM: usize = 10;
/// The only version of the format there is.
const FORMAT: u32 = 3_007_000;

/// The header of the WAL index as it was at one moment: what names the content of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header([u32; HEADER_WORDS]);

impl Header {
    /// Bytes of a header.
    pub(crate) const BYTES: usize = 4 * HEADER_WORDS;

    /// The header as its bytes lie in memory.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The header with these bytes.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut words = [0; HEADER_WORDS];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_ne_bytes(place.try_into().expect("four bytes"));
        }
        Self(words)
    }

    /// Whether the number of commits, which each commit raises by one, is this much higher than in
    /// an earlier header. Nothing else raises it, and a recovery of the WAL begins it at 0.
    pub(crate) fn is_later_by(&self, commits: u32, earlier: &Self) -> bool {
        self.0[COMMITS] == earlier.0[COMMITS].wrapping_add(commits)
    }

    /// Whether SQLite itself accepts the header (`walIndexTryHdr`).
    fn is_valid(&self) -> bool {
        // The byte `isInit` is the first one of its word in memory.
        let is_valid = self.0[VALID_AND_PAGE].to_ne_bytes()[0] == 1;
        let mut sums = [0_u32; 2];
        for pair in self.0[..CHECKSUM].chunks_exact(2) {
            sums[0] = sums[0].wrapping_add(pair[0]).wrapping_add(sums[1]);
            sums[1] = sums[1].wrapping_add(pair[1]).wrapping_add(sums[0]);
        }
        is_valid && self.0[VERSION] == FORMAT && sums == self.0[CHECKSUM..]
    }
}

/// The header at this moment. `None` while a commit is just being published, after the writer of
/// one was killed in that moment, and where the connection has no WAL index: then only SQLite can
/// tell what holds.
///
/// Takes no lock of the database and delays no other process.
pub(crate) fn header(connection: &Connection) -> Option<Header> {
    let memory = map(connection, 0, Extend::No).ok().filter(|memory| !memory.is_null())?;
    let words: *mut u32 = memory.cast();
    let copy = |number: usize| {
        let mut words_read = [0; HEADER_WORDS];
        for (place, word) in words_read.iter_mut().enumerate() {
            // SAFETY: the memory is the first region of the index, which has 32 KiB, begins at a
            // page, and stays mapped as long as the connection is open, for which it is borrowed.
            // Other processes change it meanwhile, so it is only ever read as atomics.
            #[expect(unsafe_code, reason = "memory that SQLite shares among processes")]
            let atomic = unsafe { AtomicU32::from_ptr(words.add(number * HEADER_WORDS + place)) };
            *word = atomic.load(Relaxed);
        }
        Header(words_read)
    };
    // Writers change the second copy, then the first one; so a reader takes the first copy first.
    let first = copy(0);
    fence(Acquire);
    let second = copy(1);
    fence(Acquire);
    (first == second && first.is_valid()).then_some(first)
}

/// Whether a region that is not there is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extend {
    Yes,
    No,
}

/// Where a region of the index is mapped; null for one that is not there and is not to be made.
///
/// # Errors
///
/// SQLite's code for why it cannot be mapped.
fn map(connection: &Connection, region: c_int, extend: Extend) -> Result<*mut c_void, c_int> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    let mut memory: *mut c_void = ptr::null_mut();
    // SAFETY: the connection is open as long as it is borrowed, and is not used by another thread
    // meanwhile, because it is not `Sync`. `SQLITE_FCNTL_FILE_POINTER` stores the file object of
    // the named database through the pointer (SQLite documentation, "Standard File Control
    // Opcodes"); it belongs to the connection and lives as long. Its methods are a static table of
    // the VFS. `xShmMap` is called as SQLite itself calls it in `walIndexPageRealloc`: for a
    // connection that has the WAL open, with the size of region that SQLite uses for this file. It
    // changes no content, stores where the region is mapped, and takes the mutexes that it needs
    // itself.
    #[expect(unsafe_code, reason = "SQLite has no safe way to its own mapping of the index")]
    let code = unsafe {
        let stored = (&raw mut file).cast::<c_void>();
        let code = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            stored,
        );
        if code != ffi::SQLITE_OK || file.is_null() || (*file).pMethods.is_null() {
            return Err(if code == ffi::SQLITE_OK { ffi::SQLITE_MISUSE } else { code });
        }
        let methods = &*(*file).pMethods;
        let extend = c_int::from(extend == Extend::Yes);
        // Shared memory is there from version 2 of the table on.
        methods.xShmMap.filter(|_| methods.iVersion >= 2).map_or(ffi::SQLITE_MISUSE, |map| {
            map(file, region, REGION_BYTES, extend, &raw mut memory)
        })
    };
    if code == ffi::SQLITE_OK { Ok(memory) } else { Err(code) }
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
