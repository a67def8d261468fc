//! The only place that reads the time of day, and the monotonic clock that all processes share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use persona_model::{Clock, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Microseconds since the machine started: one clock for all processes, which cannot be set.
pub fn monotonic_micros() -> u64 {
    monotonic_nanos() / 1000
}

/// Nanoseconds since the machine started. 64 bits last for 584 years.
pub fn monotonic_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u64::try_from(now.tv_nsec).unwrap_or_default(),
    );
    seconds * 1_000_000_000 + nanos
}

/// A clock in milliseconds: [`coarse_millis`], or the clock of a test.
pub type Millis = fn() -> u64;

/// Milliseconds since the machine started, as of the last tick of the kernel: up to a few
/// milliseconds late, but much cheaper to read.
pub fn coarse_millis() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u64::try_from(now.tv_nsec).unwrap_or_default(),
    );
    seconds * 1_000 + nanos / 1_000_000
}

/// The time of day of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or_default(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }
}
