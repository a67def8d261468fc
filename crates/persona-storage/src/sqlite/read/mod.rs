//! Reads: connections that cannot write.
//!
//! Two kinds. A **short** read (one persona by its identity, unless its document is large) runs
//! inline on the calling thread's own connection, without a pool or a hand-over. It is answered
//! from the cache of this process where that is as strict as a SELECT, and costs one SELECT
//! otherwise. A **long** read (a list, a page of the feed, an export) runs on a thread of its own,
//! so that it never holds up a short one, and is a lease: it has a limit and is ended when it is
//! over, when its client has gone, or when it is in the way of writers (ADR 0027).
//!
//! - `cache.rs`: the cache of answers, and the proof that they are valid (ADR 0054);
//!   `cached_answers.rs`: how many of them.
//! - `token_cache.rs`: the tokens that were seen lately.
//! - `follow.rs`: the next events of the feed, as soon as they are committed.
//! - `pool.rs`: the few threads of long reads and the queue before them.
//! - `lease.rs`: which long reads are under way, and what ends them.
//! - `damage.rs`: what reads and writes met of damage.
//! - `wal_watch.rs`: how long the WAL is, and whether long reads may begin.

mod cache;
mod cached_answers;
mod conditions;
pub(super) mod counts;
mod damage;
pub(super) mod export;
pub(super) mod follow;
mod lease;
pub(super) mod list;
mod pool;
mod token_cache;
mod wal_watch;

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use persona_model::{HandleName, LabelName, PersonaId, Reach};
use rusqlite::Connection;
use thread_local::ThreadLocal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::cache::ReadCache;
use self::damage::Damage;
use self::pool::{Pool, PoolSettings};
use self::token_cache::TokenCache;
use self::wal_watch::TURN_WAIT_MAX;
use crate::handle::first_owner_of;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::error::{explain_read, from_driver};
use crate::sqlite::tables::{handles, labels, personas, tokens};
use crate::sqlite::write::commit_record::CommitRecord;
use crate::sqlite::write::write_lock::WriteLock;
use crate::sqlite::{DatabaseError, Settings};
use crate::{
    Error, Glance, HandleLook, Labelled, NoObserver, Observer, ReadRoom, TokenHash, TokenLook,
    fault_injection,
};

pub(super) use lease::{Held, Leases, Reason};
pub(super) use wal_watch::{LOOK_EVERY, WalWatch};

/// Long reads that run at once in one process; more would only fight for the same few cores.
const LONG_READS_MAX: usize = 4;
/// Large documents that are read at once in one process.
const LARGE_READS_MAX: usize = 2;
/// Exports that run at once in one process, each with a thread and a snapshot; one more is refused.
const EXPORTS_MAX: usize = 4;

/// The reads of one process.
pub(super) struct Readers {
    settings: Settings,
    short: ThreadLocal<Connection>,
    cache: Option<ReadCache>,
    tokens: TokenCache,
    leases: Arc<Leases>,
    long: Pool,
    /// Large documents: they last too long for a thread that serves, and far shorter than lists,
    /// which they do not wait for.
    large: Pool,
    /// The status has its own thread, because it must be answered even when all others are busy.
    status: Pool,
    exports: Arc<Semaphore>,
    damage: Arc<Damage>,
}

impl Readers {
    /// # Errors
    ///
    /// The lock file, in which commits are recorded for the cache, cannot be opened.
    pub(super) fn new(
        settings: Settings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        let record = CommitRecord::open(&settings.path).map_err(|source| {
            DatabaseError::Unreadable { path: WriteLock::path(&settings.path), source }
        })?;
        let cache = ReadCache::new(settings.read_cache_bytes, record, Arc::clone(&observer));
        let damage = Arc::new(Damage::new(Arc::clone(&observer)));
        let leases = Leases::new(WalWatch::new(settings.clone()), observer);
        let pool = |name, threads_max, waits_for_wal| {
            let shape =
                PoolSettings { name, threads_max, limit: settings.read_timeout, waits_for_wal };
            let settings = settings.clone();
            Pool::new(
                shape,
                Box::new(move || open(&settings).map_err(unopened)),
                Arc::clone(&leases),
            )
        };
        let (long, large) =
            (pool("read", LONG_READS_MAX, true), pool("large", LARGE_READS_MAX, false));
        let status = pool("status", 1, false);
        let exports = Arc::new(Semaphore::new(EXPORTS_MAX));
        let short = ThreadLocal::new();
        let tokens = TokenCache::default();
        Ok(Self { settings, short, cache, tokens, leases, long, large, status, exports, damage })
    }

