//! Moves of labels: again and again until they are settled. One attempt is in `label_attempt.rs`.

use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::doubt::{limit_of, told_in_doubt};
use super::error::{Meaning, from_driver};
use super::label_attempt::{Attempt, Attempts, Refused};
use super::purge;
use super::row;
use super::settle::pause;
use super::write_attempt::Failure;
use super::writer::{AWAY_MAX, Shared};
use crate::purge::refusal_of;
use crate::{Error, LabelMoves, MovedLabel, NotApplied};

/// Moves that have their turn.
pub(super) struct Moving {
    shared: Arc<Shared>,
    deadline: Instant,
    attempts: Attempts,
    /// Since when it is in doubt whether they were made.
    doubt: Option<Instant>,
    /// Attempts that came to nothing.
    failures: u32,
}

impl Moving {
    pub(super) fn new(shared: Arc<Shared>, moves: LabelMoves) -> Result<Self, Error> {
        let deadline = moves.deadline;
        Ok(Self { shared, deadline, attempts: Attempts::of(moves)?, doubt: None, failures: 0 })
    }

    /// Tries the moves until they are made, refused, or given up. While it is in doubt whether an
    /// earlier attempt made them, only what is proved is told.
    pub(super) async fn settle(
        mut self,
        connection: Connection,
    ) -> Result<Vec<MovedLabel>, NotApplied> {
        let began = Instant::now();
        let mut connection = Some(connection);
        loop {
            let held = match connection.take() {
                Some(held) => held,
                None => self.connection(began).await?,
            };
            let unreplicated = self.shared.pool.unreplicated();
            match self.attempts.attempt(&held, &self.shared.common).await {
                // The server gave up waiting for a standby meanwhile.
                Ok(Attempt::Made(_)) if self.shared.pool.unreplicated() != unreplicated => {
                    return Err(Error::OutcomeUnknown.into());
                }
                Ok(Attempt::Made(moved)) => {
                    self.shared.observer.committed(began.elapsed(), 1);
                    return Ok(moved);
                }
                Ok(Attempt::Raced) => connection = Some(held),
                Err(refused) => {
                    if matches!(refused.failure, Failure::Driver(_)) {
                        // It is in the middle of a transaction, or broken.
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

    /// What refuses moves, which is that the persona was purged where it was.
    async fn looked_up(&self, refused: Refused) -> Result<Refused, NotApplied> {
        let Refused { place: Some(place), failure: Failure::Refused(Error::NotFound) } = refused
        else {
            return Ok(refused);
        };
        let (id, viewer) = self.attempts.asked_at(place);
        let found = purge::looked_up(&self.shared.pool, &[row::uuid(id)]).await?;
        let error = refusal_of(viewer, found.first());
        Ok(Refused { place: Some(place), failure: error.into() })
    }

    /// Fails when another attempt would be of no use.
    fn go_on_after(&mut self, refused: Refused) -> Result<(), NotApplied> {
        if !self.attempts.is_in_doubt() {
            self.doubt = None;
        }
        let Refused { place, failure } = refused;
        let error = match failure {
            Failure::OtherSchema => {
                self.shared.other_schema.send_replace(true);
                Error::Closed("the schema has another version")
            }
            Failure::Refused(error) => error,
            Failure::Driver(error) => match Meaning::of(&error) {
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
