//! How evenly connections are spread over the workers.

use crate::common::{Client, DEADLINE, Server, wait_for};

/// Connections of the test: 16 for each worker if they are spread evenly.
const CONNECTIONS: u64 = 64;

#[test]
fn kept_connections_are_spread_evenly_over_the_workers() {
    let server = Server::with_workers(4).start();
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/healthz").expect("an answer").status, 200);
    }
    let open = || {
        (1..=4)
            .map(|slot| server.metric(&format!("persona_connections_open{{slot=\"{slot}\"}}")))
            .collect::<Vec<_>>()
    };
    // Asking takes a connection itself, so the sum may be one more.
    let spread = wait_for("all connections", DEADLINE, || {
        Some(open()).filter(|it| (CONNECTIONS..CONNECTIONS + 8).contains(&it.iter().sum()))
    });
    println!("connections by worker: {spread:?}");
    assert!(spread.iter().all(|it| (12..=20).contains(it)), "{spread:?}");
}
