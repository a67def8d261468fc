//! Whether the database can be used now, told in bounded time.
//!
//! Whoever watches a server asks often and does not wait long, while a statement to a silent database is waited for as long
//! as any other one. So the answer is waited for only briefly, and the question goes on without who asked: breaking it
//! off would give a connection back in the middle of something.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::pool::Pool;
use super::status::knows_the_schema;
use crate::Error;

/// Longest wait for the answer: watchers give up after a few seconds, and then learn nothing.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Questions under way at once. Each holds a connection as long as the database is silent. The second is for one connection
/// of several that is silent: it must not tell for all.
const QUESTIONS_MAX: usize = 2;

/// Asks, and does not ask more often than is useful.
pub(super) struct Readiness {
    pool: Pool,
    home: Handle,
    room: Arc<Semaphore>,
}

impl Readiness {
    pub(super) fn new(pool: Pool, home: Handle) -> Self {
        Self { pool, home, room: Arc::new(Semaphore::new(QUESTIONS_MAX)) }
    }

    /// Whether the database can be read and its schema is the one that this build knows.
    pub(super) async fn ask(&self) -> Result<(), Error> {
        // It is never closed, and the task ends early only with the store.
        let asked = async {
            let place = Arc::clone(&self.room).acquire_owned().await.ok()?;
            let pool = self.pool.clone();
            let asking = self.home.spawn(async move {
                let known = knows_the_schema(&pool).await;
                drop(place);
                known
            });
            asking.await.ok()
        };
        match tokio::time::timeout(WAIT_MAX, asked).await {
            Ok(Some(Ok(true))) => Ok(()),
            Ok(Some(Ok(false))) => Err(Error::Closed("the schema has another version")),
            Ok(Some(Err(error))) => Err(error),
            Ok(None) => Err(Error::Closed("it is closing")),
            Err(_) => Err(Error::Unreachable),
        }
    }
}
