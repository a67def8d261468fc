//! How long the server waits for a client: a stock of time that waiting uses up and progress
//! refills.
//!
//! One rule for both directions. A body that comes in and an answer that goes out must move at a
//! minimum rate; a pause is taken from the stock. Only time spent waiting for the client counts, so
//! that a busy worker never ends a connection because of its own delay.

use std::time::Duration;

/// Minimum rate of a body or an answer, in bytes a second, over any time that is longer than the
/// stock. A bad mobile connection (EDGE) is faster; 8 MiB take at most nine minutes.
pub const BYTES_PER_SECOND_MIN: u32 = 16 * 1024;

/// The time that the server still waits for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    left: Duration,
    most: Duration,
}

impl Patience {
    /// A full stock of `most`: also the longest single pause.
    pub const fn new(most: Duration) -> Self {
        Self { left: most, most }
    }

    /// How long the next wait may last.
    pub const fn left(self) -> Duration {
        self.left
    }

    /// Takes a wait from the stock. A wait longer than allowed was not ended in time because this
    /// process itself was delayed, so nothing is taken for it.
    pub fn waited(&mut self, time: Duration) {
        self.left = self.left.checked_sub(time).unwrap_or(self.left);
    }

    /// Refills the stock for bytes that moved: each byte adds the time that it takes at the minimum
    /// rate.
    pub fn progressed(&mut self, bytes: usize) {
        if self.left < self.most {
            let nanos = bytes as u64 * 1_000_000_000 / u64::from(BYTES_PER_SECOND_MIN);
            self.left = self.most.min(self.left + Duration::from_nanos(nanos));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BYTES_PER_SECOND_MIN, Patience};

    const MOST: Duration = Duration::from_secs(5);

    /// The seconds after which a client that sends this much once in each `pause` is given up.
    fn given_up_after(bytes: usize, pause: Duration) -> Option<u64> {
        let mut patience = Patience::new(MOST);
        let mut elapsed = Duration::ZERO;
        while elapsed < Duration::from_hours(1) {
            if pause > patience.left() {
                return Some((elapsed + patience.left()).as_secs());
            }
            elapsed += pause;
            patience.waited(pause);
            patience.progressed(bytes);
        }
        None
    }

    #[test]
    fn a_client_below_the_least_rate_is_given_up_and_one_at_it_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(given_up_after(BYTES_PER_SECOND_MIN as usize, second), None);
        assert_eq!(given_up_after(BYTES_PER_SECOND_MIN as usize * 4, second * 4), None);
        assert_eq!(given_up_after(1, second), Some(5));
        assert_eq!(given_up_after(BYTES_PER_SECOND_MIN as usize / 2, second), Some(9));
        assert_eq!(given_up_after(usize::MAX / 2_000_000_000, second * 6), Some(5));
    }

    #[test]
    fn a_fast_start_buys_no_longer_pause() {
        let mut patience = Patience::new(MOST);
        patience.progressed(1 << 30);
        assert_eq!(patience.left(), MOST);
    }
}
