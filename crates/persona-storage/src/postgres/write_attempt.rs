//! One attempt at a write: read, decide, write. Two statements, of which only the second changes
//! anything.

use std::sync::atomic::{AtomicI64, Ordering};

use persona_model::{Revision, Timestamp};
use uuid::Uuid;

use super::connection::Connection;
use super::driver_error::DriverError;
use super::error::Meaning;
use super::load_state::{Current, Earlier, NotRead, look};
use super::quota::Quota;
use super::{migrate, write_statement};
use crate::decide::{self, Decision, Revised};
use crate::time::{Time, after, newest_of};
use crate::{Error, Operation, Outcome, Write, Written};

/// A write, with what was tried so far.
pub(super) struct Request<'a> {
    pub write: &'a Write,
    /// What recognises it where it was done and no client was told.
    operation: Uuid,
    time: &'a Time,
    /// Time of the newest change of this process: the next one is later, also when the clock is set
    /// back.
    newest: &'a AtomicI64,
    quota: &'a Quota,
    /// Largest document that an attempt reads.
    bytes_max: usize,
    tried: Option<Tried>,
}

/// What was sent to the database.
struct Tried {
    /// The first revision that it can have made.
    from: Revision,
    outcome: Outcome,
    handle: Option<String>,
}

/// What became of an attempt.
pub(super) enum Attempt {
    /// The write is done.
    Written(Written),
    /// Another writer was faster, and everything has to be read again.
    Raced,
    /// The write concerns a document of so many bytes, more than it may read here. Nothing was sent
    /// that changes anything.
    Large(usize),
}

/// Why an attempt came to nothing.
pub(super) enum Failure {
    /// Another version of the program changed the schema.
    OtherSchema,
    /// The rules refuse the write, or the database holds something that cannot be.
    Refused(Error),
    /// The database did not do a statement.
    Driver(DriverError),
}

