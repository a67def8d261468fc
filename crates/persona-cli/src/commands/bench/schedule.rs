//! The schedule of requests, fixed before the run begins and shared by all connections.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The requests of a run. A free connection takes the next one, so a slow answer does not delay
/// other requests.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    rate: u64,
    total: u64,
    write_percent: u64,
    next: AtomicU64,
}

/// One request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    /// The number of the request, from 0.
    pub number: u64,
    /// When the request is due.
    pub due: Instant,
    /// Whether the request changes a persona.
    pub writes: bool,
    /// A number that looks random, and is the same in every run.
    pub dice: u64,
}

impl Schedule {
    /// Makes a schedule of `rate` requests a second for this many seconds.
    pub(super) fn new(start: Instant, rate: u32, seconds: u32, write_percent: u8) -> Self {
        let (rate, total) = (u64::from(rate), u64::from(rate) * u64::from(seconds));
        Self { start, rate, total, write_percent: write_percent.into(), next: AtomicU64::new(0) }
    }

    /// How many requests there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The next request that no connection has taken; `None` after the last.
    pub(super) fn take(&self) -> Option<Ticket> {
        let number = self.next.fetch_add(1, Relaxed);
        (number < self.total).then(|| self.ticket(number))
    }

    fn ticket(&self, number: u64) -> Ticket {
        let (seconds, rest) = (number / self.rate, number % self.rate);
        let due = self.start
            + Duration::from_secs(seconds)
            + Duration::from_nanos(rest * 1_000_000_000 / self.rate);
        let dice = mixed(number);
        Ticket { number, due, writes: dice % 100 < self.write_percent, dice: dice / 100 }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Schedule;

    #[test]
    fn requests_are_due_evenly_and_end_with_the_time() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 3, 2, 50);
        let mut tickets = Vec::new();
        while let Some(ticket) = schedule.take() {
            tickets.push(ticket);
        }
        let due: Vec<Duration> = tickets.iter().map(|ticket| ticket.due - start).collect();
        let nanos = [0, 333_333_333, 666_666_666, 1_000_000_000, 1_333_333_333, 1_666_666_666];
        assert_eq!(due, nanos.map(Duration::from_nanos));
        assert_eq!(schedule.total(), 6);
    }

    #[test]
    fn the_share_of_writes_is_kept() {
        let start = Instant::now();
        for (percent, expected) in [(0, 0..=0), (30, 2_800..=3_200), (100, 10_000..=10_000)] {
            let schedule = Schedule::new(start, 10_000, 1, percent);
            let writes = (0..10_000).filter(|number| schedule.ticket(*number).writes).count();
            assert!(expected.contains(&writes), "{percent} %: {writes}");
        }
    }
}
