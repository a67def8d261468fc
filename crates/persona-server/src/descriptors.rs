//! The limit of open descriptors of a process, and the number of connections that it allows.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Descriptors that a process should be able to open: each connection takes one, and most systems
/// allow only 1,024 unless a program asks for more.
pub const DESCRIPTORS_WANTED: u64 = 4096;

/// Connections that a worker takes beyond the ordinary places, for one request each: several health
/// checks at a time, and requests that wait for an ordinary place or are refused.
pub const RESERVE: usize = 64;

/// Most connections that were told to make an ordinary place free and have not closed yet, so that
/// descriptors have a bound. Leaving connections of the reserve are counted separately, at most as
/// many as the reserve has places, so that a client that is refused again and again takes no room
/// from clients that have a place.
pub const LEAVING_MAX: usize = 64;

/// Most descriptors that connections of a worker need beyond the ordinary places: connections of
/// the reserve, connections that were told to leave an ordinary place or one of the reserve, and
/// one connection that each thread is just accepting.
const BEYOND_PLACES: u64 = (2 * RESERVE + LEAVING_MAX) as u64;

/// Descriptors of a process apart from connections: its log, the scoreboard, the write lock, the
/// writer, the pools of reads and exports, or of PostgreSQL. A worker of two threads on a file has
/// about 50.
const OF_PROCESS: u64 = 64;

/// Descriptors of each serving thread: its runtime, the listener, its connection to the database
/// with the WAL.
const OF_THREAD: u64 = 8;

/// Fewest places; the setting `connections_max` has the same minimum.
const PLACES_MIN: u64 = 8;

/// Raises the soft limit of descriptors up to the hard limit; children inherit it. If that is not
/// enough, workers get fewer places for connections: without a free descriptor a connection cannot
/// be accepted and waits for ever, but without a free place another connection makes room.
pub fn raise_limit(config: &mut Config) {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else { return };
    let mut allowed = current;
    if current < DESCRIPTORS_WANTED {
        let wanted =
            limit.maximum.map_or(DESCRIPTORS_WANTED, |maximum| maximum.min(DESCRIPTORS_WANTED));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).is_ok() {
            allowed = wanted;
        }
    }
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let places = places_within(allowed, threads).min(config.connections_max);
    if places < config.connections_max {
        tracing::warn!(
            allowed,
            wanted = DESCRIPTORS_WANTED,
            connections_max = places,
            chosen = config.connections_max,
            "only {allowed} open files are allowed, so each worker takes {places} connections \
             instead of {}; see ulimit -n",
            config.connections_max
        );
        config.connections_max = places;
    }
}

/// Number of places that a process with this many descriptors and threads can fill.
fn places_within(descriptors: u64, threads: u64) -> usize {
    let others = BEYOND_PLACES + OF_PROCESS + OF_THREAD * threads;
    usize::try_from(descriptors.saturating_sub(others).max(PLACES_MIN)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{DESCRIPTORS_WANTED, PLACES_MIN, places_within};

    /// Largest value of the setting `connections_max`.
    const CONNECTIONS_MAX: u64 = 3_072;

    #[test]
    fn places_leave_descriptors_for_everything_else() {
        assert_eq!(places_within(1_024, 2), 752);
        assert_eq!(places_within(256, 2) as u64, PLACES_MIN);
        assert!(
            places_within(DESCRIPTORS_WANTED, 64) as u64 >= CONNECTIONS_MAX,
            "what can be chosen is had where 4,096 are allowed"
        );
    }
}
