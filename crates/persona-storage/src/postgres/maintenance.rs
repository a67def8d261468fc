//! The maintenance process: removes what has expired. PostgreSQL does all other maintenance itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Clock;
use tokio_postgres::types::Type;

use super::connection::Statement;
use super::io_thread::IoThread;
use super::pool::Pool;
use super::retention::Mode;
use super::{DatabaseError, Settings, retention, row, start, status};
use crate::time::{OBSERVED_EVERY, Observed, Time};
use crate::{Error, HistoryLimits, HistoryPruned, NoObserver};

/// Pause between two rounds of removing what has expired.
const ROUND_EVERY: Duration = OBSERVED_EVERY;
/// Most records removed in one statement: no lock is held for long.
const EXPIRED_BATCH_MAX: u32 = 500;
/// Pause between two ticks: short, so that the maintenance process soon notices that it must end.
const PAUSE: Duration = Duration::from_millis(500);

/// Two maintenance processes of two machines do not wait for each other: what one is about to
/// remove, the other skips.
const REMOVE_EXPIRED: &str = "
    DELETE FROM persona_store.idempotency
    WHERE key IN (SELECT key FROM persona_store.idempotency WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1";

/// Sets records that are ahead of the count to it: a fast clock made them before the count began,
/// or they are of another database, and they would be kept for longer than a day otherwise.
const SET_BACK: &str = "
    UPDATE persona_store.idempotency SET at = $1
    WHERE key IN (SELECT key FROM persona_store.idempotency WHERE at > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1";

/// The count of elapsed time (`time.rs`) and the newest record.
const COUNTED: &str = "
    SELECT (SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'),
           (SELECT max(at) FROM persona_store.idempotency)";

/// Several maintenance processes count at once: the count never goes back.
const COUNT: &str = "
    INSERT INTO persona_store.meta AS m (key, value) VALUES ('observed_us', $1::bigint::text)
    ON CONFLICT (key) DO UPDATE SET value = greatest(m.value::bigint, excluded.value::bigint)::text";

/// Maintains the database while other processes use it.
pub struct Maintenance {
    pool: Pool,
    clock: Arc<dyn Clock>,
    round_at: Instant,
    observed: Observed,
    time: Time,
    retention: Retention,
    /// Declared last and so dropped last: the connections live there.
    io_thread: IoThread,
}

impl Maintenance {
    /// Checks the database.
    ///
    /// # Errors
    ///
    /// As for [`super::PostgresStore::open`].
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, DatabaseError> {
        let system = |reason: String| DatabaseError::System { place: settings.place(), reason };
        let io_thread = IoThread::start().map_err(|error| system(error.to_string()))?;
        let pool = Pool::new(settings, io_thread.handle(), Arc::new(NoObserver))?;
        let (asked, of) = (pool.clone(), settings.clone());
        let checked = io_thread.wait_for(async move { start::check(&asked, &of).await });
        checked.map_err(|error| system(error.to_string()))??;
        Ok(Self {
            pool,
            time: Time::new(Arc::clone(&clock)),
            clock,
            round_at: Instant::now(),
            observed: Observed::default(),
            retention: Retention::new(settings.history),
            io_thread,
        })
    }

    /// Whether the schema is still the one that this build knows.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`].
    pub fn knows_the_schema(&self) -> Result<bool, Error> {
        let pool = self.pool.clone();
        self.io_thread.wait_for(async move { status::knows_the_schema(&pool).await })?
    }

    /// Does the maintenance that is due, and returns the time until the next call.
    ///
    /// # Errors
    ///
    /// The database failed or cannot be reached; a later call may succeed.
    pub fn tick(&mut self) -> Result<Duration, Error> {
        if self.round_at.elapsed() >= ROUND_EVERY {
            self.round_at = Instant::now();
            self.remove_expired()?;
        }
        self.prune_history()?;
        Ok(PAUSE)
    }

    /// Removes expired records, a few at a time, and tells how many there were.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`].
    pub fn remove_expired(&mut self) -> Result<u64, Error> {
        let pool = self.pool.clone();
        let read = async move { pool.read(Statement::Once(COUNTED), &[]).await };
        let rows = self.io_thread.wait_for(read)??;
        let first = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        let (stored, newest) =
            (row::value::<Option<i64>>(first, 0)?, row::value::<Option<i64>>(first, 1)?);
        let Some(newest) = newest else {
            self.observed.pause();
            return Ok(0);
        };
        let count = self
            .observed
            .count(stored.unwrap_or_else(|| Observed::first(newest, &*self.clock)), &*self.clock);
        let until = Observed::oldest_kept(count);
        let pool = self.pool.clone();
        self.io_thread.wait_for(async move {
            // Repeating either does no harm, so they may be done like reads.
            pool.read(Statement::Once(COUNT), &[(&count, Type::INT8)]).await?;
            if newest > count {
                in_batches(&pool, SET_BACK, count).await?;
            }
            in_batches(&pool, REMOVE_EXPIRED, until).await
        })?
    }
}

/// How far the feed was looked through for old revisions.
struct Retention {
    limits: HistoryLimits,
    /// `None` until it is read from the database.
    place: Option<i64>,
    /// When there is something to look at again.
    from: Instant,
    /// What was dropped since the log told of it.
    untold: HistoryPruned,
}

impl Retention {
    fn new(limits: HistoryLimits) -> Self {
        let untold = HistoryPruned::default();
        Self { limits, place: None, from: Instant::now(), untold }
    }
}

impl Maintenance {
    /// Looks at some lines of the feed, and drops the revisions that they let go.
    fn prune_history(&mut self) -> Result<(), Error> {
        let (limits, place) = (self.retention.limits, self.retention.place);
        if limits.keep_everything() || Instant::now() < self.retention.from {
            return Ok(());
        }
        let (pool, now) = (self.pool.clone(), self.time.now());
        let step = self.io_thread.wait_for(async move {
            let place = match place {
                Some(place) => place,
                None => retention::place(&pool, &limits).await?,
            };
            retention::step(&pool, &limits, now, place, Mode::Due).await
        })??;
        let retention = &mut self.retention;
        retention.place = Some(step.place);
        retention.untold.add(step.pruned);
        if step.is_end {
            retention.from = Instant::now() + ROUND_EVERY;
            retention.untold.tell();
        }
        Ok(())
    }

    /// Drops all old revisions that the limits let go, or with a dry run only counts them.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`]; what was dropped before stays dropped.
    pub fn prune_now(
        &mut self,
        limits: HistoryLimits,
        is_dry: bool,
    ) -> Result<HistoryPruned, Error> {
        let mode = if is_dry { Mode::Dry } else { Mode::Now };
        let (mut pruned, mut place) = (HistoryPruned::default(), 0);
        loop {
            let (pool, now) = (self.pool.clone(), self.time.now());
            let step = self.io_thread.wait_for(async move {
                retention::step(&pool, &limits, now, place, mode).await
            })??;
            pruned.add(step.pruned);
            place = step.place;
            if step.is_end {
                return Ok(pruned);
            }
        }
    }
}

/// Counts all old revisions that the limits let go, and changes nothing.
///
/// # Errors
///
/// The database cannot be used or read, or is of another version.
pub fn prunable(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    limits: HistoryLimits,
) -> Result<HistoryPruned, DatabaseError> {
    let counted = Maintenance::open(settings, clock)?.prune_now(limits, true);
    counted.map_err(|error| DatabaseError::Backend {
        place: settings.place(),
        reason: error.to_string(),
    })
}

/// Repeats a statement with this count and a limit, until it finds less than the limit; tells how
/// many rows it changed.
async fn in_batches(pool: &Pool, sql: &'static str, count: i64) -> Result<u64, Error> {
    let mut all = 0;
    loop {
        let rows = pool
            .read(
                Statement::Once(sql),
                &[(&count, Type::INT8), (&i64::from(EXPIRED_BATCH_MAX), Type::INT8)],
            )
            .await?;
        all += rows.len() as u64;
        if rows.len() < EXPIRED_BATCH_MAX as usize {
            return Ok(all);
        }
    }
}
