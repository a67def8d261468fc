//! Does an atomic batch: repeats it until it is settled. One attempt is in `together_attempt.rs`.
//!
//! Each item has an identity of its own in the database. If the connection breaks during the
//! commit, the revision of one item proves the outcome of all.

use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::doubt::{limit, told_in_doubt};
use super::error::{Meaning, from_driver};
use super::purge;
use super::settle::pause;
use super::together_attempt::{Attempt, Attempts, Refused};
use super::write_attempt::{Failure, Request};
use super::writer::{AWAY_MAX, Shared};
use crate::{AtomicBatch, Error, NotApplied, Write, Written};

/// A batch that has its turn.
pub(super) struct Together {
    shared: Arc<Shared>,
    /// The first write, with the deadline of the whole batch.
    first: Arc<Write>,
    attempts: Attempts,
    /// Since when the outcome of the batch is unknown.
    doubt: Option<Instant>,
    /// Number of failed attempts.
    failures: u32,
}

impl Together {
    pub(super) fn new(shared: Arc<Shared>, batch: AtomicBatch) -> Result<Self, Error> {
        let request = |write| Request::new(Arc::new(write), &shared.common, usize::MAX);
        let writes = batch.into_writes().into_iter();
        let requests = writes.map(request).collect::<Result<Vec<_>, _>>()?;
        let first = Arc::clone(&requests[0].write);
        let attempts = Attempts::of(requests);
        Ok(Self { shared, first, attempts, doubt: None, failures: 0 })
    }

    /// Tries the batch until it is done, refused, or given up. While the outcome of an earlier
    /// attempt is unknown, only a proved outcome is answered.
    pub(super) async fn settle(
        mut self,
        connection: Connection,
    ) -> Result<Vec<Written>, NotApplied> {
        let began = Instant::now();
        let mut connection = Some(connection);
        loop {
            let held = match connection.take() {
                Some(held) => held,
                None => self.connection(began).await?,
            };
            let unreplicated = self.shared.pool.unreplicated();
            let attempt = self.attempts.attempt(&held).await;
            match attempt {
                // The server stopped waiting for a standby meanwhile.
                Ok(Attempt::Written(_)) if self.shared.pool.unreplicated() != unreplicated => {
                    return Err(Error::OutcomeUnknown.into());
                }
                Ok(Attempt::Written(written)) => {
                    self.shared.observer.committed(began.elapsed(), written.len());
                    return Ok(written);
                }
                Ok(Attempt::Raced) => connection = Some(held),
                Err(refused) => {
                    let is_driver = matches!(refused.failure, Failure::Driver(_));
                    if is_driver {
                        // The connection is in the middle of a transaction, or broken.
                        held.discard();
                    }
                    let refused = self.looked_up(refused).await?;
                    self.go_on_after(refused)?;
                }
            }
            self.failures += 1;
            self.check_limit()?;
            pause(self.failures, self.attempts.dice()).await;
        }
    }

    /// What refuses a batch, which is that a persona was purged where it was. Where a new persona has
    /// the identity of a purged one, the database says only that it is taken.
    async fn looked_up(&self, refused: Refused) -> Result<Refused, NotApplied> {
        let pool = &self.shared.pool;
        Ok(match (refused.place, refused.failure) {
            (Some(place), Failure::Refused(error)) => {
                let error = purge::told(pool, self.attempts.write_at(place), error).await;
                Refused { place: Some(place), failure: error.into() }
            }
            (place, Failure::Driver(error)) => {
                match purge::refusal(pool, &error, self.attempts.writes()).await? {
                    Some((place, refused)) => {
                        Refused { place: Some(place), failure: refused.into() }
                    }
                    None => Refused { place, failure: error.into() },
                }
            }
            (place, failure) => Refused { place, failure },
        })
    }

    /// Fails when another attempt would be useless.
    fn go_on_after(&mut self, refused: Refused) -> Result<(), NotApplied> {
        let Refused { place, failure } = refused;
        let error = match failure {
            Failure::OtherSchema => {
                self.shared.other_schema.send_replace(true);
                Error::Closed("the schema has another version")
            }
            Failure::Refused(error) => error,
            Failure::Driver(error) => match Meaning::of(&error) {
                // The next attempt finds a handle or a key that another transaction took meanwhile.
                Meaning::Again | Meaning::Taken => return Ok(()),
                Meaning::Away => {
                    if self.attempts.was_committed() {
                        self.doubt.get_or_insert_with(Instant::now);
                    }
                    return Ok(());
                }
                Meaning::Full | Meaning::Sessions | Meaning::Other => from_driver(error),
            },
        };
        let error = told_in_doubt(error, self.doubt.is_some());
        Err(NotApplied { place, error })
    }

    async fn connection(&self, began: Instant) -> Result<Connection, Error> {
        let limit = limit(&self.first, self.doubt);
        let patience = if self.doubt.is_some() { limit } else { began + AWAY_MAX };
        let made = self.shared.connection(limit, patience).await;
        made.map_err(|error| told_in_doubt(error, self.doubt.is_some()))
    }

    /// Fails when there is no time for another attempt.
    fn check_limit(&self) -> Result<(), Error> {
        if Instant::now() < limit(&self.first, self.doubt) {
            return Ok(());
        }
        Err(if self.doubt.is_some() {
            Error::OutcomeUnknown
        } else {
            self.shared.gave_up("its turn to write")
        })
    }
}