    /// How many long reads run at once.
    pub(super) fn room(&self) -> ReadRoom {
        ReadRoom {
            lists: self.long.threads_max(),
            exports: EXPORTS_MAX,
            large: self.large.threads_max(),
        }
    }

    /// Tells the observer of damage that a write met while it read what it changes.
    pub(super) fn note_damage(&self, error: &Error) {
        self.damage.note(error);
    }

    /// Runs a short read on this thread.
    pub(super) fn short<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connection = self.short.get_or_try(|| open(&self.settings)).map_err(unopened)?;
        read(connection)
            .map_err(|error| explain_read(connection, error))
            .inspect_err(|error| self.damage.note(error))
    }

    /// A persona without a large document, from the cache if valid.
    pub(super) fn glance(&self, id: PersonaId) -> Result<Glance, Error> {
        let select =
            |connection: &Connection| personas::glance(connection, id).map_err(from_driver);
        self.short(|connection| match &self.cache {
            Some(cache) => cache.glance(connection, id, select),
            None => select(connection),
        })
    }

    /// A persona by a label without a large document, from the cache where it holds.
    pub(super) fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        let select =
            |connection: &Connection| labels::labelled(connection, id, name).map_err(from_driver);
        self.short(|connection| match &self.cache {
            Some(cache) => cache.labelled(connection, id, name, select),
            None => select(connection),
        })
    }

    /// What a handle leads a client to, from the cache where it holds.
    pub(super) fn look_at_handle(
        &self,
        name: &HandleName,
        reach: &Reach,
    ) -> Result<HandleLook, Error> {
        let select =
            |connection: &Connection| handles::look(connection, name, reach).map_err(from_driver);
        let look = self.short(|connection| match &self.cache {
            Some(cache) => cache.look_at_handle(connection, (name, first_owner_of(reach)), select),
            None => select(connection),
        })?;
        Ok(fault_injection::handle_look(name, look))
    }

    /// The token with a secret of this hash, or whether there is any.
    pub(super) fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        let select = |connection: &Connection| tokens::look(connection, hash).map_err(from_driver);
        let look = self.short(|connection| self.tokens.look(connection, hash, select))?;
        Ok(fault_injection::token_look(look))
    }

    /// Runs a long read on another thread.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when it did not get its turn, [`Error::ReadTimedOut`] and
    /// [`Error::ReadGaveWay`] when it was ended.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before the read begins withdraws it; after that its statement is
    /// interrupted.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.long.run(read).await.inspect_err(|error| self.damage.note(error))
    }

    /// As [`Readers::long`], for one large document.
    pub(super) async fn large<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.large.run(read).await.inspect_err(|error| self.damage.note(error))
    }

    /// As [`Readers::long`], on a thread that lists and searches never have.
    pub(super) async fn of_status<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.status.run(read).await
    }

    /// The permit of an export, and what the export needs to begin.
    pub(super) fn permit_for_export(&self) -> Result<ExportPermit, Error> {
        let permit = Arc::clone(&self.exports)
            .try_acquire_owned()
            .map_err(|_| Error::Busy { what: "a place for an export" })?;
        Ok(ExportPermit {
            settings: self.settings.clone(),
            leases: Arc::clone(&self.leases),
            damage: Arc::clone(&self.damage),
            permit,
        })
    }
}

/// The right to run one export, until this is dropped.
pub(super) struct ExportPermit {
    settings: Settings,
    leases: Arc<Leases>,
    /// Told what the export meets of damage.
    pub(super) damage: Arc<Damage>,
    permit: OwnedSemaphorePermit,
}

impl ExportPermit {
    /// A connection for the export, and its lease. Waits for a WAL that has to be reset first, as
    /// long as the export is wanted; on a thread of its own, because a look at the WAL reads the
    /// file.
    pub(super) fn begin(&self, is_wanted: impl Fn() -> bool) -> Result<(Connection, Held), Error> {
        let began = Instant::now();
        while self.leases.wal.limit_of_reads().is_none() {
            if began.elapsed() >= TURN_WAIT_MAX || !is_wanted() {
                return Err(Error::Busy { what: "its turn to read" });
            }
            thread::sleep(LOOK_EVERY);
        }
        let connection = open(&self.settings).map_err(unopened)?;
        let held = self.leases.begin(&connection, None)?;
        Ok((connection, held))
    }

    /// Gives the permit to the next export.
    pub(super) fn leave(self) {
        drop(self.permit);
    }
}

/// A new connection that only reads.
pub(super) fn open(settings: &Settings) -> Result<Connection, DatabaseError> {
    connection::open(settings, Purpose::Read, Arc::new(NoObserver))
}

/// A connection that cannot be opened although others are open.
fn unopened(error: DatabaseError) -> Error {
    Error::Backend(Box::new(error))
}
