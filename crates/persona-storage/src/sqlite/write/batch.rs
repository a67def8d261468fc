//! One shared transaction of the writer: the request that waited longest and requests behind it,
//! each in its own savepoint.
//!
//! A request is refused alone only while its savepoint can be undone. Where that fails, or SQLite
//! has rolled back the whole transaction, nothing of it is committed: otherwise a change would be
//! kept although its request was refused.

use std::time::{Duration, Instant};

use persona_model::Timestamp;
use rusqlite::Connection;

use super::foresight::Foreseen;
use super::queue::LIGHT_BYTES_MAX;
use super::transaction;
use super::transaction::Step;
use super::writer::{Job, Told};
use super::writer_thread::{Applied, refuse};
use crate::sqlite::error::{another, explain, from_driver};
use crate::sqlite::search::Entries;
use crate::sqlite::system_error::explained;
use crate::sqlite::tables::feed;
use crate::time::{Time, after, newest_of};
use crate::weights::Weights;
use crate::{Error, Observer, Write};

/// Most requests of one transaction: it bounds how many requests a failed commit affects.
const BATCH_WRITES_MAX: usize = 256;
/// No further request joins a transaction that is this old, so that other processes are not kept
/// waiting. Long enough for the 32 that wait in each of two workers with 64 clients: a request that
/// is left over waits for all others once more.
const BATCH_TIME_MAX: Duration = Duration::from_millis(10);

/// The running transaction.
pub(crate) struct Batch<'a> {
    pub connection: &'a Connection,
    pub time: &'a Time,
    pub observer: &'a dyn Observer,
    pub weights: &'a Weights,
    /// Most idempotency keys that are kept.
    pub keys_max: u64,
}

/// The content of a transaction before its commit.
#[derive(Default)]
pub(crate) struct Batched {
    /// The requests, with the answer of each after the commit.
    pub applied: Vec<Applied>,
    /// The entries for the search indexes.
    pub entries: Entries,
    /// The error because of which the transaction must not be committed.
    pub ended: Option<Error>,
}

/// The result of one request, or the error that ends the whole transaction.
type Applying = Result<Result<Step, Error>, Error>;

