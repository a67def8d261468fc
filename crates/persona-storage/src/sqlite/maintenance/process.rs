//! The maintenance process: looks after the file while others use it.
//!
//! The process checkpoints the WAL, so that no writer has to, merges the search index, and
//! removes what has expired. Its connection is open from before the first worker until after the
//! last one, so that no worker ever is the last to close the file.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Clock;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::disk::Disk;
use super::retention::Retention;
use super::scrub::Scrub;
use crate::sqlite::backup::create::back_up_from;
use crate::sqlite::connection::{self, Purpose, WalState};
use crate::sqlite::error::{from_driver, is_failed_sync};
use crate::sqlite::files::file_watch::FileWatch;
use crate::sqlite::files::paths::{stamp, with_suffix};
use crate::sqlite::start::migrate;
use crate::sqlite::system_error::explained;
use crate::sqlite::write::commit::{Committed, WriteConnection};
use crate::sqlite::write::write_lock::WriteLock;
use crate::sqlite::{DatabaseError, Settings, Space, search};
use crate::time::{OBSERVED_EVERY, Observed, Time};
use crate::{Error, NoObserver, Observer};

/// Above this many frames in the WAL it is checkpointed with the write lock held, so that it is
/// reset: 32 MiB of pages. Half of what the WAL may ever be, because writers go on until the
/// maintenance process has its turn at the write lock.
const WAL_FRAMES_CEILING: u64 = 8 * 1024;
// If both limits were equal, writers would make checkpoints in their own transactions.
const _: () = assert!(
    connection::EMERGENCY_CHECKPOINT_PAGES * 2 > WAL_FRAMES_CEILING * 3,
    "no room for the maintenance process's turn"
);
/// A WAL that has not grown for this long is cut to nothing: then a copy of the file alone is
/// complete.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// Pause between two looks at the WAL while writers add to the search index faster than it is
/// merged, while clients write, and while none does.
const PAUSE_BEHIND: Duration = Duration::from_millis(1);
const PAUSE_BUSY: Duration = Duration::from_millis(20);
const PAUSE_IDLE: Duration = Duration::from_millis(200);
/// Pause between two rounds of removing what has expired.
const ROUND_EVERY: Duration = OBSERVED_EVERY;
/// Pause between two looks at the free space of the disk.
const SPACE_EVERY: Duration = Duration::from_secs(1);

/// While no client writes, the search index is merged only while the WAL is shorter than this: 8
/// MiB of pages. Merging fills the WAL as writers do, and an export that holds an old snapshot
/// would be ended for that (`export.rs`).
const MERGE_FRAMES_MAX: u64 = WAL_FRAMES_CEILING / 4;
/// Steps of merging each search index in one tick, between which writers go through the write lock;
/// the WAL is looked at after them, because each may have let a dozen transactions in.
const MERGE_STEPS_MAX: usize = 4;

/// Looks after the file while others use it.
pub struct Maintenance {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) write_lock: WriteLock,
    pub(super) writer: WriteConnection,
    /// Declared after the writer and so closed after it: only this one checkpoints the WAL when it
    /// is the last.
    pub(super) connection: Connection,
    pub(super) seen: WalState,
    grew_at: Instant,
    /// Whether the search index may have something to merge, because of writes since the last
    /// merge.
    merge_is_due: bool,
    pub(super) reset_wal_from: Instant,
    round_at: Instant,
    pub(super) observed: Observed,
    pub(super) orphans_from: Instant,
    /// Purges up to this line of the feed are not gone on with.
    pub(super) purges_after: i64,
    pub(super) time: Time,
    pub(super) retention: Retention,
    /// The parts of the work that have met damage, which was told.
    damaged_parts: BTreeSet<&'static str>,
    pub(super) disk: Disk,
    /// When the disk is to be looked at again.
    disk_from: Instant,
    disk_is_short: bool,
    watch: FileWatch,
    scrub: Scrub,
}

/// A file of the database was removed or replaced while it was open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplacedFile {
    /// Which file.
    pub file: PathBuf,
    /// A backup of everything that was acknowledged; `None` when not even that could be made.
    pub rescued: Option<PathBuf>,
}

