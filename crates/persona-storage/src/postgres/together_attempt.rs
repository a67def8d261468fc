//! One attempt at an atomic batch: a transaction of its own that holds all of it or is given up.
//!
//! The attempt first locks the rows of all personas that are there, in the order of their
//! identities, so what is then read and decided stays true until it ends. An earlier attempt, of
//! which the commit was sent on a connection that broke, holds the same rows until it has ended:
//! whether it is done is asked only behind the locks. Where a persona was changed meanwhile by a
//! transaction that the feed has behind this one, this one is begun anew. What is new is written
//! with the same statement and the same conditions as every write. A condition that does not hold,
//! which only a creation can meet, is a lost race.
//!
//! The attempts are repeated by `settle_all.rs`. Start reading at [`Batch::attempt`].

use std::collections::HashSet;
use std::sync::Arc;

use persona_model::Timestamp;
use uuid::Uuid;

use super::connection::Connection;
use super::driver_error::DriverError;
use super::load_state::{Base, NotRead, Seen, look_at_several};
use super::new_row::NewRow;
use super::pool::Pool;
use super::rounds::in_rounds;
use super::settle_all::{Attempt, Attempts, Refused};
use super::write_attempt::{Common, Failure, Request};
use super::write_sql::Waits;
use super::write_statement::{Locked, Made};
use super::{migrate, purge, row, write_statement};
use crate::atomic::Budget;
use crate::decide::Decision;
use crate::fault_injection::{self, InjectedFault};
use crate::{ATOMIC_BYTES_MAX, AtomicBatch, Error, Operation, Outcome, Write, Written};

/// A batch with its attempts so far.
pub(super) struct Batch {
    requests: Vec<Request>,
    writes: Vec<Arc<Write>>,
    /// Attempts of which the commit was sent.
    committed: Vec<Committed>,
}

/// An attempt that may have been committed.
struct Committed {
    /// The revisions that it made, by each of which it is recognised.
    made: Vec<Made>,
    /// The personas of which it held the rows until it ended.
    held: HashSet<Uuid>,
    written: Vec<Written>,
}

impl Committed {
    /// Whether it would be recognised where it was done, now that these rows are locked: it has
    /// ended, because it held one of them, and one of the personas that it changed was not purged.
    fn is_decided(&self, locked: &Locked) -> bool {
        !self.held.is_disjoint(&locked.ids)
            && self.made.iter().any(|(persona, ..)| locked.ids.contains(persona))
    }
}

/// The plan of a batch: what its items write and answer.
#[derive(Default)]
struct Plan {
    /// The answer of each item.
    written: Vec<Written>,
    /// The new revisions, each with the place of its item.
    rows: Vec<(usize, NewRow)>,
}

impl Batch {
    /// Makes a batch without attempts.
    pub(super) fn of(batch: AtomicBatch, common: &Arc<Common>) -> Result<Self, Error> {
        let request = |write| Request::new(Arc::new(write), common, usize::MAX);
        let writes = batch.into_writes().into_iter();
        let requests = writes.map(request).collect::<Result<Vec<_>, _>>()?;
        let writes = requests.iter().map(|request| Arc::clone(&request.write)).collect();
        Ok(Self { requests, writes, committed: Vec::new() })
    }

    /// The earlier attempt that turns out to be done, with a revision that it made.
    async fn done(
        &self,
        connection: &Connection,
    ) -> Result<Option<(&Committed, (Uuid, i64))>, DriverError> {
        for committed in &self.committed {
            if let Some(place) = write_statement::one_made(connection, &committed.made).await? {
                return Ok(Some((committed, place)));
            }
        }
        Ok(None)
    }

    /// The answers of an earlier attempt that turns out to be done. Not within a transaction, which
    /// would wait for no standby.
    async fn done_before(
        &self,
        connection: &Connection,
    ) -> Result<Option<Vec<Written>>, DriverError> {
        let Some((committed, place)) = self.done(connection).await? else { return Ok(None) };
        write_statement::wait_for_standbys_of(connection, place).await?;
        Ok(Some(committed.written.clone()))
    }

