//! What the maintenance process removes, in small transactions, so that no writer waits long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::process::Maintenance;
use crate::Error;
use crate::sqlite::error::from_driver;
use crate::sqlite::search;
use crate::sqlite::tables::{idempotency, purged};
use crate::sqlite::write::heavy_write_lock::HeavyWriteLock;

/// Parts of large texts without a persona that are removed in one transaction, and the pause
/// between two looks for them.
const ORPHANS_BATCH_MAX: usize = 16;
const ORPHANS_EVERY: Duration = Duration::from_secs(1);
/// Transactions of one look, after which the WAL is looked at, and of one step of expired records.
const STEPS_MAX: usize = 64;
/// Most records removed in one transaction, so that no writer waits long for it.
const EXPIRED_BATCH_MAX: usize = 500;

impl Maintenance {
    /// Removes parts of large texts that no document claimed, because their writer ended before.
    /// The lock of heavy writes tells that no such writer is under way.
    pub(super) fn remove_orphans(&mut self) -> Result<(), Error> {
        if Instant::now() < self.orphans_from {
            return Ok(());
        }
        self.orphans_from = Instant::now() + ORPHANS_EVERY;
        if !search::has_orphans(&self.connection).map_err(from_driver)? {
            return Ok(());
        }
        let Some(_lock) = HeavyWriteLock::try_lock(&self.settings.path) else { return Ok(()) };
        for _ in 0..STEPS_MAX {
            let removed =
                self.write(|connection| search::remove_orphans(connection, ORPHANS_BATCH_MAX))?;
            if removed < ORPHANS_BATCH_MAX {
                return Ok(());
            }
        }
        // The next tick goes on.
        self.orphans_from = Instant::now();
        Ok(())
    }

    /// Removes some of what a purge has left that was ended in between: one step, so that the WAL
    /// is looked at before the next one.
    ///
    /// Revisions that cannot be found are left alone until the next start, so that the damage of
    /// one persona keeps nothing else from being looked after.
    pub(super) fn finish_purges(&mut self) -> Result<(), Error> {
        let next = purged::unfinished_after(&self.connection, self.purges_after);
        let Some((sequence, id)) = next.map_err(from_driver)? else { return Ok(()) };
        if self.disk.space().is_short() {
            return Ok(());
        }
        match self.write(|connection| {
            purged::overwriting(connection, || purged::remove_some(connection, id))
        }) {
            Err(Error::Damaged(what)) => {
                self.purges_after = sequence;
                self.observer.damage_found();
                tracing::error!(persona = %id, what, "the revisions of a purged persona are damaged and cannot be removed");
                Ok(())
            }
            removed => removed.map(drop),
        }
    }

    /// Removes expired records in small transactions, and tells how many there were.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`].
    pub fn remove_expired(&mut self) -> Result<usize, Error> {
        let mut all = 0;
        loop {
            let (removed, is_more) = self.remove_expired_at_once()?;
            all += removed;
            if !is_more {
                return Ok(all);
            }
        }
    }

    /// Removes some expired records, and tells whether there are more.
    pub(super) fn remove_some_expired(&mut self) -> Result<bool, Error> {
        for _ in 0..STEPS_MAX {
            let (_, is_more) = self.remove_expired_at_once()?;
            if !is_more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One transaction: how many records were removed, and whether there are more.
    fn remove_expired_at_once(&mut self) -> Result<(usize, bool), Error> {
        let (clock, mut observed) = (Arc::clone(&self.clock), std::mem::take(&mut self.observed));
        let removed = self.write(|connection| {
            idempotency::remove_expired(connection, &mut observed, &*clock, EXPIRED_BATCH_MAX)
        });
        self.observed = observed;
        removed.map(|removed| (removed.records, removed.is_more))
    }
}
