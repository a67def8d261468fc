//! One attempt at a write: read, decide, write. Two statements, of which only the second changes
//! anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use persona_model::{Persona, Revision, Timestamp};
use uuid::Uuid;

use super::connection::Connection;
use super::driver_error::DriverError;
use super::error::{Meaning, damaged};
use super::load_state::{Base, Current, Earlier, NotRead, Replaced, look};
use super::new_row::NewRow;
use super::quota::Quota;
use super::write_sql::Waits;
use super::{dropped, migrate, purge, row, write_statement};
use crate::decide::{self, Decision, Revised};
use crate::handle::Handle;
use crate::time::{Time, after, newest_of};
use crate::{Error, Operation, Outcome, Representation, Write, Written, squash};

/// The shared state of all writes of a process.
pub(super) struct Common {
    time: Time,
    /// Time of the newest change of this process: the next one is later, also when the clock is set
    /// back.
    newest: AtomicI64,
    pub(super) quota: Quota,
}

/// A write with its attempts so far.
pub(super) struct Request {
    pub write: Arc<Write>,
    /// The identity of the write in the database, by which it is recognised after a lost answer.
    operation: Uuid,
    common: Arc<Common>,
    /// Largest document that an attempt reads.
    bytes_max: usize,
    tried: Option<Tried>,
}

/// The attempts that were sent to the database.
struct Tried {
    /// The first revision that an attempt can have made.
    from: Revision,
    outcome: Outcome,
    handle: Option<Handle>,
}

/// The result of an attempt.
pub(super) enum Attempt {
    /// The write is done.
    Written(Written),
    /// Another writer was faster, and everything has to be read again.
    Raced,
    /// The write drops the revision that it replaces, unless a label is moved there meanwhile: it
    /// has to be decided again while the persona is locked.
    Unlocked,
    /// The write concerns a document of so many bytes, more than it may read here. Nothing was sent
    /// that changes anything.
    Large(usize),
}

/// What an attempt holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lock {
    None,
    /// The row of the persona, from before it was read.
    OfRow,
}

/// The reason why an attempt failed.
pub(super) enum Failure {
    /// Another version of the program changed the schema.
    OtherSchema,
    /// The rules refuse the write, or the database has an invalid row.
    Refused(Error),
    /// A statement failed.
    Driver(DriverError),
}

impl Failure {
    /// The meaning of a failure of the database.
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

impl Common {
    pub(super) fn new(time: Time, keys_max: u64) -> Arc<Self> {
        let (newest, quota) = (AtomicI64::new(i64::MIN), Quota::new(keys_max));
        Arc::new(Self { time, newest, quota })
    }

    /// The time of day, but later than every change that this process made, than those that are
    /// about to be made together with this one, and than the last one of the persona.
    fn now(&self, persona: Option<&Persona>, together: Option<Timestamp>) -> Timestamp {
        self.after_all([persona.map(|persona| persona.updated_at), together])
    }

    /// The time of day, but later than every change that this process made, and than these.
    pub(super) fn after_all<const N: usize>(&self, stamps: [Option<Timestamp>; N]) -> Timestamp {
        let now = self.time.now();
        // One that a wrong clock made is in the way of no other: the latest of them may be such a
        // one.
        let believable =
            |stamp: i64| if stamp > newest_of(now).as_micros() { i64::MIN } else { stamp };
        let stamps = stamps.into_iter().flatten().map(Timestamp::as_micros);
        let all = stamps.chain([self.newest.load(Ordering::Acquire)]);
        let newest = all.map(believable).max().unwrap_or(i64::MIN);
        after(Timestamp::from_micros(newest), now)
    }

