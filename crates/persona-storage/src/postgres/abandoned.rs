//! Abandoned connections: they gave no answer in time, and no request waits for them any more.
//!
//! The server keeps its side of each: a commit that waits for a standby does not notice that its
//! client is gone. So abandoned connections are counted: here while an answer may still come, and
//! afterwards by the server itself (ADR 0018).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_postgres::Client;

use super::Settings;
use super::settings::ANSWER_GRACE;
use crate::observer::Counted;
use crate::{Connected, Observer};

/// Most abandoned connections for each connection that the pool may have.
const TIMES: usize = 2;
/// Limit of abandoned connections for a small pool, so that a few connections that the network
/// dropped do not stop it.
const MIN: usize = 8;

/// Sessions of this process, by its name, that wait for a standby. A user without the right to see
/// them counts none.
const WAITING_FOR_STANDBY: &str = "
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user
      AND application_name = current_setting('application_name') AND wait_event = 'SyncRep'";

/// The abandoned connections of one process.
pub(super) struct AbandonedConnections {
    pub io_thread: Handle,
    pub observer: Arc<dyn Observer>,
    max: usize,
    room: Arc<Semaphore>,
    /// How long an abandoned connection counts; then it is closed, and a new one may be made
    /// although the server is still silent.
    time: Duration,
    /// Whether connections were closed without an answer, so that the server may be busy with more
    /// than are counted here.
    forgot: Arc<AtomicBool>,
}

impl AbandonedConnections {
    pub(super) fn new(
        settings: &Settings,
        io_thread: &Handle,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let max = (settings.pool_max * TIMES).max(MIN);
        let (room, time) = (Arc::new(Semaphore::new(max)), settings.abandoned_time);
        Self { io_thread: io_thread.clone(), observer, max, room, time, forgot: Arc::default() }
    }

    /// Keeps a connection until its answer comes or it breaks.
    pub(super) fn keep(&self, client: ClientWrapper) {
        // Without room the connection is closed. That happens only to connections that were made
        // while there was room.
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            self.forgot.store(true, Ordering::Relaxed);
            return;
        };
        let counted = Counted::begin(&self.observer, Connected::Abandoned);
        let (time, forgot) = (self.time, Arc::clone(&self.forgot));
        self.io_thread.spawn(async move {
            // Answers come in order, so the answer to this last statement, whatever it says, means
            // that all are answered.
            if tokio::time::timeout(time, client.simple_query("")).await.is_err() {
                forgot.store(true, Ordering::Relaxed);
            }
            drop((client, place, counted));
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.room.available_permits() == 0
    }

    /// If connections were closed without an answer, asks the server over a new connection whether
    /// as many commits of this process wait for a standby as connections may be abandoned. A server
    /// that cannot tell counts as having none.
    pub(super) async fn fills_the_server(&self, client: &Client) -> bool {
        if !self.forgot.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(told) =
            tokio::time::timeout(ANSWER_GRACE, client.query_typed(WAITING_FOR_STANDBY, &[])).await
        else {
            return true;
        };
        let waiting: i64 =
            told.ok().and_then(|rows| rows.first()?.try_get(0).ok()).unwrap_or_default();
        if waiting == 0 {
            self.forgot.store(false, Ordering::Relaxed);
        }
        usize::try_from(waiting).is_ok_and(|waiting| waiting >= self.max)
    }
}