impl Failure {
    /// What the database means by it, where it is the database's.
    pub(super) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Driver(error) => Some(Meaning::of(error)),
            Self::OtherSchema | Self::Refused(_) => None,
        }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(
        write: &'a Write,
        time: &'a Time,
        newest: &'a AtomicI64,
        quota: &'a Quota,
        bytes_max: usize,
    ) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Backend(Box::new(error)))?;
        Ok(Self {
            write,
            operation: uuid::Builder::from_random_bytes(bytes).into_uuid(),
            time,
            newest,
            quota,
            bytes_max,
            tried: None,
        })
    }

    /// Whether something was sent that changes the persona.
    pub(super) fn was_sent(&self) -> bool {
        self.tried.is_some()
    }

    /// The handle that was asked for last.
    pub(super) fn handle(&self) -> Option<&str> {
        self.tried.as_ref()?.handle.as_deref()
    }

    /// A number that differs between writes: for waits that are not to end together.
    pub(super) fn dice(&self) -> u64 {
        self.operation.as_u64_pair().1
    }

    /// Reads what there is, decides, and writes.
    pub(super) async fn attempt(&mut self, connection: &Connection) -> Result<Attempt, Failure> {
        let tried_from = self.tried.as_ref().map(|tried| tried.from);
        // What was sent has to be followed up here.
        let bytes_max = if self.was_sent() { usize::MAX } else { self.bytes_max };
        let operation = self.operation;
        let current = match look(connection, self.write, operation, tried_from, bytes_max).await? {
            Ok(current) => current,
            Err(NotRead::Large(bytes)) => return Ok(Attempt::Large(bytes)),
            Err(NotRead::Failed(error)) => return Err(error.into()),
        };
        if let (Some(answer), Some(tried)) = (&current.own, &self.tried) {
            write_statement::wait_for_standbys(connection, answer).await?;
            return Ok(Attempt::Written(Written {
                outcome: tried.outcome,
                representation: answer.clone(),
                replayed: false,
            }));
        }
        if current.schema_version != migrate::stored_version() {
            return Err(Failure::OtherSchema);
        }
        let now = self.now(&current);
        if let Some(earlier) = &current.earlier
            && let Some(written) = self.replay(connection, earlier).await?
        {
            return Ok(Attempt::Written(written));
        }
        if self.write.idempotency.is_some()
            && !self.was_sent()
            && !self.quota.has_room(connection).await?
        {
            return Err(Failure::Refused(Error::TooManyKeys { max: self.quota.max() }));
        }
        let Current { persona, base, .. } = current;
        let seen = persona
            .as_ref()
            .map(|(persona, answer)| decide::Current { persona, tag: answer.tag() });
        match decide::decide(self.write, seen, now, |_| Ok(base))? {
            Decision::Unchanged => {
                let (_, answer) = persona.ok_or(Error::NotFound)?;
                if let Some(wanted) = &self.write.idempotency {
                    write_statement::keep_answer(connection, wanted, self.operation, &answer, now)
                        .await?;
                } else {
                    write_statement::wait_for_standbys(connection, &answer).await?;
                }
                let outcome = Outcome::Unchanged;
                Ok(Attempt::Written(Written { outcome, representation: answer, replayed: false }))
            }
            Decision::Change(revised) => {
                let written = self.apply(connection, &revised).await?;
                Ok(written.map_or(Attempt::Raced, Attempt::Written))
            }
        }
    }

    /// Tries it while no other write can change the persona: for one that many change at once.
    pub(super) async fn attempt_alone(
        &mut self,
        connection: &Connection,
    ) -> Result<Attempt, Failure> {
        connection.execute("BEGIN").await?;
        write_statement::lock(connection, self.write.operation.id()).await?;
        let written = self.attempt(connection).await?;
        connection.execute("COMMIT").await?;
        Ok(written)
    }

    async fn apply(
        &mut self,
        connection: &Connection,
        revised: &Revised,
    ) -> Result<Option<Written>, Failure> {
        let persona = &revised.persona;
        let from = self.tried.as_ref().map_or(persona.revision, |tried| tried.from);
        let handle = persona.document.handle().map(str::to_owned);
        self.tried = Some(Tried { from, outcome: revised.outcome, handle });
        let answer =
            write_statement::apply(connection, self.write, self.operation, revised).await?;
        let is_past = matches!(self.write.operation, Operation::Import { .. });
        Ok(answer.map(|answer| {
            // The stamp of another store says nothing of the time here.
            let stamp = if is_past { self.time.now() } else { persona.updated_at };
            let newer = |newest| {
                if newest > newest_of(stamp).as_micros() {
                    stamp.as_micros()
                } else {
                    stamp.as_micros().max(newest)
                }
            };
            self.newest
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |newest| Some(newer(newest)))
                .unwrap_or_else(|never| never);
            Written { outcome: revised.outcome, representation: answer, replayed: false }
        }))
    }

    /// The time of day, but later than every change that this process made and than the persona's
    /// last one.
    fn now(&self, current: &Current) -> Timestamp {
        let now = self.time.now();
        // One that a wrong clock made is in the way of no other: the later of the two may be such a
        // one.
        let believable =
            |stamp: i64| if stamp > newest_of(now).as_micros() { i64::MIN } else { stamp };
        let before = current
            .persona
            .as_ref()
            .map_or(i64::MIN, |(persona, _)| persona.updated_at.as_micros());
        let newest = believable(before).max(believable(self.newest.load(Ordering::Acquire)));
        after(Timestamp::from_micros(newest), now)
    }

    /// What was answered to the same request before. A record is valid for as long as it is there;
    /// only maintenance processes remove it.
    async fn replay(
        &self,
        connection: &Connection,
        earlier: &Earlier,
    ) -> Result<Option<Written>, Failure> {
        let Some(wanted) = &self.write.idempotency else { return Ok(None) };
        if !earlier.is_of(&wanted.fingerprint) {
            return Err(Failure::Refused(Error::KeyReused));
        }
        write_statement::wait_for_standbys(connection, &earlier.representation).await?;
        let replayed = earlier.operation != self.operation;
        Ok(Some(Written {
            outcome: earlier.outcome,
            representation: earlier.representation.clone(),
            replayed,
        }))
    }
}
