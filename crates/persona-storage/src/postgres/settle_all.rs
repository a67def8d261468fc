//! Settles a transaction that holds several changes, all of them or none: repeats it until it is
//! done, refused, or given up.
//!
//! The changes are an atomic batch (`together_attempt.rs`) or moves of labels
//! (`label_attempt.rs`). What was written has an identity of its own in the database. If the
//! connection breaks during the commit, one written row proves the outcome of all changes: as soon
//! as another attempt has the rows, because before that a commit that is under way is not seen.

use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::doubt::{limit_of, told_in_doubt};
use super::driver_error::DriverError;
use super::error::{Meaning, from_driver};
use super::pool::Pool;
use super::settle::pause;
use super::write_attempt::{Common, Failure};
use super::writer::{AWAY_MAX, Shared};
use crate::{Error, NotApplied};

/// Several changes with their attempts so far.
pub(super) trait Attempts: Send {
    /// The answer of one change.
    type Told: Send;

    /// Does all changes, or fails without doing any. After a result without a driver error, the
    /// connection is in no transaction.
    fn attempt(
        &mut self,
        connection: &Connection,
        common: &Common,
    ) -> impl Future<Output = Result<Attempt<Self::Told>, Refused>> + Send;

    /// Whether a commit was sent, and its outcome is unknown.
    fn is_in_doubt(&self) -> bool;

    /// A number that differs between requests: for waits that are not to end together.
    fn dice(&self) -> u64;

    /// The reason of a failed attempt, after a look whether a persona of it was purged: an attempt
    /// only finds that it is not there, or that its identity is taken.
    fn looked_up(
        &self,
        pool: &Pool,
        refused: Refused,
    ) -> impl Future<Output = Result<Refused, Error>> + Send;
}

/// The result of an attempt.
pub(super) enum Attempt<T> {
    /// The changes are done; the answer of each.
    Done(Vec<T>),
    /// Another transaction was faster, and everything has to be read again.
    Raced,
}

/// The reason why an attempt failed.
pub(super) struct Refused {
    /// The change that is the reason, where one is.
    pub place: Option<usize>,
    pub failure: Failure,
}

impl From<DriverError> for Refused {
    fn from(error: DriverError) -> Self {
        Self { place: None, failure: error.into() }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { place: None, failure: error.into() }
    }
}

/// Changes that have their turn.
pub(super) struct Settling<A> {
    shared: Arc<Shared>,
    deadline: Instant,
    attempts: A,
    /// Since when the outcome of the changes is unknown.
    doubt: Option<Instant>,
    /// Number of failed attempts.
    failures: u32,
}

impl<A: Attempts> Settling<A> {
    pub(super) fn new(shared: Arc<Shared>, deadline: Instant, attempts: A) -> Self {
        Self { shared, deadline, attempts, doubt: None, failures: 0 }
    }

    /// Tries the changes until they are done, refused, or given up. While the outcome of an earlier
    /// attempt is unknown, only a proved outcome is answered.
    pub(super) async fn settle(
        mut self,
        connection: Connection,
    ) -> Result<Vec<A::Told>, NotApplied> {
        let began = Instant::now();
        let mut connection = Some(connection);
        loop {
            let held = match connection.take() {
                Some(held) => held,
                None => self.connection(began).await?,
            };
            let unreplicated = self.shared.pool.unreplicated();
            match self.attempts.attempt(&held, &self.shared.common).await {
                // The server stopped waiting for a standby meanwhile.
                Ok(Attempt::Done(_)) if self.shared.pool.unreplicated() != unreplicated => {
                    return Err(Error::OutcomeUnknown.into());
                }
                Ok(Attempt::Done(told)) => {
                    self.shared.observer.committed(began.elapsed(), told.len());
                    return Ok(told);
                }
                Ok(Attempt::Raced) => connection = Some(held),
                Err(refused) => {
                    // The connection is given back first, because changes that hold one must not
                    // wait for a second one.
                    if matches!(refused.failure, Failure::Driver(_)) {
                        // The connection is in the middle of a transaction, or broken.
                        held.discard();
                    } else {
                        drop(held);
                    }
                    self.go_on_after(refused).await?;
                }
            }
            self.failures += 1;
            self.check_limit()?;
            pause(self.failures, self.attempts.dice()).await;
        }
    }

    /// Fails when another attempt would be useless.
    async fn go_on_after(&mut self, refused: Refused) -> Result<(), NotApplied> {
        if !self.attempts.is_in_doubt() {
            self.doubt = None;
        }
        let looked = self.attempts.looked_up(&self.shared.pool, refused).await;
        let Refused { place, failure } =
            looked.map_err(|error| told_in_doubt(error, self.doubt.is_some()))?;
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
                    if self.attempts.is_in_doubt() {
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
        let limit = limit_of(self.deadline, self.doubt);
        let patience = if self.doubt.is_some() { limit } else { began + AWAY_MAX };
        let made = self.shared.connection(limit, patience).await;
        made.map_err(|error| told_in_doubt(error, self.doubt.is_some()))
    }

    /// Fails when there is no time for another attempt.
    fn check_limit(&self) -> Result<(), Error> {
        if Instant::now() < limit_of(self.deadline, self.doubt) {
            return Ok(());
        }
        Err(if self.doubt.is_some() {
            Error::OutcomeUnknown
        } else {
            self.shared.gave_up("its turn to write")
        })
    }
}
