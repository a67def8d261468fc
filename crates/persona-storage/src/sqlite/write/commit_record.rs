//! The commit record: which commit was the newest one of this program, and since when no other
//! program has committed between.
//!
//! A read cache learns from the feed what was changed, and only this program appends to the feed.
//! So it has to know of commits of other programs. Each writer of this program therefore leaves a
//! record in the lock file of the write lock: the header of the WAL index that its commit
//! published, and a **succession**, 64 random bits. The next writer compares that header with the
//! one that it finds inside its own transaction. Where both are the same, no other commit came
//! between, and the succession goes on; otherwise a new one begins. So two headers that were
//! recorded with one succession have only commits of this program between them (ADR 0054).
//!
//! Nothing here is ever trusted for a write. A record that cannot be written or read, that is torn,
//! or that is missing because its writer was killed, ends the succession. That only costs caches
//! their content.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;

use super::write_lock::WriteLock;
use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::wal_index::{self, Header};

/// The first bytes of a record: its format. Another version of the program that writes another
/// format ends the succession, as any other program does.
const FORMAT: [u8; 4] = *b"PCR1";
/// Where the parts of a record are: the format, the succession, the header, and the CRC-32 of what
/// comes before it.
const SUCCESSION_AT: usize = FORMAT.len();
const HEADER_AT: usize = SUCCESSION_AT + size_of::<u64>();
const CHECKSUM_AT: usize = HEADER_AT + Header::BYTES;
const RECORD_BYTES: usize = CHECKSUM_AT + size_of::<u32>();

/// An unbroken series of commits of this program, without one of another program between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sqlite) struct Succession(u64);

/// The content of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sqlite) struct Recorded {
    /// The header that the newest commit of this program left.
    pub header: Header,
    /// The series that this commit belongs to.
    pub succession: Succession,
}

/// The record of one database.
pub(in crate::sqlite) struct CommitRecord {
    file: File,
}

impl CommitRecord {
    /// Opens the record of a database, in the lock file of its write lock. A descriptor of its own
    /// harms no lock: those of `flock(2)` belong to the opened file.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(in crate::sqlite) fn open(database: &Path) -> std::io::Result<Self> {
        open_or_make(&WriteLock::path(database), database).map(|file| Self { file })
    }

    /// Reads the record; `None` if there is none, or only a part of one.
    pub(in crate::sqlite) fn read(&self) -> Option<Recorded> {
        let mut bytes = [0; RECORD_BYTES];
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        decode(&bytes)
    }

    /// Begins to follow a change of the header that this process is about to make.
    ///
    /// The caller holds the write lock. For a commit it also has the write transaction open, so
    /// that no commit comes between this look at the header and its own.
    pub(in crate::sqlite) fn follow(&self, connection: &Connection) -> Following<'_> {
        let before = wal_index::header(connection);
        let recorded = self.read().filter(|recorded| Some(recorded.header) == before);
        Following { record: self, before, succession: recorded.map(|recorded| recorded.succession) }
    }

    fn write(&self, recorded: Recorded) {
        if let Err(error) = self.file.write_all_at(&encode(recorded), 0) {
            tracing::debug!(%error, "a commit was not recorded, so read caches lose their content");
        }
    }
}

/// A change of the header that is being made.
pub(in crate::sqlite) struct Following<'a> {
    record: &'a CommitRecord,
    before: Option<Header>,
    /// The series of the previous header; `None` if another program made that header.
    succession: Option<Succession>,
}

impl Following<'_> {
    /// Records the new header, after `commits` commits of this process (one or none).
    ///
    /// The number of commits in the header proves that it is still that of this process, although
    /// the lock of the database has been released meanwhile. A header that is not proved is not
    /// recorded.
    pub(in crate::sqlite) fn record(self, connection: &Connection, commits: u32) {
        let (Some(before), Some(after)) = (self.before, wal_index::header(connection)) else {
            return;
        };
        if after == before || !after.is_later_by(commits, &before) {
            return;
        }
        if let Some(succession) = self.succession.or_else(new_succession) {
            self.record.write(Recorded { header: after, succession });
        }
    }
}

/// `None` where the system has no random numbers; then nothing is recorded.
fn new_succession() -> Option<Succession> {
    getrandom::u64().ok().map(Succession)
}

fn encode(recorded: Recorded) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..SUCCESSION_AT].copy_from_slice(&FORMAT);
    bytes[SUCCESSION_AT..HEADER_AT].copy_from_slice(&recorded.succession.0.to_ne_bytes());
    bytes[HEADER_AT..CHECKSUM_AT].copy_from_slice(&recorded.header.to_bytes());
    let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
    bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_ne_bytes());
    bytes
}

fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Recorded> {
    let (record, checksum) = bytes.split_at(CHECKSUM_AT);
    if crc32fast::hash(record).to_ne_bytes() != checksum {
        return None;
    }
    let (format, record) = record.split_first_chunk()?;
    let (succession, header) = record.split_first_chunk()?;
    let header = Header::from_bytes(header.first_chunk()?);
    (*format == FORMAT)
        .then_some(Recorded { header, succession: Succession(u64::from_ne_bytes(*succession)) })
}
