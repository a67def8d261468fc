//! How connections are spread over the workers.

use crate::common::{Client, DEADLINE, Server, wait_for};

/// Connections of the test: 16 for each worker if they are spread evenly.
const CONNECTIONS: u64 = 64;

/// Connections that each worker has at least. A worker that has more connections than another one
/// lets the others go first, for a millisecond. On a busy machine that is not always long enough,
/// so an even spread cannot be asked for.
const LEAST: u64 = 6;

#[test]
fn kept_connections_are_spread_over_all_workers() {
    let server = Server::with_workers(4).start();
    // One after the other: a connection is with its worker before the next one is made.
    let _clients: Vec<Client> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = server.connect();
            assert_eq!(client.get("/healthz").expect("an answer").status, 200);
            client
        })
        .collect();
    let open = || {
        (1..=4)
            .map(|slot| server.metric(&format!("persona_connections_open{{slot=\"{slot}\"}}")))
            .collect::<Vec<_>>()
    };
    // Asking takes a connection itself, so the sum may be one more.
    let spread = wait_for("all connections", DEADLINE, || {
        Some(open()).filter(|counts| (CONNECTIONS..CONNECTIONS + 8).contains(&counts.iter().sum()))
    });
    println!("connections by worker: {spread:?}");
    assert!(spread.iter().all(|connections| *connections >= LEAST), "{spread:?}");
}
