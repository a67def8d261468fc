//! How fast one client may begin encrypted connections: each costs a signature, about a
//! millisecond of a core with a key of RSA, before the client has shown anything of itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Millis;

/// Milliseconds that one client pays for each handshake: 100 in a second, at most a tenth of a
/// core.
const EACH_MS: u64 = 10;

/// Handshakes that a client may have at once before it waits for the next: as many as a second has.
const BURST_MS: u64 = 1_000;

/// Clients that are remembered before those are forgotten that owe nothing.
const CLIENTS_MAX: usize = 4_096;

/// The pace of each client in this worker (a leaky bucket, known as GCRA: ITU-T I.371).
pub(super) struct Pace {
    clock: Millis,
    /// Until when each client has used its pace up, in milliseconds of the clock.
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
