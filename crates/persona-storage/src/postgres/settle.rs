//! Does a single write that has its turn: repeats it until it is settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::doubt::{limit, told_in_doubt, told_of_write};
use super::driver_error::DriverError;
use super::error::{Meaning, from_driver};
use super::write_attempt::{Attempt, Failure, Lock, Request};
use super::writer::{AWAY_MAX, Settled, Shared};
use super::{purge, write_statement};
use crate::{Error, Write};

/// After this many lost races a writer takes the row's lock, so that it cannot lose another one.
const RACES_MAX: u32 = 2;
/// Pauses before trying again: a part of the first at random, twice as much each time, up to the
/// second.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The attempts of a write so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Tries {
    /// Since when the outcome of the write is unknown.
    doubt: Option<Instant>,
    /// Attempts that came to nothing because another write was faster.
    races: u32,
    /// Attempts that the database refused or that failed.
    failures: u32,
    /// Whether the write drops a revision, which it does with the persona locked only.
    drops: bool,
}

impl Tries {
    /// Counts a failed attempt, and notes whether it left the outcome unknown.
    pub(super) fn note(&mut self, request: &Request, meaning: Option<Meaning>) {
        self.failures += u32::from(matches!(meaning, Some(Meaning::Again | Meaning::Away)));
        self.races += u32::from(meaning == Some(Meaning::Taken));
        if meaning == Some(Meaning::Away) && request.was_sent() {
            self.doubt.get_or_insert_with(Instant::now);
        }
    }
}

impl Shared {
    /// Tries a write until it is done, refused, or given up. While the outcome of an earlier
    /// attempt is unknown, the write is repeated: the condition of the statement lets only one
    /// attempt succeed, and only a proved outcome is answered.
    pub(super) async fn settle(
        &self,
        mut request: Request,
        first: Option<Connection>,
        mut tries: Tries,
    ) -> Result<Settled, Error> {
        let began = Instant::now();
        let write = Arc::clone(&request.write);
        let mut connection = first;
        loop {
            let held = if let Some(held) = connection.take() {
                held
            } else {
                self.check_limit(&write, tries)?;
                let limit = limit(&write, tries.doubt);
                let patience = if tries.doubt.is_some() { limit } else { began + AWAY_MAX };
                let made = self.connection(limit, patience).await;
                made.map_err(|error| told_in_doubt(error, tries.doubt.is_some()))?
            };
            let is_alone = tries.races > RACES_MAX || tries.drops;
            match self.attempt(&mut request, &held, is_alone).await {
                Ok(Attempt::Written(written)) => {
                    self.observer.committed(began.elapsed(), 1);
                    return Ok(Settled::Written(written));
                }
                Ok(Attempt::Large(bytes)) => return Ok(Settled::Large(bytes)),
                Ok(Attempt::Unlocked) => {
                    (tries.drops, connection) = (true, Some(held));
                    continue;
                }
                Ok(Attempt::Raced) => {
                    tries.races += 1;
                    connection = Some(held);
                }
                Err(failure) => {
                    let meaning = failure.meaning();
                    // The connection is given back first, because a write that holds one must not
                    // wait for a second one.
                    give_back(held, is_alone, meaning);
                    self.refuse(&request, failure, tries).await?;
                    tries.note(&request, meaning);
                }
            }
            self.check_limit(&write, tries)?;
            pause(tries.races + tries.failures, request.dice()).await;
        }
    }

    /// Fails when there is no time for another attempt.
    fn check_limit(&self, write: &Write, tries: Tries) -> Result<(), Error> {
        if Instant::now() < limit(write, tries.doubt) {
            return Ok(());
        }
        Err(if tries.doubt.is_some() {
            Error::OutcomeUnknown
        } else {
            self.gave_up("its turn to write")
        })
    }

    /// One attempt. Its commit is in doubt when the server gave up waiting for a standby meanwhile.
    async fn attempt(
        &self,
        request: &mut Request,
        connection: &Connection,
        is_alone: bool,
    ) -> Result<Attempt, Failure> {
        let unreplicated = self.pool.unreplicated();
        let attempt = if is_alone {
            request.attempt_alone(connection).await?
        } else {
            request.attempt(connection, Lock::None).await?
        };
        if matches!(attempt, Attempt::Written(_)) && self.pool.unreplicated() != unreplicated {
            return Err(Failure::Refused(Error::OutcomeUnknown));
        }
        Ok(attempt)
    }

    /// Fails when another attempt would be useless.
    pub(super) async fn refuse(
        &self,
        request: &Request,
        failure: Failure,
        tries: Tries,
    ) -> Result<(), Error> {
        let refused = self.refused(request, failure).await;
        refused.map_err(|error| told_of_write(error, &request.write, tries.doubt.is_some()))
    }

    async fn refused(&self, request: &Request, failure: Failure) -> Result<(), Error> {
        match failure {
            Failure::OtherSchema => {
                self.other_schema.send_replace(true);
                Err(Error::Closed("the schema has another version"))
            }
            Failure::Refused(error) => Err(error),
            Failure::Driver(error) => match Meaning::of(&error) {
                Meaning::Away | Meaning::Again => Ok(()),
                Meaning::Taken => self.refuse_taken(request, &error).await,
                Meaning::Full | Meaning::Sessions | Meaning::Other => Err(from_driver(error)),
            },
        }
    }

    /// Fails when the handle that the write wants belongs to another persona, or its identity to a
    /// purged one. A persona that has given the handle up meanwhile does not count.
    async fn refuse_taken(&self, request: &Request, error: &DriverError) -> Result<(), Error> {
        let writes = std::iter::once(&*request.write);
        if let Some((_, refused)) = purge::refusal(&self.pool, error, writes).await? {
            return Err(refused);
        }
        let constraint = error.as_db_error().and_then(|answer| answer.constraint());
        let Some(handle) = request.handle().filter(|_| constraint == Some("personas_by_handle"))
        else {
            return Ok(());
        };
        match write_statement::holder_of(&self.pool, handle, request.write.operation.id()).await? {
            Some(holder) => Err(Error::HandleTaken { handle: handle.handle.clone(), holder }),
            None => Ok(()),
        }
    }
}

/// Gives a connection back, unless it is broken or may be in the middle of a transaction.
pub(super) fn give_back(connection: Connection, is_alone: bool, meaning: Option<Meaning>) {
    if is_alone || matches!(meaning, Some(Meaning::Away | Meaning::Sessions)) {
        connection.discard();
    }
}

/// Waits longer after each failure, with a random part, so that writers that failed together do not
/// retry together.
pub(super) async fn pause(failures: u32, dice: u64) {
    let longest = PAUSE_MIN.saturating_mul(1 << failures.min(12)).min(PAUSE_MAX);
    let share =
        u32::try_from(dice.wrapping_mul(u64::from(failures) | 1) % 1000).expect("below 1000");
    tokio::time::sleep(longest * share / 1000).await;
}
