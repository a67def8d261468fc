//! The figures of the connections to the database: how many are in use, how many requests wait for
//! one, and how many were given up without an answer.

use std::thread;

use crate::common::{DEADLINE, Server, wait_for};
use crate::faults::bench::Bench;
use persona_test_support::wire::{Fault, Sender, Trap};

/// A figure of the connections of the one worker.
fn figure(server: &Server, what: &str) -> u64 {
    server.metric(&format!("persona_database_connections_{what}{{slot=\"1\"}}"))
}

/// Waits until these are the figures: used, idle, and waited for.
#[track_caller]
fn wait_for_figures(server: &Server, figures: [u64; 3]) {
    let what = ["in_use", "idle", "waiting"];
    wait_for(&format!("{what:?} of {figures:?}"), DEADLINE, || {
        (what.map(|name| figure(server, name)) == figures).then_some(())
    });
}

#[test]
fn connections_that_are_used_idle_waited_for_and_abandoned_are_told_for_each_worker() {
    // The silent connection is given up after this time: on a machine with much else to do the
    // figures have to be asked for before.
    let Bench { wire, server, path, .. } = Bench::start("&statement_timeout=8", &[]);
    wait_for_figures(&server, [0, 1, 0]);
    assert_eq!((figure(&server, "max"), figure(&server, "abandoned")), (1, 0));
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of("persona worker"));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| server.connect().get(&path).expect("an answer"));
        }
        wait_for_figures(&server, [1, 0, 1]);
    });
    // The silent connection was given up, and another one served both requests.
    assert_eq!((wire.disarm(), figure(&server, "abandoned")), (1, 1));
    wait_for_figures(&server, [0, 1, 0]);
    wire.cut_all();
    wait_for("nothing abandoned", DEADLINE, || (figure(&server, "abandoned") == 0).then_some(()));
    wait_for_figures(&server, [0, 0, 0]);
    // At least the write and both reads waited, and one read waited as long as the other had the
    // connection.
    assert!(server.metric("persona_database_connection_wait_seconds_count") >= 3);
    let seconds = |bound: &str| {
        server.metric(&format!("persona_database_connection_wait_seconds_bucket{{le=\"{bound}\"}}"))
    };
    assert!(seconds("1") < seconds("+Inf"), "{} of {}", seconds("1"), seconds("+Inf"));
}
