//! What clients may do, and what a pool is like all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use persona_test_support::wait_until;
use rusqlite::Connection;
use tokio::task::JoinHandle;

use super::{Leases, Pool, PoolSettings, WAITING_MAX};
use crate::sqlite::Settings;
use crate::sqlite::error::from_driver;
use crate::sqlite::read::wal_watch::WalWatch;
use crate::{Error, NoObserver};

/// Longest wait for what must happen; a machine may be busy.
const DEADLINE: Duration = Duration::from_mins(1);
/// Counts for hours.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000000) SELECT max(i) FROM n";

struct Subject {
    pool: Arc<Pool>,
    opened: Arc<AtomicUsize>,
    /// Reads that have begun and have not ended.
    running: Arc<AtomicUsize>,
    most_running: Arc<AtomicUsize>,
    /// Reads that have ever begun.
    begun: Arc<AtomicUsize>,
}

fn subject(threads_max: usize, limit: Duration) -> Subject {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let open = Box::new(move || {
        counted.fetch_add(1, SeqCst);
        Connection::open_in_memory().map_err(from_driver)
    });
    let leases = Leases::new(WalWatch::new(Settings::new("no such file")), Arc::new(NoObserver));
    let pool = Pool::new(
        PoolSettings { name: "read", threads_max, limit, waits_for_wal: false },
        open,
        leases,
    );
    Subject {
        pool: Arc::new(pool),
        opened,
        running: Arc::default(),
        most_running: Arc::default(),
        begun: Arc::default(),
    }
}

impl Subject {
    /// A read that counts itself, as a task that can be aborted.
    fn read(
        &self,
        work: impl FnOnce(&Connection) -> Result<i64, Error> + Send + 'static,
    ) -> JoinHandle<Result<i64, Error>> {
        let (pool, begun) = (Arc::clone(&self.pool), Arc::clone(&self.begun));
        let (running, most) = (Arc::clone(&self.running), Arc::clone(&self.most_running));
        tokio::spawn(async move {
            let counted = move |connection: &Connection| {
                begun.fetch_add(1, SeqCst);
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                let result = work(connection);
                running.fetch_sub(1, SeqCst);
                result
            };
            pool.run(counted).await
        })
    }

    /// A read that does not look at interrupts until the sender lets it go, as a read in the middle
    /// of a long call does not.
    fn deaf(&self) -> (JoinHandle<Result<i64, Error>>, Sender<()>) {
        let (go, gone): (Sender<()>, Receiver<()>) = mpsc::channel();
        let read = self.read(move |_| {
            let _ = gone.recv_timeout(DEADLINE);
            Ok(0)
        });
        (read, go)
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        wait_until(what, DEADLINE, || is_so(self)).await;
    }

    fn waiting(&self) -> usize {
        self.pool.shared.state().waiting.len()
    }
}

fn endless(connection: &Connection) -> Result<i64, Error> {
    connection.query_row(ENDLESS, [], |row| row.get(0)).map_err(from_driver)
}

fn one(connection: &Connection) -> Result<i64, Error> {
    connection.query_row("SELECT 1", [], |row| row.get(0)).map_err(from_driver)
}

#[tokio::test]
async fn a_read_keeps_its_thread_until_its_work_has_ended_also_when_its_request_was_dropped() {
    let subject = subject(2, DEADLINE);
    let deaf = [subject.deaf(), subject.deaf()];
    subject.until("two reads", |pool| pool.running.load(SeqCst) == 2).await;
    for (read, _) in &deaf {
        read.abort();
    }
    let third = subject.read(one);
    subject.until("third in the queue", |pool| pool.waiting() == 1).await;
    assert_eq!(subject.running.load(SeqCst), 2, "their work goes on");
    drop(deaf);
    assert!(matches!(third.await, Ok(Ok(1))));
    assert_eq!((subject.most_running.load(SeqCst), subject.opened.load(SeqCst)), (2, 2));
}

#[tokio::test]
async fn hundreds_of_abandoned_reads_leave_no_more_threads_and_connections_than_there_may_be() {
    let subject = subject(4, DEADLINE);
    for round in 1..=75 {
        let reads = [(); 4].map(|()| subject.read(endless));
        // Those of the round before were interrupted when their requests went, else these would not
        // begin.
        subject.until("four reads more", |pool| pool.begun.load(SeqCst) == 4 * round).await;
        reads.iter().for_each(JoinHandle::abort);
    }
    let last = tokio::time::timeout(DEADLINE / 2, subject.read(one)).await.expect("its turn");
    assert!(matches!(last, Ok(Ok(1))));
    assert!(subject.most_running.load(SeqCst) <= 4 && subject.opened.load(SeqCst) <= 4);
    assert!(subject.pool.shared.state().threads <= 4);
}

