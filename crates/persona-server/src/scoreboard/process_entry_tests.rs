//! What becomes of the numbers of a process when its entry changes hands.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use persona_http::contract::OperationId;
use persona_model::Timestamp;
use persona_storage::Observer;

use super::super::{Measure, ProcessState, Scoreboard};

const START: Timestamp = Timestamp::from_micros(1_795_543_841_000_120);

#[test]
fn counters_go_on_and_gauges_start_again_when_an_entry_is_filled_again() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    let entry = scoreboard.entry(1, 1);
    entry.prepare(START);
    entry.taken_by(100);
    entry.connection_opened();
    entry.request_answered(Some(OperationId::GetHealth), 200, Duration::from_millis(1));
    entry.write_lock_waited(Duration::from_micros(7));
    entry.leave();
    assert_eq!((scoreboard.processes(), scoreboard.requests()), (vec![], 1));

    entry.prepare(START);
    assert_eq!(scoreboard.processes(), [], "no process has it yet");
    entry.taken_by(102);
    entry.restarted();
    let facts = scoreboard.processes().remove(0);
    assert_eq!((facts.slot, facts.pid, facts.started_at), (1, 102, START.as_micros()));
    assert_eq!((facts.restarts, facts.requests, facts.connections), (1, 1, 0));
    assert_eq!(scoreboard.distribution(Measure::WriteLockWait).quantile(0.5), Some(7));
}

#[test]
fn the_turnstile_lets_one_process_of_a_server_through_at_a_time() {
    let (ours, of_another) = (Scoreboard::create(), Scoreboard::create());
    let (ours, of_another) = (ours.expect("a scoreboard"), of_another.expect("a scoreboard"));
    let turnstile = |board: &Arc<Scoreboard>, slot| {
        File::open(board.entry(slot, slot.into()).turnstile()).expect("it can be opened again")
    };
    let (first, second) = (turnstile(&ours, 1), turnstile(&ours, 2));
    first.lock().expect("free");
    assert!(second.try_lock().is_err(), "two are through");
    turnstile(&of_another, 1).try_lock().expect("another server has its own");
    // As the end of a process does, at any moment.
    drop(first);
    second.try_lock().expect("free again");
}

#[test]
fn the_two_entries_of_a_slot_are_apart_and_counted_together() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    let (old, new) = (scoreboard.entry(2, 4), scoreboard.entry(2, 5));
    for (pid, entry) in [(10, &old), (11, &new)] {
        entry.prepare(START);
        entry.taken_by(pid);
    }
    old.connection_opened();
    for entry in [&old, &new] {
        entry.request_answered(Some(OperationId::Landing), 200, Duration::ZERO);
    }
    let facts: Vec<_> = scoreboard
        .processes()
        .iter()
        .map(|facts| (facts.pid, facts.requests, facts.connections))
        .collect();
    assert_eq!(facts, [(10, 2, 1), (11, 2, 0)]);
}

#[test]
fn only_serving_workers_count_for_the_fewest_connections() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    assert_eq!(scoreboard.fewest_connections(), None);
    let (maintenance, busy, idle) =
        (scoreboard.entry(0, 1), scoreboard.entry(1, 1), scoreboard.entry(2, 1));
    for (pid, entry) in [(1, &maintenance), (2, &busy), (3, &idle)] {
        entry.prepare(START);
        entry.taken_by(pid);
        entry.set_state(ProcessState::Serving);
    }
    busy.connection_opened();
    assert_eq!(scoreboard.fewest_connections(), Some(0));
    idle.set_state(ProcessState::Draining);
    assert_eq!(scoreboard.fewest_connections(), Some(1));
}