    async fn within_transaction(
        &mut self,
        connection: &Connection,
    ) -> Result<Attempt<Written>, Refused> {
        let ids: Vec<Uuid> =
            self.writes.iter().map(|write| row::uuid(write.operation.id())).collect();
        let locked = write_statement::lock(connection, &ids).await?;
        if self.done(connection).await?.is_some() {
            return Ok(Attempt::Raced);
        }
        // What is proved not to be done, and never will be, is in doubt no more.
        self.committed.retain(|committed| !committed.is_decided(&locked));
        if !locked.is_behind_all {
            return Ok(Attempt::Raced);
        }
        let seen = look_at_several(connection, &self.writes, ATOMIC_BYTES_MAX).await?;
        let (plan, refused) = self.plan(connection, seen).await?;
        // The rounds are made first, because their items come before the refused one.
        let rounds = in_rounds(connection, plan.rows).await?;
        if let Some(refused) = refused {
            return Err(refused);
        }
        for (index, round) in rounds.iter().enumerate() {
            if index > 0 && fault_injection::is_on(InjectedFault::SplitBatch) {
                connection.execute("COMMIT; SELECT pg_sleep(0.025); BEGIN").await?;
            }
            let (positions, rows) = (round.positions(), &round.rows);
            let written =
                write_statement::apply(connection, rows, &positions, Waits::ForNoRow).await?;
            if written.len() < rows.len() {
                return Ok(Attempt::Raced);
            }
        }
        let rows = || rounds.iter().flat_map(|round| &round.rows);
        let made: Vec<Made> = rows().map(|new| (new.id, new.revision, new.operation)).collect();
        let is_unchanged = made.is_empty();
        if !is_unchanged {
            let (held, written) = (locked.ids, plan.written.clone());
            self.committed.push(Committed { made, held, written });
        }
        connection.execute("COMMIT").await?;
        if let Some(answer) = plan.written.first().filter(|_| is_unchanged) {
            write_statement::wait_for_standbys(connection, &answer.representation).await?;
        }
        for round in &rounds {
            for (place, new) in round.places.iter().zip(&round.rows) {
                self.requests[*place].written(new);
            }
        }
        Ok(Attempt::Done(plan.written))
    }

    /// Decides the items, up to the first that is refused.
    async fn plan(
        &self,
        connection: &Connection,
        seen: Vec<Seen>,
    ) -> Result<(Plan, Option<Refused>), DriverError> {
        let (mut plan, mut budget, mut newest) = (Plan::default(), Budget::WHOLE, None);
        for (place, (request, seen)) in self.requests.iter().zip(seen).enumerate() {
            let item = ItemOfBatch { request, connection };
            match item.decide(seen, &mut budget, newest).await {
                Ok(Decided::Answer(written)) => plan.written.push(written),
                Ok(Decided::Row(new)) => {
                    newest = newest.max(Some(new.persona.updated_at));
                    let (outcome, representation) = (new.outcome, new.representation());
                    plan.written.push(Written { outcome, representation, replayed: false });
                    plan.rows.push((place, *new));
                }
                Err(Failure::Driver(error)) => return Err(error),
                Err(failure) => return Ok((plan, Some(Refused { place: Some(place), failure }))),
            }
        }
        Ok((plan, None))
    }
}

impl Attempts for Batch {
    type Told = Written;

    async fn attempt(
        &mut self,
        connection: &Connection,
        _common: &Common,
    ) -> Result<Attempt<Written>, Refused> {
        connection.execute("BEGIN").await?;
        let tried = self.within_transaction(connection).await;
        if matches!(tried, Ok(Attempt::Done(_))) || is_of_driver(&tried) {
            return tried;
        }
        connection.execute("ROLLBACK").await?;
        // An earlier attempt can have been committed before this one, or while it looked.
        match self.done_before(connection).await? {
            Some(written) => Ok(Attempt::Done(written)),
            None => tried,
        }
    }

