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
use super::queue::{LIGHT_BYTES_MAX, Size};
use super::write_lock::WriteLock;
use crate::observer::Waiting;
use crate::purge::{Found, check, of_missing};
use crate::sqlite::error::{explain, from_driver};
use crate::sqlite::search;
use crate::sqlite::tables::{feed, personas, purged};
use crate::time::{Time, after, newest_of};
use crate::{Error, Loss, Purge, Tombstone};

/// The tombstone, and whether there are revisions that are still to be removed.
pub(super) type Purged = (Tombstone, bool);

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
fn purge(connection: &Connection, purge: &Purge, time: &Time) -> Result<Purged, Error> {
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
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use persona_model::Precondition;
    use serde_json::json;

    use super::purge;
    use crate::conformance::{TestClock, document, id, soon, write};
    use crate::sqlite::connection::{self, Purpose};
    use crate::sqlite::tables::purged::REMOVED_AT_ONCE;
    use crate::sqlite::tables::row;
    use crate::sqlite::{Maintenance, Settings, SqliteStore, check, initialise};
    use crate::time::Time;
    use crate::{NoObserver, Operation, Purge, Store};

    /// So many revisions that two transactions after the first have something to remove.
    const REVISIONS: u64 = 2 * REMOVED_AT_ONCE + 9;

    #[tokio::test]
    async fn a_purge_that_ended_after_its_first_transaction_is_finished_by_maintenance() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let clock = Arc::new(TestClock::default());
        let store = SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
        let store = store.expect("it opens");
        let create = Operation::Create { id: id(1), document: document(json!({ "name": "0" })) };
        store.write(write(create)).await.expect("created");
        for number in 1..REVISIONS {
            let document = document(json!({ "name": number.to_string() }));
            let precondition = Precondition::Any;
            let operation = Operation::Replace { id: id(1), precondition, document };
            store.write(write(operation)).await.expect("replaced");
        }
        store.close().await;
        drop(store);
        let writer = connection::open(&settings, Purpose::Write, Arc::new(NoObserver));
        let writer = writer.expect("it opens");
        writer.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
        let wanted = Purge::new(id(1), Precondition::Any, soon());
        let (_, is_more) = purge(&writer, &wanted, &Time::new(clock.clone())).expect("purged");
        writer.execute_batch("COMMIT").expect("committed");
        drop(writer);
        let revisions = || {
            let report = check(&settings.path, &mut |_| ControlFlow::Continue(()));
            let report = report.expect("it can be read");
            assert!(report.is_sound(), "{report:?}");
            let reader = connection::open(&settings, Purpose::Read, Arc::new(NoObserver));
            let sql = "SELECT count(*) FROM revisions";
            let count = reader.expect("it opens").query_row(sql, [], |found| row::number(found, 0));
            count.expect("counted")
        };
        assert_eq!((is_more, revisions()), (true, REVISIONS - REMOVED_AT_ONCE));
        let mut maintenance =
            Maintenance::open(&settings, clock, Arc::new(NoObserver)).expect("it opens");
        maintenance.tick().expect("done");
        maintenance.close().expect("closed");
        assert_eq!(revisions(), 0);
    }
}
