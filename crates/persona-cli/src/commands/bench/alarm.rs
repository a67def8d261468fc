//! Waits for a moment, to the microsecond.
//!
//! The runtime's own timer counts in milliseconds, which would add up to one millisecond to every
//! latency. A timer of the kernel is exact to the microsecond (timerfd_create(2)).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel.
pub(super) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Makes a timer that is not running.
    pub(super) fn new() -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        #[expect(
            deprecated,
            reason = "its danger are types that change their descriptor, which an owned one does \
                      not; the new way is unsafe"
        )]
        let timer = AsyncFd::new(timer)?;
        Ok(Self { timer })
    }

    /// Waits until a moment; returns at once if it has passed.
    pub(super) async fn wait_until(&self, moment: Instant) -> io::Result<()> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        timerfd_settime(
            self.timer.get_ref(),
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: zero, it_value: left },
        )?;
        loop {
            let mut ready = self.timer.readable().await?;
            // The read returns how often the timer has expired, and blocks before the first time.
            let mut rung = [0; size_of::<u64>()];
            if ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut rung)?)).is_ok() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Alarm;

    #[tokio::test]
    async fn it_never_rings_early_and_can_be_used_again() {
        let alarm = Alarm::new().expect("a timer");
        for micros in [300, 0, 700] {
            let moment = Instant::now() + Duration::from_micros(micros);
            alarm.wait_until(moment).await.expect("it rings");
            assert!(Instant::now() >= moment);
        }
    }
}