    /// Remembers the time of a change.
    pub(super) fn note(&self, stamp: Timestamp) {
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
    }
}

impl Request {
    pub(super) fn new(
        write: Arc<Write>,
        common: &Arc<Common>,
        bytes_max: usize,
    ) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Backend(Box::new(error)))?;
        let operation = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(Self { write, operation, common: Arc::clone(common), bytes_max, tried: None })
    }

    /// Whether something was sent that changes the persona.
    pub(super) fn was_sent(&self) -> bool {
        self.tried.is_some()
    }

    /// The handle that the last attempt wanted.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.tried.as_ref()?.handle.as_ref()
    }

    /// A number that differs between writes: for waits that are not to end together.
    pub(super) fn dice(&self) -> u64 {
        self.operation.as_u64_pair().1
    }

    /// Reads what there is for one of several writes of a transaction.
    pub(super) async fn look(
        &self,
        connection: &Connection,
        bytes_max: usize,
    ) -> Result<Result<Current, NotRead>, DriverError> {
        look(connection, &self.write, self.operation, None, bytes_max).await
    }

    /// The identity of the write in the database.
    pub(super) fn operation(&self) -> Uuid {
        self.operation
    }

    /// Reads the state, decides, and writes.
    pub(super) async fn attempt(
        &mut self,
        connection: &Connection,
        lock: Lock,
    ) -> Result<Attempt, Failure> {
        let tried_from = self.tried.as_ref().map(|tried| tried.from);
        // A write that was sent must be finished here, whatever its size.
        let bytes_max = if self.was_sent() { usize::MAX } else { self.bytes_max };
        let operation = self.operation;
        let current = match look(connection, &self.write, operation, tried_from, bytes_max).await? {
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
        if let Some(earlier) = &current.earlier
            && let Some(written) = self.replay(connection, earlier).await?
        {
            return Ok(Attempt::Written(written));
        }
        if !self.was_sent() && !self.has_room_for_key(connection).await? {
            return Err(self.no_room_for_key().into());
        }
        let now = self.now(current.persona.as_ref(), None);
        let base = current.base;
        match self.decide(current.persona.as_ref(), now, base)? {
            Decision::Unchanged => {
                let (_, answer) = current.persona.ok_or(Error::NotFound)?;
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
                let replaced = current.persona.as_ref().zip(current.replaced.as_ref());
                let droppable = self.droppable(connection, replaced, &revised).await?;
                if droppable.is_some() && lock == Lock::None {
                    return Ok(Attempt::Unlocked);
                }
                let rows = [self.row(*revised, droppable)];
                self.note_sent(&rows[0]);
                // The line of what was dropped elsewhere has the first place.
                let places = [1 + i64::from(rows[0].is_behind_dropped())];
                let written =
                    write_statement::apply(connection, &rows, &places, Waits::ForRows).await?;
                if written.is_empty() {
                    return Ok(Attempt::Raced);
                }
                Ok(Attempt::Written(self.written(&rows[0])))
            }
        }
    }

    /// The time that a change of this persona would have.
    pub(super) fn now(
        &self,
        persona: Option<&(Persona, Representation)>,
        together: Option<Timestamp>,
    ) -> Timestamp {
        self.common.now(persona.map(|(persona, _)| persona), together)
    }

    /// Whether there is room for the key of the write, if it has one.
    pub(super) async fn has_room_for_key(
        &self,
        connection: &Connection,
    ) -> Result<bool, DriverError> {
        Ok(self.write.idempotency.is_none() || self.common.quota.has_room(connection).await?)
    }

    /// The error if there is no room for the key.
    pub(super) fn no_room_for_key(&self) -> Error {
        Error::TooManyKeys { max: self.common.quota.max() }
    }

    /// What the rules make of the persona.
    pub(super) fn decide(
        &self,
        persona: Option<&(Persona, Representation)>,
        now: Timestamp,
        base: Base,
    ) -> Result<Decision, Error> {
        let seen = persona.map(|(persona, answer)| decide::Current { persona, tag: answer.tag() });
        let document_at = |revision: Revision| {
            if base.is_dropped {
                return Err(Error::RevisionDropped { revision });
            }
            Ok(base.document)
        };
        decide::decide(&self.write, seen, now, document_at)
    }

    /// The revision that a change replaces, where the change drops it from the history.
    pub(super) async fn droppable<'a>(
        &self,
        connection: &Connection,
        replaced: Option<(&(Persona, Representation), &'a Replaced)>,
        revised: &Revised,
    ) -> Result<Option<&'a Replaced>, DriverError> {
        let Some(((persona, _), replaced)) = replaced else { return Ok(None) };
        let is_under_key = match squash::named_key(&self.write, persona) {
            Some(key) => dropped::is_under_key(connection, key, persona).await?,
            None => false,
        };
        let (autosaved_since, changed) = (replaced.autosaved_since, replaced.changed.as_slice());
        let of = squash::Replaced { persona, autosaved_since, changed, is_under_key };
        let is_dropped = !replaced.was_labelled && squash::may_drop(&self.write, of, revised);
        Ok(is_dropped.then_some(replaced))
    }

    /// The row of a change that was decided, and the revision that it drops.
    pub(super) fn row(&self, revised: Revised, droppable: Option<&Replaced>) -> NewRow {
        NewRow::of(&self.write, self.operation, revised, droppable)
    }

    /// Records the row that is about to be sent.
    pub(super) fn note_sent(&mut self, new: &NewRow) {
        let persona = &new.persona;
        let from = self.tried.as_ref().map_or(persona.revision, |tried| tried.from);
        let handle = Handle::of(persona);
        self.tried = Some(Tried { from, outcome: new.outcome, handle });
    }

    /// What is told of a row that was written.
    pub(super) fn written(&self, new: &NewRow) -> Written {
        let is_past = matches!(self.write.operation, Operation::Import { .. });
        // The stamp of another store says nothing of the time here.
        self.common.note(if is_past { self.common.time.now() } else { new.persona.updated_at });
        Written { outcome: new.outcome, representation: new.representation(), replayed: false }
    }

    /// Makes an attempt while the row is locked: for a persona that many writers change at once, or
    /// to drop a revision.
    pub(super) async fn attempt_alone(
        &mut self,
        connection: &Connection,
    ) -> Result<Attempt, Failure> {
        connection.execute("BEGIN").await?;
        let ids = [row::uuid(self.write.operation.id())];
        write_statement::lock(connection, &ids).await?;
        let written = self.attempt(connection, Lock::OfRow).await?;
        connection.execute("COMMIT").await?;
        Ok(written)
    }

    /// What was answered to the same request before. A record is valid for as long as it is there;
    /// only maintenance processes remove it.
    pub(super) async fn replay(
        &self,
        connection: &Connection,
        earlier: &Earlier,
    ) -> Result<Option<Written>, Failure> {
        let Some(wanted) = &self.write.idempotency else { return Ok(None) };
        if !earlier.is_of(&wanted.fingerprint) {
            return Err(Failure::Refused(Error::KeyReused));
        }
        // The owner of now decides what a client is told, also of what the client made itself.
        if earlier.owner.as_ref().is_some_and(|owner| self.write.hides(owner)) {
            return Err(Error::NotFound.into());
        }
        let Some(answer) = &earlier.representation else {
            let purged = purge::find_on(connection, &[row::uuid(earlier.persona)]).await?;
            return match purged.first() {
                Some(tombstone) => Err(tombstone.refusal(&self.write).into()),
                None => Err(match earlier.revision {
                    Some(revision) => Error::RevisionDropped { revision }.into(),
                    None => damaged(&"the answer to an earlier request is missing").into(),
                }),
            };
        };
        write_statement::wait_for_standbys(connection, answer).await?;
        let (outcome, representation) = (earlier.outcome, answer.clone());
        let replayed = earlier.operation != self.operation;
        Ok(Some(Written { outcome, representation, replayed }))
    }
}