    fn is_in_doubt(&self) -> bool {
        !self.committed.is_empty()
    }

    fn dice(&self) -> u64 {
        self.requests[0].dice()
    }

    async fn looked_up(&self, pool: &Pool, refused: Refused) -> Result<Refused, Error> {
        Ok(match (refused.place, refused.failure) {
            (Some(place), Failure::Refused(error)) => {
                let told = purge::told_of_batch(pool, &self.writes, (place, error)).await;
                let (place, error) = told;
                Refused { place: Some(place), failure: error.into() }
            }
            (place, Failure::Driver(error)) => {
                let writes = self.writes.iter().map(|write| &**write);
                match purge::refusal(pool, &error, writes).await? {
                    Some((place, refused)) => {
                        Refused { place: Some(place), failure: refused.into() }
                    }
                    None => Refused { place, failure: error.into() },
                }
            }
            (place, failure) => Refused { place, failure },
        })
    }
}

/// The decision on an item.
enum Decided {
    /// The answer to this write.
    Answer(Written),
    /// A new revision.
    Row(Box<NewRow>),
}

/// An item in the running transaction.
struct ItemOfBatch<'a> {
    request: &'a Request,
    connection: &'a Connection,
}

impl ItemOfBatch<'_> {
    async fn decide(
        &self,
        seen: Seen,
        budget: &mut Budget,
        newest: Option<Timestamp>,
    ) -> Result<Decided, Failure> {
        let Self { request, connection } = *self;
        let is_special = matches!(seen, Seen::Special);
        let (mut base, mut replaced) = (Base::default(), None);
        let mut persona = match seen {
            Seen::Persona(persona) => persona,
            Seen::Large(_) => return Err(Budget::USED_UP.into()),
            Seen::Special => None,
        };
        if is_special || needs_more(&request.write) {
            let current = match request.look(connection, ATOMIC_BYTES_MAX).await? {
                Ok(current) => current,
                Err(NotRead::Large(_)) => return Err(Budget::USED_UP.into()),
                Err(NotRead::Failed(error)) => return Err(error.into()),
            };
            if current.schema_version != migrate::stored_version() {
                return Err(Failure::OtherSchema);
            }
            if let Some(earlier) = &current.earlier
                && let Some(written) = request.replay(connection, earlier).await?
            {
                return Ok(Decided::Answer(written));
            }
            (persona, base, replaced) = (current.persona, current.base, current.replaced);
        }
        let before = persona.as_ref().map_or(0, |(persona, _)| persona.document.text().len());
        if before > budget.left() {
            return Err(Budget::USED_UP.into());
        }
        if !request.has_room_for_key(connection).await? {
            return Err(request.no_room_for_key().into());
        }
        let now = request.now(persona.as_ref(), newest);
        match request.decide(persona.as_ref(), now, base)? {
            Decision::Change(revised) => {
                budget.take(before, revised.persona.document.text().len())?;
                let replaced = persona.as_ref().zip(replaced.as_ref());
                let droppable = request.droppable(connection, replaced, &revised).await?;
                Ok(Decided::Row(Box::new(request.row(*revised, droppable))))
            }
            Decision::Unchanged => {
                budget.take(before, 0)?;
                let (_, answer) = persona.ok_or(Error::NotFound)?;
                if let Some(wanted) = &request.write.idempotency {
                    let operation = request.operation();
                    write_statement::keep_answer(connection, wanted, operation, &answer, now)
                        .await?;
                }
                let outcome = Outcome::Unchanged;
                Ok(Decided::Answer(Written { outcome, representation: answer, replayed: false }))
            }
        }
    }
}

/// Whether a write needs more than its persona: a base, or what a squash drops.
fn needs_more(write: &Write) -> bool {
    matches!(&write.operation, Operation::Patch { base: Some(_), .. }) || write.squash.is_some()
}

fn is_of_driver<T>(tried: &Result<T, Refused>) -> bool {
    matches!(tried, Err(Refused { failure: Failure::Driver(_), .. }))
}
