//! Tests of budgets with simulated time: exactly the limit, however many clients there are, and one
//! limit for all processes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use proptest::prelude::*;

use super::{Budget, CELL_WORDS, Cells, Party, Rate, WAYS, cell_of, step};
use crate::scoreboard::Scoreboard;

const SECOND: u64 = 1_000_000_000;
/// When the tests begin: the machine has run for a day.
const START: u64 = 86_400 * SECOND;

fn rate(per_second: u32, burst: u32) -> Rate {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    Rate { per_second: number(per_second), burst: number(burst) }
}

fn client(number: u32) -> Party {
    Party::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

/// The words of this many sets.
fn words(sets: usize) -> Vec<AtomicU64> {
    (0..sets * WAYS * CELL_WORDS).map(|_| AtomicU64::new(0)).collect()
}

/// How many of `requests` requests at the same moment are within the budget.
fn within(cells: Cells<'_>, party: Party, rate: Rate, now: u64, requests: u32) -> u32 {
    let asked = (0..requests).map(|_| cells.take(party, Budget::Reads, rate, now));
    u32::try_from(asked.filter(|taken| taken.is_within).count()).expect("few")
}

#[test]
fn a_burst_is_within_the_budget_and_the_next_request_when_it_was_told_to_come() {
    let words = words(1);
    let (cells, rate) = (Cells { words: &words, secret: 7 }, rate(3, 5));
    let take = |now| cells.take(client(1), Budget::Reads, rate, now);
    let left: Vec<u32> = (0..5).map(|_| take(START).remaining).collect();
    assert_eq!(left, [4, 3, 2, 1, 0]);
    let refused = take(START);
    assert!(!refused.is_within && refused.remaining == 0, "{refused:?}");
    let wait = u64::try_from(refused.retry_after.as_nanos()).expect("short");
    assert_eq!(wait, SECOND / 3);
    assert!(!take(START + wait - 1).is_within);
    assert!(take(START + wait).is_within);
    assert!(!take(START + wait).is_within);
    // Writes have a separate budget, and so has another client.
    assert!(cells.take(client(1), Budget::Writes, rate, START).is_within);
    assert!(cells.take(client(2), Budget::Reads, rate, START).is_within);
    // After the time of a complete refill, the budget is full.
    let full =
        START + wait + u64::try_from(take(START + wait).full_after.as_nanos()).expect("short");
    assert_eq!(within(cells, client(1), rate, full, 10), 5);
}

#[test]
fn a_debt_of_earlier_settings_is_not_longer_than_a_budget_of_these() {
    let (old, new) = (rate(1, 1_000), rate(10, 10));
    let mut full_at = 0;
    for _ in 0..1_000 {
        full_at = step(full_at, START, old).0;
    }
    let (full_at, refused) = step(full_at, START, new);
    assert!(!refused.is_within);
    let wait = u64::try_from(refused.retry_after.as_nanos()).expect("short");
    assert!(step(full_at, START + wait, new).1.is_within);
}

#[test]
fn a_client_begins_anew_after_its_cell_was_given_up_and_no_other_client_pays_for_it() {
    let words = words(1);
    let (cells, rate) = (Cells { words: &words, secret: 7 }, rate(1, 10));
    // All cells of the set are in use, each client a little deeper in debt than the one before.
    for number in 1..=u32::try_from(WAYS).expect("few") {
        assert_eq!(within(cells, client(number), rate, START, number), number);
    }
    assert!(cells.take(client(100), Budget::Reads, rate, START).is_within);
    // The one with the smallest debt was given up; the others are unchanged.
    for number in 2..=u32::try_from(WAYS).expect("few") {
        assert_eq!(within(cells, client(number), rate, START, 20), 10 - number, "{number}");
    }
}

#[test]
fn a_client_that_finds_no_cell_is_counted_for_no_other_client() {
    let words = words(1);
    let (cells, _) = words.as_chunks::<CELL_WORDS>();
    // Another process is always faster, each time with another client.
    let next = AtomicU64::new(100);
    let faster = |cell: &[AtomicU64; CELL_WORDS]| {
        cell[0].store(next.fetch_add(1, Relaxed), Relaxed);
        cell[1].store(START, Relaxed);
    };
    assert!(cell_of(cells, 7, START, faster).is_none());
    let own = cell_of(cells, 7, START, |_| {}).expect("a cell");
    assert_eq!(own[0].load(Relaxed), 7);
}

#[test]
fn all_processes_have_one_limit() {
    let first = Scoreboard::create().expect("memory");
    let same = Scoreboard::attach(first.fd().try_clone_to_owned().expect("a descriptor"));
    let (same, other) = (same.expect("the same memory"), Scoreboard::create().expect("memory"));
    let admitted = |scoreboards: [&Scoreboard; 2]| -> u32 {
        let of = |scoreboard: &Scoreboard| {
            let (words, secret) = scoreboard.rate_words();
            within(Cells { words, secret }, client(9), rate(1, 50), START, 100)
        };
        scoreboards.map(of).iter().sum()
    };
    assert_eq!(admitted([&first, &same]), 50);
    // The control: each process has separate cells.
    let separate = Scoreboard::create().expect("memory");
    assert_eq!(admitted([&separate, &other]), 100);
}

#[test]
fn requests_at_the_same_moment_in_several_threads_are_all_counted() {
    let words = Arc::new(words(1));
    let threads = (0..4).map(|_| {
        let words = Arc::clone(&words);
        thread::spawn(move || {
            let cells = Cells { words: &words, secret: 7 };
            within(cells, client(1), rate(1, 1_000), START, 1_000)
        })
    });
    let threads: Vec<_> = threads.collect();
    let admitted: u32 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(admitted, 1_000);
}

proptest! {
    #[test]
    fn no_time_has_more_requests_than_the_limit(
        per_second in 1u32..50,
        burst in 1u32..20,
        gaps in prop::collection::vec(0u64..200_000_000, 1..120),
    ) {
        let words = words(1);
        let (cells, rate) = (Cells { words: &words, secret: 7 }, rate(per_second, burst));
        let (mut now, mut admitted) = (START, Vec::new());
        for gap in gaps {
            now += gap;
            if cells.take(client(1), Budget::Reads, rate, now).is_within {
                admitted.push(now);
            }
        }
        let unit = SECOND / u64::from(per_second);
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let most = u64::from(burst) + (to - from) / unit;
                prop_assert!((last - first + 1) as u64 <= most, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_client_within_its_limit_is_never_refused_whatever_others_do(
        secret in any::<u64>(),
        others in prop::collection::vec((0u32..40, 0u64..300_000_000), 1..400),
    ) {
        // One set for all: far more clients than cells.
        let words = words(1);
        let (cells, rate) = (Cells { words: &words, secret }, rate(5, 3));
        let unit = SECOND / 5;
        let mut last: HashMap<u32, u64> = HashMap::new();
        let mut now = START;
        for (number, gap) in others {
            now += gap / 40;
            // Clients of even numbers keep their pace; those of odd ones ask as they like.
            let keeps_pace = number % 2 == 0;
            if keeps_pace && last.get(&number).is_some_and(|before| now - before < unit) {
                continue;
            }
            last.insert(number, now);
            let taken = cells.take(client(number), Budget::Reads, rate, now);
            prop_assert!(taken.is_within || !keeps_pace, "client {number}");
        }
    }
}
