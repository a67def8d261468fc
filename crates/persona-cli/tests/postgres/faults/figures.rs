//! The figures of the connections to the database: how many are in use, how many reads wait for
//! one, and how many were given up without an answer.

use std::thread;

use crate::common::{DEADLINE, Server, wait_for};
use crate::faults::bench::Bench;
use persona_test_support::wire::{Fault, Sender, Trap};

/// Reads of each client while the connection is silent. Together the reads of the client without a
/// connection wait longer than the silent one is waited for.
const READS: u64 = 3;

/// A figure of the connections of the one worker.
fn figure(server: &Server, what: &str) -> u64 {
    server.metric(&format!("persona_database_connections_{what}{{slot=\"1\"}}"))
}

/// Waits until so many connections are in use and idle, and a read waits for one or not.
///
/// How many reads wait is not told apart: the look for a token that each request begins with is a
/// read of its own from time to time.
#[track_caller]
fn wait_for_figures(server: &Server, in_use: u64, idle: u64, waits: bool) {
    wait_for(&format!("{in_use} in use, {idle} idle, waiting: {waits}"), DEADLINE, || {
        let found = ["in_use", "idle", "waiting"].map(|what| figure(server, what));
        // Two clients and one look for a token beside them, of which one has the connection.
        let expected = if waits { 1..=2 } else { 0..=0 };
        (found[..2] == [in_use, idle] && expected.contains(&found[2])).then_some(())
    });
}

#[test]
fn connections_that_are_used_idle_waited_for_and_abandoned_are_told_for_each_worker() {
    // The metrics need no token, so they do not wait for a connection to look for one.
    let Bench { wire, server, path, .. } =
        Bench::start("&statement_timeout=8", &["--open-monitoring"]);
    wait_for_figures(&server, 0, 1, false);
    assert_eq!((figure(&server, "max"), figure(&server, "abandoned")), (1, 0));
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of("persona worker"));
    thread::scope(|scope| {
        for _ in 0..2 {
            // One read holds the silent connection until it is given up. The other one waits for a
            // connection for less time than that, so each asks more than once.
            scope.spawn(|| {
                for _ in 0..READS {
                    server.connect().get(&path).expect("an answer");
                }
            });
        }
        wait_for_figures(&server, 1, 0, true);
    });
    // The silent connection was given up, and another one served the last reads.
    assert_eq!((wire.disarm(), figure(&server, "abandoned")), (1, 1));
    wait_for_figures(&server, 0, 1, false);
    wire.cut_all();
    wait_for("nothing abandoned", DEADLINE, || (figure(&server, "abandoned") == 0).then_some(()));
    wait_for_figures(&server, 0, 0, false);
    // The write and all reads waited, and one read waited as long as the other had the connection.
    assert!(server.metric("persona_database_connection_wait_seconds_count") > 2 * READS);
    let seconds = |bound: &str| {
        server.metric(&format!("persona_database_connection_wait_seconds_bucket{{le=\"{bound}\"}}"))
    };
    assert!(seconds("1") < seconds("+Inf"), "{} of {}", seconds("1"), seconds("+Inf"));
}