#[tokio::test]
async fn a_read_never_runs_when_its_request_goes_before_its_turn() {
    let subject = subject(1, DEADLINE);
    let (deaf, go) = subject.deaf();
    subject.until("read", |pool| pool.running.load(SeqCst) == 1).await;
    let withdrawn = subject.read(|_| unreachable!("it was withdrawn"));
    subject.until("second in the queue", |pool| pool.waiting() == 1).await;
    withdrawn.abort();
    subject.until("empty queue", |pool| pool.waiting() == 0).await;
    go.send(()).expect("it waits");
    assert!(matches!(deaf.await, Ok(Ok(0))));
    assert!(matches!(subject.read(one).await, Ok(Ok(1))));
    assert_eq!(subject.opened.load(SeqCst), 1);
}

#[tokio::test]
async fn a_read_is_ended_at_its_limit_and_its_client_is_answered_also_where_it_cannot_be() {
    let limit = Duration::from_millis(50);
    let subject = subject(1, limit);
    assert!(
        matches!(subject.read(endless).await, Ok(Err(Error::ReadTimedOut { limit: told })) if told == limit)
    );
    assert!(matches!(subject.read(one).await, Ok(Ok(1))), "the connection can be used further");
    let (deaf, go) = subject.deaf();
    assert!(matches!(deaf.await, Ok(Err(Error::ReadTimedOut { .. }))));
    assert_eq!(subject.running.load(SeqCst), 1);
    go.send(()).expect("it waits");
    assert!(matches!(subject.read(one).await, Ok(Ok(1))));
}

#[tokio::test]
async fn one_more_than_may_wait_is_refused_at_once() {
    let subject = subject(1, DEADLINE);
    let (_deaf, go) = subject.deaf();
    subject.until("read", |pool| pool.running.load(SeqCst) == 1).await;
    let waiting: Vec<_> = (0..WAITING_MAX).map(|_| subject.read(one)).collect();
    subject.until("full queue", |pool| pool.waiting() == WAITING_MAX).await;
    assert!(matches!(subject.read(one).await, Ok(Err(Error::Busy { .. }))));
    go.send(()).expect("it waits");
    for read in waiting {
        assert!(matches!(read.await, Ok(Ok(1))));
    }
}

#[tokio::test]
async fn a_read_that_panics_takes_nothing_down_with_it() {
    let subject = subject(1, DEADLINE);
    assert!(matches!(subject.read(|_| panic!("on purpose")).await, Ok(Err(Error::Backend(_)))));
    assert!(matches!(subject.read(one).await, Ok(Ok(1))));
    assert_eq!(
        subject.opened.load(SeqCst),
        2,
        "the connection of the one that panicked is not used further"
    );
}

#[tokio::test]
async fn a_pool_that_is_dropped_ends_what_it_does() {
    let subject = subject(2, 10 * DEADLINE);
    let reads = [subject.read(endless), subject.read(endless)];
    subject.until("two reads", |pool| pool.running.load(SeqCst) == 2).await;
    let Subject { pool, running, .. } = subject;
    pool.shared.leases.close();
    for read in reads {
        assert!(matches!(read.await, Ok(Err(Error::Closed(_)))));
    }
    assert_eq!(running.load(SeqCst), 0);
    drop(pool);
}

#[tokio::test]
async fn a_connection_that_is_left_in_a_transaction_is_not_used_again() {
    let subject = subject(1, DEADLINE);
    let begin = |connection: &Connection| {
        connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(from_driver)
    };
    // As after an interrupt that met the ROLLBACK: no caller sees the error of a ROLLBACK.
    subject
        .read(move |connection| begin(connection).map(|()| 1))
        .await
        .expect("no panic")
        .expect("read");
    assert_eq!(subject.opened.load(SeqCst), 1);
    subject
        .read(move |connection| begin(connection).map(|()| 2))
        .await
        .expect("no panic")
        .expect("a snapshot of its own");
    assert_eq!(
        subject.opened.load(SeqCst),
        2,
        "the connection that was left with a snapshot is used on"
    );
    subject.read(|_| Ok(3)).await.expect("no panic").expect("read");
    subject.read(|_| Ok(4)).await.expect("no panic").expect("read");
    assert_eq!(subject.opened.load(SeqCst), 3, "a connection without a snapshot is used again");
}
