//! A few threads that do long reads, and the queue before them.
//!
//! Threads of our own and not those of the runtime, of which there are hundreds: the number of
//! threads, connections and descriptors stays the same whatever clients do, because a read keeps
//! its thread until its work has ended, also when its request was dropped. A read that has not
//! begun is withdrawn with its request and never runs.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::lease::{Held, Lease, Leases, Reason};
use super::wal_watch::{LOOK_EVERY, TURN_WAIT_MAX};
use crate::Error;
use crate::sqlite::error::explain_read;

/// Reads that wait for a thread at most; a request more is refused at once.
const WAITING_MAX: usize = 64;
/// A thread that has had nothing to do for this long ends, and gives its connection's memory back.
const IDLE_MAX: Duration = Duration::from_mins(1);
/// How long after its limit the pool waits for a read that cannot be interrupted. After that its
/// client gets an error, and the read keeps its thread.
const STUCK_AFTER: Duration = Duration::from_secs(1);

/// The settings of a pool.
pub(crate) struct PoolSettings {
    pub name: &'static str,
    pub threads_max: usize,
    /// How long a read may take from its beginning.
    pub limit: Duration,
    /// Whether its reads begin only when the WAL can be reset afterwards.
    pub waits_for_wal: bool,
}

/// Opens a connection for a thread.
type Open = Box<dyn Fn() -> Result<Connection, Error> + Send + Sync>;
/// A read; it gets a connection and its lease, or the reason why there is none.
type Job = Box<dyn FnOnce(Result<(&Connection, Held), Error>) + Send>;

pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    shape: PoolSettings,
    open: Open,
    leases: Arc<Leases>,
    state: Mutex<State>,
    /// Wakes a thread that has nothing to do.
    work: Condvar,
    /// Wakes threads that wait for the WAL. It is separate, because the signal for new work must
    /// reach a thread that can do it.
    wal: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Ticket>,
    next_number: u64,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

struct Ticket {
    number: u64,
    begun: oneshot::Sender<Arc<Lease>>,
    job: Job,
}

/// The request's side of a ticket. Dropping it withdraws the read, or ends it where it has begun.
struct Asked<'a> {
    shared: &'a Shared,
    number: u64,
    begun: oneshot::Receiver<Arc<Lease>>,
    lease: Option<Arc<Lease>>,
}

impl Pool {
    pub(crate) fn new(shape: PoolSettings, open: Open, leases: Arc<Leases>) -> Self {
        let shared = Shared {
            shape,
            open,
            leases,
            state: Mutex::default(),
            work: Condvar::new(),
            wal: Condvar::new(),
        };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// How many reads it does at once.
    pub(crate) fn threads_max(&self) -> usize {
        self.shared.shape.threads_max
    }

    /// Runs a read on one of the threads.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before the read begins withdraws it; after that its statement is
    /// interrupted.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answer) = oneshot::channel();
        let mut asked = self.ask(Box::new(move |given| {
            // The lease is given back before the client hears of it.
            let result = given.and_then(|(connection, held)| {
                held.judge(read(connection).map_err(|error| explain_read(connection, error)))
            });
            let _ = sender.send(result);
        }))?;
        if timeout(TURN_WAIT_MAX, asked.has_begun()).await.is_err() {
            return Err(Error::Busy { what: "its turn to read" });
        }
        let limit = self.shared.shape.limit;
        match timeout(limit + STUCK_AFTER, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Backend("a read ended by a fault of the program".into())),
            Err(_) => Err(Error::ReadTimedOut { limit }),
        }
    }

    fn ask(&self, job: Job) -> Result<Asked<'_>, Error> {
        let shared = &self.shared;
        let (sender, begun) = oneshot::channel();
        let mut state = shared.state();
        if state.is_closed {
            return Err(Error::Closed("it is closing"));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(Error::Busy { what: "the queue of reads" });
        }
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.push_back(Ticket { number, begun: sender, job });
        if state.idle < state.waiting.len() && state.threads < shared.shape.threads_max {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // The existing threads will do the work.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    state.waiting.pop_back();
                    return Err(Error::Backend(Box::new(error)));
                }
            }
        }
        shared.work.notify_one();
        Ok(Asked { shared, number, begun, lease: None })
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread =
            thread::Builder::new().name(shared.shape.name.into()).spawn(move || shared.work())?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }
}

