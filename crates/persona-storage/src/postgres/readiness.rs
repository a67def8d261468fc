//! Answers in bounded time whether the database can be used now.
//!
//! A monitor asks often and does not wait long, but a statement to a silent database can take as
//! long as any other. So the request waits only briefly, and the statement goes on without it:
//! aborting it would return a connection in the middle of a statement.
//!
//! The question takes two ways at once, and the first answer counts: over the connection that short
//! reads share, which is there also while all others are taken, and over one of the others, because
//! one that is silent must not tell for all.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::pool::Pool;
use super::shared_reader::SharedReader;
use super::status::{SCHEMA_VERSION, is_known_schema, knows_the_schema};
use crate::Error;

/// Longest wait for the answer: monitors give up after a few seconds, and then get no answer.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Questions under way at once over connections of the pool. Each holds one as long as the database
/// is silent.
const QUESTIONS_MAX: usize = 2;

/// Asks the database, but not more often than useful.
pub(super) struct Readiness {
    pool: Pool,
    shared_reader: Arc<SharedReader>,
    io_thread: Handle,
    room: Arc<Semaphore>,
}

impl Readiness {
    pub(super) fn new(pool: Pool, shared_reader: Arc<SharedReader>, io_thread: Handle) -> Self {
        Self { pool, shared_reader, io_thread, room: Arc::new(Semaphore::new(QUESTIONS_MAX)) }
    }

    /// Whether the database can be read and its schema is the one that this build knows.
    pub(super) async fn ask(&self) -> Result<(), Error> {
        match tokio::time::timeout(WAIT_MAX, self.first_answer()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Error::Closed("the schema has another version")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Unreachable),
        }
    }

    async fn first_answer(&self) -> Result<bool, Error> {
        if !self.shared_reader.is_shared() {
            return self.over_the_pool().await;
        }
        let (mut shared, mut pooled) =
            (pin!(self.over_the_shared_reader()), pin!(self.over_the_pool()));
        tokio::select! {
            answer = &mut shared => if answer.is_ok() { answer } else { pooled.await },
            answer = &mut pooled => if answer.is_ok() { answer } else { shared.await },
        }
    }

    async fn over_the_shared_reader(&self) -> Result<bool, Error> {
        is_known_schema(&self.shared_reader.read(SCHEMA_VERSION, &[]).await?)
    }

    async fn over_the_pool(&self) -> Result<bool, Error> {
        let closing = || Error::Closed("it is closing");
        // The semaphore is never closed, and the task ends early only with the store.
        let place = Arc::clone(&self.room).acquire_owned().await.map_err(|_| closing())?;
        let pool = self.pool.clone();
        let asking = self.io_thread.spawn(async move {
            let known = knows_the_schema(&pool).await;
            drop(place);
            known
        });
        asking.await.map_err(|_| closing())?
    }
}
