//! A purge on its way to the database: in transactions of its own. The first removes the persona
//! and some of its revisions, and each further one some more of them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use persona_model::{ChangeKind, PersonaId};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::alone::alone;
use super::claim::Claim;
use super::commit::WriteConnection;
use super::queue::{Client, LIGHT_BYTES_MAX, Size};
use super::write_lock::WriteLock;
use super::writer::{Task, Writer};
use crate::observer::Waiting;
use crate::purge::{Found, check, of_missing};
use crate::sqlite::error::{explain, from_driver};
use crate::sqlite::search;
use crate::sqlite::tables::{feed, personas, purged};
use crate::time::{Time, after, newest_of};
use crate::{Error, Loss, Purge, Tombstone};

/// The tombstone, and whether there are revisions that are still to be removed.
pub(in crate::sqlite) type Purged = (Tombstone, bool);

/// A purge that waits in the queue.
pub(super) struct PurgeTask {
    pub purge: Arc<Purge>,
    pub claim: Claim<()>,
    pub waiting: Waiting,
    pub reply: oneshot::Sender<Result<Purged, Error>>,
}

/// The removal of some more revisions of a purged persona.
pub(super) struct RestTask {
    pub persona: PersonaId,
    pub reply: oneshot::Sender<Result<bool, Error>>,
}

/// The size of either in the queue. Each has its own transaction, like a heavy write.
pub(super) const SIZE: Size = Size { bytes: size_of::<Purge>(), cost: LIGHT_BYTES_MAX + 1 };

impl Writer {
    /// Queues a purge and waits until everything of the persona is removed, or the deadline is
    /// over. From the first step on the persona is purged, whatever comes of the others.
    pub(crate) async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        let (purge, waiting) = (Arc::new(purge), Waiting::begin(&self.observer));
        let (reply, answer) = oneshot::channel();
        let (claim, id, deadline) = (Claim::new(None), purge.id, purge.deadline);
        let (client, task) =
            (purge.client, PurgeTask { purge, claim: claim.clone(), waiting, reply });
        self.enqueue(client, SIZE, Task::Purge(Box::new(task)))?;
        let (tombstone, mut is_more) = self.answer(claim, deadline, answer).await??;
        while is_more {
            let step = self.remove_rest(client, id, deadline).await;
            is_more = step.or_else(|error| leave(id, &error).map(|()| false))?;
        }
        Ok(tombstone)
    }

    /// Removes some more of what is left, and tells whether there is more.
    async fn remove_rest(
        &self,
        client: Client,
        id: PersonaId,
        until: Instant,
    ) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(client, SIZE, Task::Rest(RestTask { persona: id, reply }))?;
        let in_time = tokio::time::timeout_at(until.into(), answer).await;
        let Ok(answered) = in_time else { return Err(Error::Busy { what: "its turn to write" }) };
        answered.unwrap_or(Err(Error::OutcomeUnknown))
    }
}

/// Decides what the error of a later step of a purge means for the request. The first step is
/// committed, so "nothing was changed" would be wrong: what is left is removed by the maintenance
/// process.
pub(super) fn leave(id: PersonaId, error: &Error) -> Result<(), Error> {
    if matches!(error, Error::Unsynced(_) | Error::OutcomeUnknown) {
        return Err(Error::OutcomeUnknown);
    }
    tracing::warn!(persona = %id, %error, "the revisions of a purged persona are not all removed yet; the maintenance process goes on");
    Ok(())
}

impl PurgeTask {
    /// Answers that nothing was purged, unless the purge was withdrawn.
    pub(super) fn refuse(self, error: Error) {
        if self.claim.withdraw() {
            // A request that no longer waits needs no answer.
            let _ = self.reply.send(Err(error));
        }
    }

    /// Purges the persona. Breaks when nothing more may be written through this connection.
    pub(super) fn serve(
        self,
        write_lock: &WriteLock,
        connection: &mut WriteConnection,
        time: &Time,
    ) -> ControlFlow<Loss> {
        let Self { purge, claim, waiting, reply } = self;
        let (result, flow) = alone(write_lock, connection, |transaction| {
            // Here, so that what waits for the lock can still be withdrawn.
            if claim.apply().is_err() {
                return Err(Error::Busy { what: "a request that was withdrawn" });
            }
            drop(waiting);
            if Instant::now() >= purge.deadline {
                return Err(Error::Busy { what: "its turn to write" });
            }
            self::purge(transaction, &purge, time).map_err(|error| explain(transaction, error))
        });
        // A request that no longer waits needs no answer.
        let _ = reply.send(result);
        flow
    }
}

impl RestTask {
    pub(super) fn answer(self, result: Result<bool, Error>) {
        // A request that no longer waits needs no answer; the maintenance process goes on.
        let _ = self.reply.send(result);
    }

    /// Removes some revisions. Breaks when nothing more may be written through this connection.
    pub(super) fn serve(
        self,
        write_lock: &WriteLock,
        connection: &mut WriteConnection,
    ) -> ControlFlow<Loss> {
        let (result, flow) = alone(write_lock, connection, |transaction| {
            let remove = || purged::remove_some(transaction, self.persona);
            purged::overwriting(transaction, remove)
                .map_err(|error| explain(transaction, from_driver(error)))
        });
        self.answer(result);
        flow
    }
}

/// Purges a persona in the running transaction. On an error the caller gives it up.
pub(in crate::sqlite) fn purge(
    connection: &Connection,
    purge: &Purge,
    time: &Time,
) -> Result<Purged, Error> {
    let id = purge.id;
    let Some(stored) = personas::by_id(connection, id)? else {
        let tombstone = purged::find(connection, id).map_err(from_driver)?;
        let tombstone = of_missing(purge, tombstone)?;
        return Ok((tombstone, purged::has_revisions(connection, id).map_err(from_driver)?));
    };
    let persona = &stored.persona;
    let found = Found {
        tag: stored.tag,
        updated_at: persona.updated_at,
        owner: persona.document.owner_word(),
        handle: persona.document.handle(),
    };
    check(purge, &found)?;
    let remove = || -> rusqlite::Result<Purged> {
        let last = feed::last_time_before(connection, newest_of(time.now()))?;
        let at = after(last, time.now());
        search::remove_text(connection, stored.row_id)?;
        search::remove_title(connection, stored.row_id, persona.document.title_words())?;
        purged::remove_persona(connection, stored.row_id, persona)?;
        let revision = persona.revision;
        let sequence = feed::insert(connection, id, revision, ChangeKind::Purged, at)?;
        let (owner, author) = (found.owner.to_owned(), purge.author.clone());
        let tombstone = Tombstone { id, revision, owner, at, author };
        purged::insert(connection, sequence, &tombstone, &stored.history)?;
        Ok((tombstone, purged::remove_some(connection, id)?))
    };
    purged::overwriting(connection, remove).map_err(from_driver)
}

#[cfg(test)]
#[path = "purge_task_tests.rs"]
mod tests;
