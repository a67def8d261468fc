//! The limit of restarts that clients ask for: one for all workers of the server.
//!
//! Each restart costs every client its connection, and a file its caches. Without a limit a client
//! that asks again and again keeps the workers from ever having either.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{Scoreboard, layout};

/// Shortest time between two restarts that clients ask for: a few times what a worker needs to be
/// ready.
pub const RESTART_PAUSE: Duration = Duration::from_secs(10);

/// Why the workers are not replaced now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRestart {
    /// The workers are being replaced.
    UnderWay,
    /// The workers were replaced at the request of a client so short a time ago that a next one has
    /// to wait this long.
    TooSoon(Duration),
}

impl Scoreboard {
    /// Notes whether the supervisor is replacing the workers.
    pub fn set_restarting(&self, is_restarting: bool) {
        self.cells()[layout::RESTARTING].store(is_restarting.into(), Relaxed);
    }

    /// Takes the right to have the workers replaced, at this time in microseconds since the machine
    /// started. Of several processes that ask at once one gets it.
    ///
    /// # Errors
    ///
    /// See [`NoRestart`].
    pub fn claim_restart(&self, now: u64) -> Result<(), NoRestart> {
        if self.cells()[layout::RESTARTING].load(Relaxed) != 0 {
            return Err(NoRestart::UnderWay);
        }
        let asked = &self.cells()[layout::RESTART_ASKED];
        let last = asked.load(Relaxed);
        let wait = RESTART_PAUSE.saturating_sub(Duration::from_micros(now.saturating_sub(last)));
        if last != 0 && !wait.is_zero() {
            return Err(NoRestart::TooSoon(wait));
        }
        let claimed = asked.compare_exchange(last, now.max(1), Relaxed, Relaxed);
        claimed.map(drop).map_err(|_| NoRestart::TooSoon(RESTART_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NoRestart, RESTART_PAUSE};
    use crate::scoreboard::Scoreboard;

    #[test]
    fn a_restart_is_asked_for_once_in_a_while_and_not_while_one_is_under_way() {
        let scoreboard = Scoreboard::create().expect("memory");
        let pause = u64::try_from(RESTART_PAUSE.as_micros()).expect("a short time");
        let too_soon = |micros| Err(NoRestart::TooSoon(Duration::from_micros(micros)));
        assert_eq!(scoreboard.claim_restart(5), Ok(()));
        assert_eq!(scoreboard.claim_restart(5), too_soon(pause));
        assert_eq!(scoreboard.claim_restart(pause), too_soon(5));
        assert_eq!(scoreboard.claim_restart(4), too_soon(pause), "a clock that went back");
        scoreboard.set_restarting(true);
        assert_eq!(scoreboard.claim_restart(pause + 5), Err(NoRestart::UnderWay));
        scoreboard.set_restarting(false);
        assert_eq!(scoreboard.claim_restart(pause + 5), Ok(()));
    }
}
