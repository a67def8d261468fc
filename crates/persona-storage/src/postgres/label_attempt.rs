//! One attempt at moves of labels: a transaction of its own that holds all of them or is given up.
//!
//! The attempt first locks the rows of their personas, in the order of their identities: whatever
//! moves a label holds the row of its persona, so what is then read and decided stays true until it
//! ends. For the same reason an earlier attempt, of which the commit was sent on a connection that
//! broke, has ended when the rows are locked: it is done then, or it never will be.

use std::collections::{HashMap, HashSet};

use persona_model::{PersonaId, Revision, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::dropped;
use super::label_keys;
use super::label_sql::{HOLDERS, IS_DONE, MOVE, SET, VERSIONS, WAIT_FOR_STANDBYS};
use super::labels::{add, name_in, record_in};
use super::pool::Pool;
use super::settle_all::{Attempt, Attempts, Refused};
use super::write_attempt::{Common, Failure};
use super::{migrate, purge, row, write_statement};
use crate::label::{Decision, Holder, Placed};
use crate::purge::refusal_of;
use crate::{Error, Label, LabelMoves, MovedLabel};

/// Moves with their attempts so far.
pub(super) struct Moving {
    moves: LabelMoves,
    /// What recognises them in the database.
    operation: Uuid,
    /// The attempt of which the commit was sent, while it is not known whether it is done.
    sent: Option<Plan>,
    /// Whether this will never be known: every persona of which a label was moved is purged.
    is_unprovable: bool,
}

/// What the moves come to.
#[derive(Default)]
struct Plan {
    /// The answer of each.
    told: Vec<MovedLabel>,
    /// Those that are made.
    placed: Vec<Placed>,
}

/// What an attempt did within its transaction.
enum Step {
    /// The attempt wrote something; the time of the newest move that it made.
    Written(Option<Timestamp>),
    /// The attempt wrote nothing.
    Nothing,
}

/// A persona with the time of its newest change.
struct Seen {
    holder: Holder,
    updated_at: Timestamp,
}

impl Attempts for Moving {
    type Told = MovedLabel;

    async fn attempt(
        &mut self,
        connection: &Connection,
        common: &Common,
    ) -> Result<Attempt<MovedLabel>, Refused> {
        connection.execute("BEGIN").await?;
        match self.within_transaction(connection, common).await {
            Ok(Step::Written(newest)) => {
                connection.execute("COMMIT").await?;
                if let Some(newest) = newest {
                    common.note(newest);
                }
                Ok(Attempt::Done(self.sent.take().unwrap_or_default().told))
            }
            Ok(Step::Nothing) => {
                connection.execute("ROLLBACK").await?;
                match self.sent.take() {
                    None => Ok(Attempt::Raced),
                    Some(sent) => {
                        let waited = self.wait_for_standbys(connection, &sent).await;
                        if let Err(error) = waited {
                            self.sent = Some(sent);
                            return Err(error.into());
                        }
                        Ok(Attempt::Done(sent.told))
                    }
                }
            }
            Err(refused) => {
                if !matches!(refused.failure, Failure::Driver(_)) {
                    connection.execute("ROLLBACK").await?;
                }
                Err(refused)
            }
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.is_unprovable || self.sent.as_ref().is_some_and(|sent| !sent.placed.is_empty())
    }

    fn dice(&self) -> u64 {
        self.operation.as_u64_pair().1
    }

    async fn looked_up(&self, pool: &Pool, refused: Refused) -> Result<Refused, Error> {
        let Refused { place: Some(place), failure: Failure::Refused(Error::NotFound) } = refused
        else {
            return Ok(refused);
        };
        let found = purge::looked_up(pool, &[row::uuid(self.moves.moves()[place].persona)]).await?;
        let error = refusal_of(&self.moves.viewer, found.first());
        Ok(Refused { place: Some(place), failure: error.into() })
    }
}

impl Moving {
    /// Moves that were not tried yet.
    pub(super) fn of(moves: LabelMoves) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Backend(Box::new(error)))?;
        let operation = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(Self { moves, operation, sent: None, is_unprovable: false })
    }

    /// Writes what the moves come to. Where nothing is written they are made already, and `sent`
    /// has their answers, or another transaction was in between, and `sent` is empty.
    async fn within_transaction(
        &mut self,
        connection: &Connection,
        common: &Common,
    ) -> Result<Step, Refused> {
        let ids: Vec<Uuid> = self.moves.moves().iter().map(|one| row::uuid(one.persona)).collect();
        let locked = write_statement::lock(connection, &ids).await?;
        if let Some(sent) = &self.sent {
            if is_done(connection, sent, self.operation).await? {
                return Ok(Step::Nothing);
            }
            // The moves of a persona that was purged since are gone, and prove nothing.
            let is_gone = |placed: &Placed| !locked.ids.contains(&row::uuid(placed.persona));
            self.is_unprovable |= !sent.placed.is_empty() && sent.placed.iter().all(is_gone);
            self.sent = None;
        }
        if let Some(wanted) = &self.moves.idempotency {
            let told = label_keys::find(connection, wanted, &self.moves, self.operation).await?;
            if let Some(told) = told {
                self.sent = Some(Plan { told, placed: Vec::new() });
                return Ok(Step::Nothing);
            }
            if !common.quota.has_room(connection).await? {
                return Err(Error::TooManyKeys { max: common.quota.max() }.into());
            }
        }
        if !locked.is_behind_all {
            return Ok(Step::Nothing);
        }
        let seen = self.look(connection, &ids).await?;
        let first = self.moves.moves().first().and_then(|one| seen.get(&one.persona));
        let first = first.map(|seen| (seen.holder.id, seen.holder.latest));
        let dropped = dropped::named_by(connection, self.moves.moves()).await?;
        let plan = self.plan(common, seen, &dropped)?;
        if !self.write(connection, &plan.placed).await? {
            return Err(Refused { place: None, failure: Failure::OtherSchema });
        }
        let newest = plan.placed.iter().map(|placed| placed.record.at).max();
        let mut step = if newest.is_some() { Step::Written(newest) } else { Step::Nothing };
        if let (Some(wanted), Some(first)) = (&self.moves.idempotency, first) {
            let now = common.after_all([newest]);
            let (operation, told) = (self.operation, (&self.moves, &*plan.told));
            label_keys::keep(connection, wanted, operation, first, told, now).await?;
            step = Step::Written(newest);
        }
        self.sent = Some(plan);
        Ok(step)
    }

    /// Waits until what another connection made, or another request, is as durable as a new answer
    /// would be.
    async fn wait_for_standbys(
        &self,
        connection: &Connection,
        sent: &Plan,
    ) -> Result<(), DriverError> {
        for (one, moved) in self.moves.moves().iter().zip(&sent.told) {
            // Of a label that was removed no version is told.
            let Some(Label { tag, .. }) = &moved.label else { continue };
            let parameters: [Parameter<'_>; 3] = [
                (&row::uuid(one.persona), Type::UUID),
                (&one.name.as_str(), Type::TEXT),
                (&row::stored(tag.version), Type::INT8),
            ];
            connection.rows(Statement::Kept(WAIT_FOR_STANDBYS), &parameters).await?;
        }
        Ok(())
    }

    /// What the moves come to.
    fn plan(
        &self,
        common: &Common,
        mut seen: HashMap<PersonaId, Seen>,
        dropped: &HashSet<(PersonaId, Revision)>,
    ) -> Result<Plan, Refused> {
        let (mut plan, mut newest) = (Plan::default(), None);
        for (place, one) in self.moves.moves().iter().enumerate() {
            let at = |error: Error| Refused { place: Some(place), failure: error.into() };
            let seen = seen.get_mut(&one.persona).ok_or_else(|| at(Error::NotFound))?;
            let current = seen.holder.labels.get(&one.name).map(|label| label.at);
            let stamp = || common.after_all([Some(seen.updated_at), current, newest]);
            let decision = seen.holder.decide(&self.moves, one, stamp);
            match decision.map_err(at)? {
                Decision::Unchanged(told) => plan.told.push(told),
                Decision::Move(placed) => {
                    if let Some(revision) = placed.record.revision
                        && dropped.contains(&(placed.persona, revision))
                    {
                        return Err(at(Error::RevisionDropped { revision }));
                    }
                    newest = newest.max(Some(placed.record.at));
                    seen.holder.apply(&placed);
                    plan.told.push(placed.told_of());
                    plan.placed.push(placed);
                }
            }
        }
        Ok(plan)
    }

    /// The personas as they are.
    async fn look(
        &self,
        connection: &Connection,
        ids: &[Uuid],
    ) -> Result<HashMap<PersonaId, Seen>, Refused> {
        let of_ids: [Parameter<'_>; 1] = [(&ids, Type::UUID_ARRAY)];
        let mut seen = HashMap::new();
        for found in &connection.rows(Statement::Kept(HOLDERS), &of_ids).await? {
            if row::driver_value::<i32>(found, 4)? != migrate::stored_version() {
                return Err(Refused { place: None, failure: Failure::OtherSchema });
            }
            let (id, latest) = (row::id(found, 0)?, row::revision(found, 1)?);
            let holder = Holder::new(id, row::value(found, 5)?, latest, row::value(found, 2)?)
                .called(row::value(found, 6)?);
            seen.insert(id, Seen { holder, updated_at: row::time(found, 3)? });
        }
        for found in &connection.rows(Statement::Kept(SET), &of_ids).await? {
            if let Some(seen) = seen.get_mut(&row::id(found, 0)?) {
                add(&mut seen.holder, name_in(found, 1)?, &record_in(found, 2)?)?;
            }
        }
        let names: Vec<&str> = self.moves.moves().iter().map(|one| one.name.as_str()).collect();
        let of_names: [Parameter<'_>; 2] = [(&ids, Type::UUID_ARRAY), (&names, Type::TEXT_ARRAY)];
        for found in &connection.rows(Statement::Kept(VERSIONS), &of_names).await? {
            if let Some(seen) = seen.get_mut(&row::id(found, 0)?) {
                seen.holder.removed.insert(name_in(found, 1)?, row::number(found, 2)?);
            }
        }
        Ok(seen)
    }

    /// Writes the moves, and tells whether the schema is the known one.
    async fn write(&self, connection: &Connection, placed: &[Placed]) -> Result<bool, DriverError> {
        if placed.is_empty() {
            return Ok(true);
        }
        let revision = |one: &Placed| Some(row::stored(one.record.revision?.number()));
        let positions: Vec<i64> = (1..).take(placed.len()).collect();
        let parameters: [Parameter<'_>; 11] = [
            (&column(placed, |one| row::uuid(one.persona)), Type::UUID_ARRAY),
            (&column(placed, |one| one.name.as_str()), Type::TEXT_ARRAY),
            (&column(placed, |one| row::stored(one.record.version)), Type::INT8_ARRAY),
            (&column(placed, revision), Type::INT8_ARRAY),
            (&column(placed, |one| row::stored(one.told.number())), Type::INT8_ARRAY),
            (&column(placed, |one| one.record.at.as_micros()), Type::INT8_ARRAY),
            (&column(placed, |one| one.kind().as_str()), Type::TEXT_ARRAY),
            (&positions, Type::INT8_ARRAY),
            (&self.moves.author, Type::TEXT),
            (&self.operation, Type::UUID),
            (&migrate::stored_version(), Type::INT4),
        ];
        let rows = connection.rows(Statement::Kept(MOVE), &parameters).await?;
        let count: i64 = rows.first().map_or(Ok(0), |found| row::driver_value(found, 0))?;
        Ok(count == row::stored(placed.len() as u64))
    }
}

/// A column of the statement that writes moves.
fn column<'a, T>(placed: &'a [Placed], value: impl Fn(&'a Placed) -> T) -> Vec<T> {
    placed.iter().map(value).collect()
}

/// Whether an attempt was committed: all of its moves were, or none.
async fn is_done(
    connection: &Connection,
    sent: &Plan,
    operation: Uuid,
) -> Result<bool, DriverError> {
    let placed = &sent.placed;
    let parameters: [Parameter<'_>; 4] = [
        (&column(placed, |one| row::uuid(one.persona)), Type::UUID_ARRAY),
        (&column(placed, |one| one.name.as_str()), Type::TEXT_ARRAY),
        (&column(placed, |one| row::stored(one.record.version)), Type::INT8_ARRAY),
        (&operation, Type::UUID),
    ];
    Ok(!connection.rows(Statement::Kept(IS_DONE), &parameters).await?.is_empty())
}