impl Drop for Pool {
    /// Waits for the threads, so that no connection is open any more; what they do was ended by
    /// then.
    fn drop(&mut self) {
        self.shared.leases.close();
        let mut state = self.shared.state();
        state.is_closed = true;
        state.waiting.clear();
        drop(state);
        self.shared.work.notify_all();
        self.shared.wal.notify_all();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic of the thread was already reported.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does until there is nothing to do for long.
    fn work(&self) {
        let mut connection = None;
        while let Some((ticket, limit)) = self.next() {
            connection = self.serve(ticket, limit, connection);
        }
    }

    /// The next read and how long it may take; `None` when the thread is to end.
    fn next(&self) -> Option<(Ticket, Duration)> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if state.waiting.is_empty() {
                state.idle += 1;
                let (woken, waited) =
                    self.work.wait_timeout(state, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
                state = woken;
                state.idle -= 1;
                if waited.timed_out() && state.waiting.is_empty() {
                    state.threads -= 1;
                    return None;
                }
            } else {
                // The lock is released meanwhile, because a look reads the file, and serving
                // threads must not wait for that.
                drop(state);
                let limit = self.limit_now();
                state = self.state();
                let Some(limit) = limit else {
                    state = self
                        .wal
                        .wait_timeout(state, LOOK_EVERY)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    continue;
                };
                // The ticket may be withdrawn meanwhile.
                if let Some(ticket) = state.waiting.pop_front() {
                    return Some((ticket, limit));
                }
            }
        }
    }

    /// How long a read may take that begins now; `None` while none may.
    fn limit_now(&self) -> Option<Duration> {
        let limit = self.shape.limit;
        if self.shape.waits_for_wal {
            self.leases.wal.limit_of_reads().map(|of_wal| of_wal.min(limit))
        } else {
            Some(limit)
        }
    }

    /// Does one read, and gives the connection back if it can be used further.
    fn serve(
        &self,
        ticket: Ticket,
        limit: Duration,
        connection: Option<Connection>,
    ) -> Option<Connection> {
        let Ticket { begun, job, .. } = ticket;
        let connection = match connection.map_or_else(|| (self.open)(), Ok) {
            Ok(connection) => connection,
            Err(error) => {
                job(Err(error));
                return None;
            }
        };
        match self.leases.begin(&connection, Some(limit)) {
            Err(error) => job(Err(error)),
            // The read was withdrawn at this moment.
            Ok(held) if begun.send(Arc::clone(held.lease())).is_err() => {}
            Ok(held) => catch_unwind(AssertUnwindSafe(|| job(Ok((&connection, held))))).ok()?,
        }
        // An interrupt that meets the ROLLBACK of a read leaves the read's snapshot open, and
        // nothing tells of it: the next read could not begin, and the WAL would never be reset.
        // Closing the connection ends the snapshot for certain.
        connection.is_autocommit().then_some(connection)
    }
}

impl Asked<'_> {
    /// Waits until it has begun, or has failed before.
    async fn has_begun(&mut self) {
        self.lease = (&mut self.begun).await.ok();
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let lease = self.lease.take().or_else(|| {
            let mut state = self.shared.state();
            match state.waiting.iter().position(|ticket| ticket.number == self.number) {
                Some(at) => {
                    state.waiting.remove(at);
                    None
                }
                None => self.begun.try_recv().ok(),
            }
        });
        if let Some(lease) = lease {
            self.shared.leases.end(&lease, Reason::Left);
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
