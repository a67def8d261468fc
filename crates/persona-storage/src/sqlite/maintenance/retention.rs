//! Old revisions go, where a setting says that not all are kept: a few in each tick, so that no
//! writer waits long and the WAL stays short.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Clock, PersonaId, Timestamp};
use rusqlite::Connection;

use super::process::Maintenance;
use crate::retention::LookScope;
use crate::sqlite::at_rest::leave_at_rest;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::error::from_driver;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::old_revisions::{self, Found};
use crate::sqlite::{DatabaseError, Settings};
use crate::time::Time;
use crate::{Error, HistoryLimits, HistoryPruned, NoObserver};

/// Lines of the feed that are looked at in one step: some ten milliseconds, in which nothing is
/// locked.
const LINES_AT_ONCE: usize = 200;
/// Revisions that are dropped in one transaction: a few milliseconds.
const DROPPED_AT_ONCE: usize = 50;
/// Most personas with damaged histories that are remembered, so that each is told of once.
const REMEMBERED_MAX: usize = 10_000;
/// Pause before the end of the feed is looked at again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How far the feed was looked through.
pub(super) struct Retention {
    limits: HistoryLimits,
    /// `None` until it is read from the file.
    place: Option<i64>,
    /// When there is something to look at again.
    from: Instant,
    /// What was dropped since the log told of it.
    untold: HistoryPruned,
    /// Personas with damaged histories that were told of.
    damaged: HashSet<PersonaId>,
}

impl Retention {
    pub(super) fn new(limits: HistoryLimits) -> Self {
        let (untold, damaged) = (HistoryPruned::default(), HashSet::new());
        Self { limits, place: None, from: Instant::now(), untold, damaged }
    }
}

impl Maintenance {
    /// Looks at some lines of the feed, and drops the revisions that they let go.
    pub(super) fn prune_history(&mut self) -> Result<(), Error> {
        if self.retention.limits.keep_everything() || Instant::now() < self.retention.from {
            return Ok(());
        }
        // Where the feed itself is damaged, it is not read again at once.
        let again = Instant::now() + LOOK_EVERY;
        let pruned = self.prune_some(LookScope::Due);
        let (pruned, is_end) = pruned.inspect_err(|error| {
            if matches!(error, Error::Damaged(_)) {
                self.retention.from = again;
            }
        })?;
        let retention = &mut self.retention;
        retention.untold.add(pruned);
        if is_end {
            retention.from = Instant::now() + LOOK_EVERY;
            retention.untold.tell();
        }
        Ok(())
    }

    /// Drops all old revisions that the limits let go, or with a dry run only counts them.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`]; what was dropped before stays dropped.
    pub fn prune_now(
        &mut self,
        limits: HistoryLimits,
        is_dry: bool,
    ) -> Result<HistoryPruned, Error> {
        if is_dry {
            return count_old(&self.connection, &limits, self.time.now()).map_err(from_driver);
        }
        let mut pruned = HistoryPruned::default();
        self.retention = Retention { place: Some(0), ..Retention::new(limits) };
        loop {
            let (dropped, is_end) = self.prune_some(LookScope::Whole)?;
            pruned.add(dropped);
            if is_end {
                self.retention = Retention::new(self.settings.history);
                return Ok(pruned);
            }
            // Checkpoints are made as they are due; the steps are made here alone.
            self.retention.from = Instant::now() + LOOK_EVERY;
            self.tick()?;
        }
    }

    /// One step, and whether it came to the end of what is old enough.
    fn prune_some(&mut self, scope: LookScope) -> Result<(HistoryPruned, bool), Error> {
        let (limits, now) = (self.retention.limits, self.time.now());
        let before = match self.retention.place {
            Some(place) => place,
            None => old_revisions::place(&self.connection, &limits).map_err(from_driver)?,
        };
        let looked =
            old_revisions::look(&self.connection, &limits, now, (before, scope), LINES_AT_ONCE);
        let looked = looked.map_err(from_driver)?;
        let mut pruned = HistoryPruned::default();
        for (persona, what) in &looked.damaged {
            pruned.damaged += self.tell_of_damage(*persona, what);
        }
        for found in looked.found.chunks(DROPPED_AT_ONCE) {
            pruned.add(self.drop_found(&limits, now, found)?);
        }
        // Beyond lines that are too new nothing is passed for good.
        let is_due = scope == LookScope::Due;
        if is_due && (looked.place > before && looked.is_end || pruned.revisions > 0) {
            let place = looked.place;
            self.write(|connection| old_revisions::keep_place(connection, &limits, place))?;
        }
        self.retention.place = Some(looked.place);
        Ok((pruned, looked.is_end))
    }

    /// Drops some revisions in one transaction; where one of them cannot be dropped because of
    /// damage, each in its own.
    fn drop_found(
        &mut self,
        limits: &HistoryLimits,
        now: Timestamp,
        found: &[Found],
    ) -> Result<HistoryPruned, Error> {
        match self.write(|connection| old_revisions::drop_all(connection, limits, now, found)) {
            Err(Error::Damaged(what)) => {
                let mut pruned = HistoryPruned::default();
                if let [one] = found {
                    pruned.damaged = self.tell_of_damage(one.persona, &what);
                } else {
                    for one in found {
                        let one = std::slice::from_ref(one);
                        pruned.add(self.drop_found(limits, now, one)?);
                    }
                }
                Ok(pruned)
            }
            dropped => dropped,
        }
    }

    /// Tells that the history of a persona is damaged. Returns of how many personas it has told
    /// now, which is none where this one was told of before.
    fn tell_of_damage(&mut self, persona: PersonaId, what: &str) -> u64 {
        let damaged = &mut self.retention.damaged;
        if damaged.len() >= REMEMBERED_MAX || !damaged.insert(persona) {
            return 0;
        }
        self.observer.damage_found();
        tracing::error!(%persona, what, "the history of a persona is damaged, and its old revisions cannot be dropped");
        1
    }
}

/// Counts all old revisions that the limits let go, and changes nothing: not the file, and no WAL
/// is copied into it or left beside it. Safe beside a running server.
///
/// # Errors
///
/// The file cannot be opened or read, or is of another version.
pub fn prunable(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    limits: &HistoryLimits,
) -> Result<HistoryPruned, DatabaseError> {
    let connection = connection::open(settings, Purpose::Read, Arc::new(NoObserver))?;
    migrate::check(&connection, &settings.path)?;
    let counted = count_old(&connection, limits, Time::new(clock).now());
    leave_at_rest(&connection);
    counted.map_err(|error| DatabaseError::from_driver(&settings.path, error))
}

fn count_old(
    connection: &Connection,
    limits: &HistoryLimits,
    now: Timestamp,
) -> rusqlite::Result<HistoryPruned> {
    let (mut counted, mut place, mut damaged) = (HistoryPruned::default(), 0, HashSet::new());
    loop {
        let from = (place, LookScope::Whole);
        let looked = old_revisions::look(connection, limits, now, from, LINES_AT_ONCE)?;
        counted.revisions += looked.found.len() as u64;
        counted.bytes += looked.found.iter().map(|found| found.bytes).sum::<u64>();
        damaged.extend(looked.damaged.into_iter().map(|(persona, _)| persona));
        counted.damaged = damaged.len() as u64;
        place = looked.place;
        if looked.is_end {
            return Ok(counted);
        }
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
