//! Commits transactions and decides their outcome; no other place decides whether a transaction was
//! kept.
//!
//! A commit has three results. SQLite writes the frames of a transaction to the WAL, the last one
//! with the commit mark, and only then enters them into the WAL index (`walFrames` in
//! `sqlite3.c`). So an error that comes after the mark was written does not undo it: until other
//! frames are written over them, a recovery of the WAL applies these. An error is "not kept" only
//! where it is in a short list; every other one is doubt (ADR 0025).
//!
//! Start reading at [`WriteTransaction::commit`].

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};

use super::commit_record::{CommitRecord, Following};
use super::write_lock::WriteLock;
use crate::Observer;
use crate::fault_injection::Hidden;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::files::paths;
use crate::sqlite::system_error::explained;
use crate::sqlite::wal_index;
use crate::sqlite::{DatabaseError, Settings};

/// A connection that writes. All transactions that clients hear of are committed through one.
pub(crate) struct WriteConnection {
    connection: Connection,
    marks: Arc<Marks>,
    record: CommitRecord,
}

/// The observations of SQLite's hooks during a commit.
#[derive(Default)]
struct Marks {
    /// Whether SQLite has begun to write frames, after all other work of the commit, including
    /// virtual tables.
    frames_begun: AtomicBool,
    /// Frames in the WAL after the last commit.
    wal_frames: AtomicU64,
}

/// A running transaction of a [`WriteConnection`]. Rolled back where it is dropped.
pub(crate) struct WriteTransaction<'a> {
    transaction: Transaction<'a>,
    connection: &'a Connection,
    marks: &'a Marks,
    following: Following<'a>,
}

/// The outcome of a transaction.
#[derive(Debug)]
pub(crate) enum Committed {
    /// The transaction was kept.
    Kept,
    /// The transaction was not kept, and never will be.
    NotKept(rusqlite::Error),
    /// The transaction may have been kept, or may be kept by the next recovery of the WAL.
    Unknown(rusqlite::Error),
}

impl WriteConnection {
    /// Opens a connection to an existing file.
    pub(crate) fn open(
        settings: &Settings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        let mut connection = connection::open(settings, Purpose::Write, observer)?;
        let marks = Arc::new(Marks::default());
        let (before, after) = (Arc::clone(&marks), Arc::clone(&marks));
        let hooked = connection
            .commit_hook(Some(move || {
                before.frames_begun.store(true, Ordering::Relaxed);
                false
            }))
            // Takes the place of SQLite's own hook, which would checkpoint a long WAL inside the
            // commit and drop the errors.
            .and_then(|()| {
                connection.wal_hook(Some(move |_: &mut _, frames: i32| {
                    after
                        .wal_frames
                        .store(u64::try_from(frames).unwrap_or_default(), Ordering::Relaxed);
                    Ok(())
                }))
            });
        hooked.map_err(|error| DatabaseError::from_driver(&settings.path, error))?;
        if let Err(error) = wal_index::reserve(&connection) {
            // Reads are not to end for want of space that only writes need.
            tracing::warn!(%error, "no room was taken ahead for the WAL index; a write that needs it can end in doubt");
        }
        // SQLite ignores the error of its own sync of the folder, and without that sync a power cut
        // can remove the whole WAL.
        paths::sync_folder_of(&settings.path)
            .map_err(|error| DatabaseError::from_file(&settings.path, error))?;
        let record = CommitRecord::open(&settings.path).map_err(|source| {
            DatabaseError::Unreadable { path: WriteLock::path(&settings.path), source }
        })?;
        Ok(Self { connection, marks, record })
    }

    /// Begins a transaction with the database's write lock.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<WriteTransaction<'_>> {
        let Self { connection, marks, record } = self;
        // This constructor does not borrow the connection mutably, because after a failed commit
        // the connection is asked for the system's error.
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(|error| explained(connection, error))?;
        let following = record.follow(connection);
        Ok(WriteTransaction { transaction, connection, marks, following })
    }

    /// The record of what this program commits.
    pub(in crate::sqlite) fn record(&self) -> &CommitRecord {
        &self.record
    }

    /// Frames in the WAL after the last commit of this connection.
    pub(crate) fn wal_frames(&self) -> u64 {
        self.marks.wal_frames.load(Ordering::Relaxed)
    }
}

