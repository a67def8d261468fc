//! The file that a transfer reads: read in short transactions of its own, and fenced by the write
//! lock.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::PersonaId;
use rusqlite::{Connection, OptionalExtension};

use super::read::File;
use crate::NoObserver;
use crate::sqlite::backup::hold;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::files::header::Header;
use crate::sqlite::files::own_files::refuse_second_name;
use crate::sqlite::start::{library, migrate};
use crate::sqlite::tables::meta;
use crate::sqlite::{DatabaseError, Durability};
use crate::sqlite::{Settings, WriteLock};
use crate::transfer::{Batch, KeyRecord, Side, Source, TransferError};

/// Entries of one batch, and bytes of their texts: a large batch costs memory, a small one a
/// commit.
const BATCH_ENTRIES: i64 = 1000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Records of keys of one batch.
const BATCH_KEYS: i64 = 5000;
/// Longest wait for a program that writes without the write lock: for as long writers wait too.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);
/// Longest wait for writers of a file that no server uses.
const WRITE_LOCK_WAIT_MAX: Duration = Duration::from_secs(5);

/// The file that a transfer reads.
pub(crate) struct FileSource {
    file: File,
    is_live: bool,
    /// The write lock; `None` for a backup, to which no program writes.
    write_lock: Option<WriteLock>,
    /// In a write transaction of its own from the fence of a live transfer on: the write lock keeps
    /// writers in order, and the lock of the file keeps out those too that have another write lock,
    /// because the file of theirs was removed.
    fence: Option<Connection>,
    /// The life of the file that the transfer began in.
    epoch: String,
}

impl FileSource {
    /// Opens the source. A file that a server uses is refused, unless the transfer is live.
    pub(crate) fn open(path: &Path, is_live: bool) -> Result<Self, TransferError> {
        library::check_library()?;
        refuse_second_name(path)?;
        hold::finish_interrupted(path)?;
        let Some(header) = Header::read(path)? else {
            return Err(DatabaseError::missing_or_empty(path).into());
        };
        migrate::check_mark(path, &header)?;
        let write_lock = if header.wal {
            Some(WriteLock::open(path).map_err(|source| DatabaseError::from_file(path, source))?)
        } else {
            None
        };
        if write_lock.is_some() && !is_live {
            hold::refuse_in_use(path)?;
        }
        let connection = if header.wal {
            connection::open(&Settings::new(path), Purpose::Read, Arc::new(NoObserver))?
        } else {
            connection::open_alone(path)?
        };
        let found = migrate::version_of(&connection)
            .map_err(|error| DatabaseError::from_driver(path, error))?;
        // A retired file is the source of a transfer that was killed in its last moment.
        if !matches!(found, migrate::VERSION | migrate::RETIRED) {
            return Err(migrate::other_version(path, found).into());
        }
        let epoch =
            meta::epoch(&connection).map_err(|error| DatabaseError::from_driver(path, error))?;
        Ok(Self {
            file: File { path: path.into(), connection },
            is_live,
            write_lock,
            fence: None,
            epoch,
        })
    }

    /// A connection in a write transaction.
    fn lock_file(&self) -> Result<Connection, TransferError> {
        let mut settings = Settings::new(&self.file.path);
        settings.durability = Durability::Full;
        settings.busy_timeout = LOCK_WAIT_MAX;
        let writer = connection::open(&settings, Purpose::Write, Arc::new(NoObserver))?;
        writer.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.file.failed(error))?;
        Ok(writer)
    }

    fn locked(&self, source: std::io::Error) -> TransferError {
        DatabaseError::from_file(&WriteLock::path(&self.file.path), source).into()
    }
}

impl Source for FileSource {
    fn side(&mut self) -> &mut dyn Side {
        &mut self.file
    }

    fn origin(&mut self) -> Result<String, TransferError> {
        let sql = "SELECT sequence || ' ' || lower(hex(persona)) || ' ' || at FROM changes ORDER BY sequence LIMIT 1";
        let first: Option<String> = self
            .file
            .connection
            .query_row(sql, [], |found| found.get(0))
            .optional()
            .map_err(|error| self.file.failed(error))?;
        Ok(format!("sqlite {} {}", self.epoch, first.unwrap_or_default()))
    }

    fn batch(&mut self, after: i64) -> Result<Batch, TransferError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        self.file.entries(after, BATCH_ENTRIES, |entry| {
            bytes += entry.bytes();
            entries.push(entry);
            bytes < BATCH_BYTES
        })?;
        let is_last = bytes < BATCH_BYTES && (entries.len() as u64) < BATCH_ENTRIES.unsigned_abs();
        Ok(Batch { entries, is_last })
    }

    fn keys(&mut self, after: &(i64, String)) -> Result<Vec<KeyRecord>, TransferError> {
        self.file.keys_after(after, BATCH_KEYS)
    }

    fn order(
        &mut self,
        _each: &mut dyn FnMut(PersonaId) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        // One writer at a time: the feed has the order of creation.
        Ok(())
    }

    fn fence(&mut self) -> Result<(), TransferError> {
        let Some(write_lock) = &self.write_lock else { return Ok(()) };
        let guard = if self.is_live {
            Some(write_lock.lock().map_err(|source| self.locked(source))?)
        } else {
            write_lock
                .lock_until(Instant::now() + WRITE_LOCK_WAIT_MAX)
                .map_err(|source| self.locked(source))?
        };
        // The guard is held until `unfence` drops it, or until this process ends.
        guard
            .map(std::mem::forget)
            .ok_or_else(|| DatabaseError::InUse { path: self.file.path.clone(), pid: None })?;
        if self.is_live {
            self.fence = Some(self.lock_file()?);
        }
        Ok(())
    }

    fn unfence(&mut self) -> Result<(), TransferError> {
        // Closing the connection ends its transaction, and so does the end of this process.
        self.fence = None;
        // The lock belongs to the opened file: another one stays without it.
        if self.write_lock.take().is_some() {
            self.write_lock =
                Some(WriteLock::open(&self.file.path).map_err(|source| self.locked(source))?);
        }
        Ok(())
    }

    fn retire(&mut self, target: &str, position: i64) -> Result<bool, TransferError> {
        let Some(writer) = &self.fence else { return Ok(true) };
        let failed = |error| self.file.failed(error);
        let newest: i64 = writer
            .query_row("SELECT coalesce(max(sequence), 0) FROM changes", [], |found| found.get(0))
            .map_err(failed)?;
        if newest != position || meta::epoch(writer).map_err(failed)? != self.epoch {
            return Ok(false);
        }
        tracing::info!(target, "the file was moved and takes no more writes");
        writer.pragma_update(None, "user_version", migrate::RETIRED).map_err(failed)?;
        writer.execute_batch("COMMIT").map_err(failed)?;
        Ok(true)
    }
}
