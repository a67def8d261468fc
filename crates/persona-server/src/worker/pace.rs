//! Limits how fast one client may begin TLS connections: each costs a signature, about a
//! millisecond of a core with an RSA key, before the client has proved anything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Millis;

/// Milliseconds between two handshakes of one client: 100 handshakes a second take at most a tenth
/// of a core.
const EACH_MS: u64 = 10;

/// Handshakes that a client may make at once, as the milliseconds that they count for: those of one
/// second.
const BURST_MS: u64 = 1_000;

/// Number of remembered clients from which on clients with nothing to wait for are forgotten.
const CLIENTS_MAX: usize = 4_096;

/// The pace of each client in this worker (a leaky bucket, known as GCRA: ITU-T I.371).
pub(super) struct Pace {
    clock: Millis,
    /// For each client, the time up to which its handshakes have used up the allowed pace, in
    /// milliseconds of the clock.
    used_up_to: Mutex<HashMap<IpAddr, u64>>,
}

impl Pace {
    pub fn new(clock: Millis) -> Self {
        Self { clock, used_up_to: Mutex::default() }
    }

    /// Counts a handshake of this client, and returns how long it has to wait for it.
    pub fn count(&self, client: IpAddr) -> Duration {
        let now = (self.clock)();
        let mut clients = self.used_up_to.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX {
            clients.retain(|_, used_up_to| *used_up_to > now);
        }
        let used_up_to = clients.entry(client).or_insert(now);
        *used_up_to = (*used_up_to).max(now) + EACH_MS;
        Duration::from_millis(used_up_to.saturating_sub(now + BURST_MS))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{BURST_MS, EACH_MS, Pace};

    thread_local!(static NOW: Cell<u64> = const { Cell::new(1_000) });

    #[test]
    fn a_client_that_begins_too_many_waits_and_no_other_client_does() {
        let pace = Pace::new(|| NOW.get());
        let (greedy, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        for _ in 0..BURST_MS / EACH_MS {
            assert_eq!(pace.count(greedy), Duration::ZERO);
        }
        assert_eq!(pace.count(greedy), Duration::from_millis(EACH_MS));
        assert_eq!(pace.count(greedy), Duration::from_millis(2 * EACH_MS));
        assert_eq!(pace.count(other), Duration::ZERO);
        NOW.set(NOW.get() + 3 * EACH_MS);
        assert_eq!(pace.count(greedy), Duration::ZERO, "it has paid for the two that waited");
        assert_eq!(pace.count(greedy), Duration::from_millis(EACH_MS));
    }
}