impl Deref for WriteConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl WriteTransaction<'_> {
    /// Commits, and decides the outcome.
    pub(crate) fn commit(self) -> Committed {
        self.marks.frames_begun.store(false, Ordering::Relaxed);
        let hidden = Hidden::before_a_commit(self.transaction.path());
        let error = match self.transaction.commit() {
            Ok(()) if hidden.is_some_and(Hidden::hide) => {
                return Committed::NotKept(rusqlite::Error::SqliteFailure(
                    ffi::Error::new(ffi::SQLITE_IOERR_WRITE),
                    None,
                ));
            }
            Ok(()) => {
                self.following.record(self.connection, 1);
                return Committed::Kept;
            }
            Err(error) => error,
        };
        // Judged by SQLite's own code; what the system said only explains it.
        let is_not_kept =
            !self.marks.frames_begun.load(Ordering::Relaxed) || comes_before_the_mark(&error);
        let error = explained(self.connection, error);
        if is_not_kept { Committed::NotKept(error) } else { Committed::Unknown(error) }
    }

    /// Rolls the transaction back. If this fails, closing the connection still undoes it.
    pub(crate) fn roll_back(self) -> rusqlite::Result<()> {
        // After some errors SQLite has done it already.
        if self.transaction.is_autocommit() { Ok(()) } else { self.transaction.rollback() }
    }
}

impl Deref for WriteTransaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.transaction
    }
}

/// Whether an error of a commit can only have come before the frame with the commit mark was
/// complete in the WAL, by what `walFrames` does in SQLite 3.54:
///
/// - `BUSY` is an answer of locks, and all locks are taken before the first frame.
/// - `FULL` and `IOERR_WRITE` are answers of writes to the WAL. The frame with the mark is the last
///   one that is written, and one that is not whole is not valid. Frames behind it are written only
///   on file systems that may damage neighbouring sectors, which SQLite assumes of none
///   (`SQLITE_POWERSAFE_OVERWRITE`). Writes to the index have codes of their own.
/// - A transaction that wrote a frame over again, because its pages did not all fit into memory,
///   writes checksums of zero from there on. After the last frame `walRewriteChecksums` puts the
///   right ones in, in the order of the frames. The header of the frame with the mark is the last
///   that it writes; before that the mark is not valid, and so the same holds of its errors.
///
/// What is not here is doubt. An error that could be added is not worth it: doubt is only slower.
fn comes_before_the_mark(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|sqlite| {
        matches!(
            sqlite.extended_code,
            ffi::SQLITE_BUSY
                | ffi::SQLITE_BUSY_RECOVERY
                | ffi::SQLITE_BUSY_SNAPSHOT
                | ffi::SQLITE_FULL
                | ffi::SQLITE_IOERR_WRITE
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::ffi;

    use super::{Committed, WriteConnection, comes_before_the_mark};
    use crate::NoObserver;
    use crate::sqlite::{Settings, initialise};

    #[test]
    fn only_errors_that_come_before_the_commit_mark_mean_that_nothing_was_kept() {
        let of = |code| {
            comes_before_the_mark(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
        };
        for code in
            [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE]
        {
            assert!(of(code), "{code}");
        }
        for code in [
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_IOERR_NOMEM,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_PROTOCOL,
            ffi::SQLITE_ERROR,
        ] {
            assert!(!of(code), "{code}");
        }
        assert!(!comes_before_the_mark(&rusqlite::Error::InvalidQuery));
    }

    #[test]
    fn what_fails_before_the_frames_of_a_commit_was_not_kept_whatever_its_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let mut writer = WriteConnection::open(&settings, Arc::new(NoObserver)).expect("it opens");
        let transaction = writer.begin().expect("no other connection writes");
        let sql = "PRAGMA defer_foreign_keys = ON;
                   INSERT INTO persona_tags (tag, persona) VALUES ('tag', 4711)";
        transaction.execute_batch(sql).expect("the fault is found at the end");
        let committed = transaction.commit();
        assert!(matches!(&committed, Committed::NotKept(_)), "{committed:?}");
        let transaction = writer.begin().expect("the last one is over");
        assert!(matches!(transaction.commit(), Committed::Kept));
    }

    #[test]
    fn the_length_of_the_wal_is_known_after_each_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let mut writer = WriteConnection::open(&settings, Arc::new(NoObserver)).expect("it opens");
        let mut frames = Vec::new();
        for number in 0..2 {
            let transaction = writer.begin().expect("no other connection writes");
            transaction
                .execute("INSERT INTO changes (persona, revision, kind, at) VALUES (?1, 1, 'created', 0)", [[number; 16]])
                .expect("a row");
            assert!(matches!(transaction.commit(), Committed::Kept));
            frames.push(writer.wal_frames());
        }
        assert!(0 < frames[0] && frames[0] < frames[1], "{frames:?}");
    }
}