impl Batch<'_> {
    /// Applies the first request and those that join it.
    pub(crate) fn apply_all(
        &self,
        first: Job,
        joining: impl Fn() -> Option<Job>,
        began: Instant,
    ) -> Batched {
        let mut batched = Batched::default();
        let mut now = match feed::last_time_before(self.connection, newest_of(self.time.now())) {
            Ok(last) => last,
            // After this error, further statements could run outside of the transaction.
            Err(error) => {
                let error = from_driver(explained(self.connection, error));
                refuse(first, another(&error));
                return Batched { ended: Some(error), ..batched };
            }
        };
        let mut next = Some(first);
        while let Some(job) = next {
            self.apply(job, &mut now, &mut batched);
            let full =
                batched.applied.len() >= BATCH_WRITES_MAX || began.elapsed() >= BATCH_TIME_MAX;
            next = if full || batched.ended.is_some() { None } else { joining() };
        }
        batched
    }

    /// Applies one request, unless it was withdrawn or comes too late.
    fn apply(&self, job: Job, now: &mut Timestamp, batched: &mut Batched) {
        let Ok(ahead) = job.claim.apply() else { return };
        let Job { write, queued_at, was_looked_at, waiting, reply, .. } = job;
        let (foreseen, parts, guard) = match ahead {
            Some(ahead) => (ahead.foreseen, ahead.written, ahead.guard),
            None => (None, None, None),
        };
        drop(waiting);
        if Instant::now() >= write.deadline {
            self.observer.gave_up();
            batched.applied.push(Applied {
                reply,
                result: Err(Error::Busy { what: "its turn to write" }),
                guard,
            });
            return;
        }
        self.observer.queued(queued_at.elapsed());
        // Times grow from change to change, except over times that a wrong clock made.
        *now = after(*now, self.time.now());
        let bytes_max = if was_looked_at { usize::MAX } else { LIGHT_BYTES_MAX };
        let result = match self.in_savepoint(&write, foreseen, bytes_max, *now) {
            Ok(Ok(Step::IsHeavy(bytes))) => {
                self.weights.learn(write.operation.id(), bytes);
                // A request that no longer waits needs no answer.
                let _ = reply.send(Told::IsHeavy);
                return;
            }
            Ok(Ok(Step::Applied(transaction::Applied { written, entry, .. }))) => {
                self.weights.learn(written.representation.id, written.representation.body.len());
                if let Some(entry) = entry {
                    batched.entries.add(entry.with_parts(parts));
                }
                Ok(written)
            }
            Ok(Err(error)) => Err(error),
            Err(error) => {
                batched.ended = Some(another(&error));
                Err(error)
            }
        };
        batched.applied.push(Applied { reply, result, guard });
    }

    fn in_savepoint(
        &self,
        write: &Write,
        foreseen: Option<Foreseen>,
        bytes_max: usize,
        now: Timestamp,
    ) -> Applying {
        let run = |sql: &str| {
            self.connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]))
                .map_err(from_driver)
        };
        run("SAVEPOINT request")?;
        let result =
            transaction::apply(self.connection, write, foreseen, bytes_max, now, self.keys_max)
                .map_err(|error| explain(self.connection, error));
        if self.connection.is_autocommit() {
            // Some errors end the whole transaction, whatever the savepoints are: a full disk, a
            // failed read.
            return Err(result
                .err()
                .unwrap_or(Error::Busy { what: "a transaction that was not rolled back" }));
        }
        match result {
            // A failed sync concerns all requests, not only this one.
            Err(error @ Error::Unsynced(_)) => return Err(error),
            Err(_) => run("ROLLBACK TO request")?,
            Ok(_) => 0,
        };
        run("RELEASE request")?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use persona_model::{Clock, Document, PersonaId, Timestamp};
    use rusqlite::Connection;
    use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::{Batch, Batched};
    use crate::observer::Waiting;
    use crate::sqlite::connection::{self, Purpose};
    use crate::sqlite::tables::personas;
    use crate::sqlite::write::claim::Claim;
    use crate::sqlite::write::writer::{Job, Told};
    use crate::sqlite::{Settings, initialise};
    use crate::time::Time;
    use crate::weights::Weights;
    use crate::{Error, NoObserver, Observer, Operation, Write};

    /// A file with one persona, and a connection with a running transaction in which these actions
    /// are refused.
    fn begun(refused: fn(&AuthAction<'_>) -> bool) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let mut connection =
            connection::open(&settings, Purpose::Write, Arc::new(NoObserver)).expect("it opens");
        connection.execute_batch("BEGIN IMMEDIATE").expect("no other connection writes");
        let answer = move |context: AuthContext<'_>| {
            if refused(&context.action) { Authorization::Deny } else { Authorization::Allow }
        };
        connection.authorizer(Some(answer)).expect("a hook");
        (folder, connection)
    }

    fn job(number: u8) -> (Job, oneshot::Receiver<Told>) {
        let mut bytes = [0; 16];
        bytes[15] = number;
        let document = Document::from_json(json!({ "name": "Ada" })).expect("a document");
        let operation = Operation::Create { id: PersonaId::from_bytes(bytes), document };
        let write = Write::new(operation, Instant::now() + Duration::from_mins(1));
        let (reply, answer) = oneshot::channel();
        let observer: Arc<dyn Observer> = Arc::new(NoObserver);
        let waiting = Waiting::begin(&observer);
        (
            Job {
                write: Arc::new(write),
                queued_at: Instant::now(),
                was_looked_at: false,
                claim: Claim::new(None),
                waiting,
                reply,
            },
            answer,
        )
    }

    type Answers = [oneshot::Receiver<Told>; 2];

    /// Applies two requests in this transaction; the second waits in the queue.
    fn apply_two(connection: &Connection) -> (Batched, Answers, Option<Job>) {
        let ((first, one), (second, two)) = (job(1), job(2));
        let waiting = RefCell::new(Some(second));
        let time = Time::new(Arc::new(Noon));
        let batch = Batch {
            connection,
            time: &time,
            observer: &NoObserver,
            weights: &Weights::default(),
            keys_max: 9,
        };
        // However slowly this runs, the transaction is a young one.
        let batched =
            batch.apply_all(first, || waiting.take(), Instant::now() + Duration::from_mins(1));
        (batched, [one, two], waiting.take())
    }

    /// A clock that stands still.
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_795_867_200_000_000)
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_change_that_cannot_be_taken_back_alone_ends_the_whole_transaction() {
        for operation in [TransactionOperation::Rollback, TransactionOperation::Release] {
            // The row of the persona is written, that of the feed is refused.
            let (_folder, connection) = begun(match operation {
                TransactionOperation::Rollback => |action| {
                    matches!(action, AuthAction::Insert { table_name: "changes" })
                        || matches!(
                            action,
                            AuthAction::Savepoint { operation: TransactionOperation::Rollback, .. }
                        )
                },
                _ => |action| {
                    matches!(
                        action,
                        AuthAction::Savepoint { operation: TransactionOperation::Release, .. }
                    )
                },
            });
            let (batched, _answers, left) = apply_two(&connection);
            assert!(batched.ended.is_some(), "{operation:?}: its change would be committed");
            assert_eq!(
                (batched.applied.len(), left.is_some()),
                (1, true),
                "{operation:?}: the next one joined it"
            );
        }
    }

    #[test]
    fn a_change_that_is_taken_back_alone_leaves_the_others() {
        let (_folder, connection) = begun(|_| false);
        // The last row of the first request, after all its others were written.
        let refusal = "CREATE TEMP TRIGGER refusal BEFORE INSERT ON main.revisions WHEN NEW.head LIKE '%000000000001\"%'
                       BEGIN SELECT RAISE(ABORT, 'refused'); END";
        connection.execute_batch(refusal).expect("a trigger");
        let (batched, _answers, left) = apply_two(&connection);
        assert!(batched.ended.is_none() && left.is_none());
        let results: Vec<bool> =
            batched.applied.iter().map(|request| request.result.is_ok()).collect();
        assert_eq!((results, personas::count_living(&connection)), (vec![false, true], Ok(1)));
    }

    #[test]
    fn a_time_that_cannot_be_read_ends_the_transaction_before_anything_is_written() {
        let (_folder, connection) = begun(|action| {
            matches!(action, AuthAction::Read { table_name: "personas", column_name: "updated_at" })
        });
        let (batched, mut answers, left) = apply_two(&connection);
        assert!(batched.ended.is_some() && batched.applied.is_empty() && left.is_some());
        assert!(
            matches!(answers[0].try_recv(), Ok(Told::Done(Err(Error::Backend(_))))),
            "the first is refused"
        );
        assert_eq!(connection.total_changes(), 0, "something was written");
    }
}