impl Maintenance {
    /// Opens the connection that stays open.
    ///
    /// # Errors
    ///
    /// As for [`crate::sqlite::SqliteStore::open`].
    pub fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        let write_lock = WriteLock::open(&settings.path)
            .map_err(|source| DatabaseError::Unreadable {
                path: WriteLock::path(&settings.path),
                source,
            })?
            .behind(settings.turnstile.as_deref())
            .observed_by(Arc::clone(&observer));
        let connection = connection::open(settings, Purpose::Maintain, Arc::new(NoObserver))?;
        migrate::check(&connection, &settings.path)?;
        let writer = WriteConnection::open(settings, Arc::clone(&observer))?;
        let watch = FileWatch::of(&settings.path)
            .map_err(|source| DatabaseError::from_file(&settings.path, source))?;
        let now = Instant::now();
        let mut maintenance = Self {
            settings: settings.clone(),
            time: Time::new(Arc::clone(&clock)),
            retention: Retention::new(settings.history),
            clock,
            observer,
            write_lock,
            connection,
            writer,
            seen: WalState::default(),
            grew_at: now,
            merge_is_due: false,
            reset_wal_from: now,
            purges_after: 0,
            round_at: now,
            observed: Observed::default(),
            orphans_from: now,
            damaged_parts: BTreeSet::new(),
            disk: Disk::of(settings),
            disk_from: now,
            disk_is_short: false,
            watch,
            scrub: Scrub::new(),
        };
        // After a failed sync the WAL on the disk may lack pages that all processes still see in
        // it. A checkpoint writes and syncs them once more, before anything else is acknowledged.
        match maintenance.checkpoint() {
            Err(Error::Unsynced(source)) => {
                maintenance.keep_the_wal();
                Err(DatabaseError::Disk { path: settings.path.clone(), source })
            }
            // Whatever else is in the way, such as a full disk, does not stop reads;
            // a tick reports it.
            Ok(()) | Err(_) => Ok(maintenance),
        }
    }

    /// Whether a file of the database was removed or replaced by another one while it was open
    /// here.
    ///
    /// Then no writer is let in any more, and everything that was acknowledged is copied to a
    /// backup beside the database, because with the last process that has the old files open it
    /// would be gone. The write lock stays closed until this maintenance process is dropped: the
    /// caller has to end the server.
    pub fn replaced_file(&mut self) -> Option<ReplacedFile> {
        let file = self.watch.lost()?.to_path_buf();
        if let Ok(guard) = self.write_lock.lock() {
            std::mem::forget(guard);
        }
        // The WAL is emptied, so that no part of it can be applied to a replaced database file.
        if let Err(error) = connection::checkpoint(&self.connection, CheckpointMode::TRUNCATE) {
            tracing::warn!(%error, "could not checkpoint the WAL");
        }
        let path = &self.settings.path;
        let rescue = with_suffix(path, &format!("-rescued-{}", stamp(self.clock.now())));
        let rescued =
            back_up_from(
                &self.connection,
                path,
                &rescue,
                false,
                &mut |_| ControlFlow::Continue(()),
            );
        if let Err(error) = &rescued {
            tracing::error!(%error, "could not rescue what was acknowledged");
        }
        Some(ReplacedFile { file, rescued: rescued.is_ok().then_some(rescue) })
    }

    /// Whether the schema is still the one that this program knows.
    ///
    /// # Errors
    ///
    /// The database failed; asking again may succeed.
    pub fn knows_the_schema(&self) -> Result<bool, Error> {
        migrate::version_of(&self.connection)
            .map(|version| version == migrate::VERSION)
            .map_err(from_driver)
    }

    /// Does the maintenance that is due, and returns the time until the next call.
    ///
    /// # Errors
    ///
    /// The database failed; a later call may succeed, except after [`Error::Unsynced`] and
    /// [`Error::OutcomeUnknown`], after which every process must open the file again.
    pub fn tick(&mut self) -> Result<Duration, Error> {
        let result = self.look_after();
        if matches!(&result, Err(Error::Unsynced(_) | Error::OutcomeUnknown)) {
            self.keep_the_wal();
        }
        result
    }

    fn look_after(&mut self) -> Result<Duration, Error> {
        self.tell_of_the_disk();
        let Some(wal) = connection::look_at_wal(&self.connection).map_err(from_driver)? else {
            // A commit is being published, so the WAL has grown, and the next look must come soon.
            return Ok(PAUSE_BUSY);
        };
        self.observer.wal_bytes(wal.bytes());
        let grew = wal.frames != self.seen.frames;
        if grew {
            self.grew_at = Instant::now();
            self.merge_is_due = true;
        }
        self.seen = wal;
        // A WAL that is wholly copied is reset by the next write, which may be in progress.
        let is_full = wal.frames >= WAL_FRAMES_CEILING
            && wal.copied < wal.frames
            && Instant::now() >= self.reset_wal_from;
        // A full WAL is reset before the index is merged, because writers go on adding to it
        // meanwhile.
        if self.merge_is_due && !is_full && (grew || wal.frames < MERGE_FRAMES_MAX) {
            self.unless_damaged("merging the search index", |own| {
                let merged = own.merge_search_index();
                // A damaged index is merged again after further writes only.
                let is_damaged = |error: &Error| matches!(error, Error::Damaged(_));
                own.merge_is_due =
                    merged.as_ref().map_or_else(|error| !is_damaged(error), |is_more| *is_more);
                merged.map(drop)
            })?;
            // What merging itself has added does not count as writing.
            if let Some(wal) = connection::look_at_wal(&self.connection).map_err(from_driver)? {
                self.seen.frames = wal.frames;
            }
        }
        let idle = self.grew_at.elapsed() >= IDLE_AFTER;
        // What merging adds is cut when there is no more to merge, or no more room for it.
        let done = idle && wal.frames > 0 && (!self.merge_is_due || wal.frames >= MERGE_FRAMES_MAX);
        if is_full || done && Instant::now() >= self.reset_wal_from {
            // Cut while a client writes, the file would grow again at once, and its blocks and its
            // size would be part of every sync until it has.
            self.reset_wal(if idle { CheckpointMode::TRUNCATE } else { CheckpointMode::RESTART })?;
        } else if wal.frames.saturating_sub(wal.copied)
            >= u64::from(self.settings.wal_autocheckpoint.max(1))
        {
            self.checkpoint()?;
        }
        self.scrub.tick(&self.connection, &*self.observer);
        if self.round_at.elapsed() >= ROUND_EVERY {
            let round_at = std::mem::replace(&mut self.round_at, Instant::now());
            self.unless_damaged("removing expired keys", |own| {
                if own.remove_some_expired()? {
                    // Such a round goes on in the next tick.
                    own.round_at = round_at;
                }
                Ok(())
            })?;
        }
        self.unless_damaged("removing parts of texts", Self::remove_orphans)?;
        self.unless_damaged("finishing purges", Self::finish_purges)?;
        self.unless_damaged("dropping old revisions", Self::prune_history)?;
        Ok(match (grew, self.merge_is_due) {
            (true, true) => PAUSE_BEHIND,
            (false, false) if idle => PAUSE_IDLE,
            _ => PAUSE_BUSY,
        })
    }

    /// Does a part of the work. Damage that it meets is told once, and keeps no other part from
    /// being done.
    fn unless_damaged(
        &mut self,
        part: &'static str,
        work: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match work(self) {
            Err(Error::Damaged(what)) => {
                if self.damaged_parts.insert(part) {
                    self.observer.damage_found();
                    tracing::error!(
                        part,
                        what,
                        "the database is damaged, and maintenance leaves out a part of its work; run `persona check`, and restore a backup"
                    );
                }
                Ok(())
            }
            done => done,
        }
    }

    /// Reports the free space of the disk to the observer, about once a second.
    fn tell_of_the_disk(&mut self) {
        let now = Instant::now();
        if now < self.disk_from {
            return;
        }
        self.disk_from = now + SPACE_EVERY;
        let space = self.disk.space();
        if let Some(free) = space.free_bytes {
            self.observer.disk_space(free, space.is_short());
        }
        if space.is_short() != self.disk_is_short {
            self.disk_is_short = space.is_short();
            let Space { free_bytes, reserve_bytes } = space;
            if space.is_short() {
                tracing::error!(
                    free_bytes,
                    reserve_bytes,
                    "the disk has less free than is to stay free: writes are refused, reads go on"
                );
            } else {
                tracing::info!(free_bytes, reserve_bytes, "the disk has room again: writes go on");
            }
        }
    }

    /// Checkpoints the whole WAL and closes. As the last connection it leaves a single complete
    /// file.
    ///
    /// # Errors
    ///
    /// [`Error::Unsynced`]: the WAL stays where it is, and the next start checkpoints it once more.
    pub fn close(mut self) -> Result<(), Error> {
        match self.reset_wal(CheckpointMode::TRUNCATE) {
            Err(error @ Error::Unsynced(_)) => {
                self.keep_the_wal();
                Err(error)
            }
            Err(error) => {
                tracing::warn!(%error, "could not checkpoint the WAL at the end; nothing is lost, the next start does it");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Merges some of what the last writes added to the search index, and tells whether there is
    /// more.
    fn merge_search_index(&mut self) -> Result<bool, Error> {
        // Each in a transaction of its own, so that writers go through the write lock in between.
        let mut is_more = false;
        for merge in [search::merge_texts, search::merge_titles] {
            for step in 1..=MERGE_STEPS_MAX {
                if !self.write(merge)? {
                    break;
                }
                is_more |= step == MERGE_STEPS_MAX;
            }
        }
        Ok(is_more)
    }

    /// One transaction of maintenance, behind the write lock like any other write.
    pub(super) fn write<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let _guard = self.write_lock.lock().map_err(|error| Error::Backend(Box::new(error)))?;
        let transaction = self.writer.begin().map_err(from_driver)?;
        let result =
            change(&transaction).map_err(|error| from_driver(explained(&transaction, error)))?;
        match transaction.commit() {
            Committed::Kept => Ok(result),
            Committed::NotKept(error) => Err(from_driver(error)),
            Committed::Unknown(error) if is_failed_sync(&error) => Err(from_driver(error)),
            Committed::Unknown(error) => {
                tracing::error!(%error, "a commit of maintenance is in doubt");
                Err(Error::OutcomeUnknown)
            }
        }
    }
}
