//! The limit of idempotency keys, as this process sees it.
//!
//! Counting takes as long as there are keys, so it is done again only after this process has added
//! a part of what was left. Other processes add meanwhile: the limit is passed by a little, at most
//! by a thousandth for each of them. Ten million keys take about a second, so one write at a time
//! counts, and those beside it go on with what was found before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::row;

/// How long after the limit was reached keys are counted again.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Keys are counted again after this part of the remaining room was used.
const PART: u64 = 128;
/// The smallest number of keys between two counts, as a part of the limit.
const PART_OF_MAX: u64 = 1000;

/// The limit, and the result of the last count.
pub(super) struct Quota {
    max: u64,
    /// Keys that may be added before the next count.
    left: AtomicU64,
    /// When the limit was found to be reached.
    reached: Mutex<Option<Instant>>,
    /// Held by the write that counts.
    counting: tokio::sync::Mutex<()>,
}

impl Quota {
    pub(super) fn new(max: u64) -> Self {
        Self {
            max,
            left: AtomicU64::new(0),
            reached: Mutex::default(),
            counting: tokio::sync::Mutex::default(),
        }
    }

    /// Keys that may be kept.
    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// Whether one more key can be kept; counts it as added.
    pub(super) async fn has_room(&self, connection: &Connection) -> Result<bool, DriverError> {
        let taken =
            self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if taken.is_ok() {
            return Ok(true);
        }
        let reached = *self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if self.max >= PART_OF_MAX && reached.is_some_and(|at| at.elapsed() < COUNT_AGAIN_AFTER) {
            return Ok(false);
        }
        let Ok(_counting) = self.counting.try_lock() else { return Ok(reached.is_none()) };
        let sql = "SELECT count(*) FROM (SELECT FROM persona_store.idempotency LIMIT $1) AS kept";
        let rows =
            connection.rows(Statement::Kept(sql), &[(&row::stored(self.max), Type::INT8)]).await?;
        let kept = rows.first().map_or(0, |found| found.get::<_, i64>(0).unsigned_abs());
        let left = self.max.saturating_sub(kept);
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) =
            (left == 0).then(Instant::now);
        // One of the keys that may be added is this key.
        self.left.store(
            (left / PART).max(self.max / PART_OF_MAX).min(left).saturating_sub(1),
            Ordering::Release,
        );
        Ok(left > 0)
    }
}
