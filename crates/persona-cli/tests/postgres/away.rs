//! A database that goes away and comes back while a server runs on it.

use rustix::process::Signal;

use crate::common::personas::create;
use crate::common::{DEADLINE, Server, signal, wait_for};
use persona_test_support::Cluster;

#[test]
fn while_the_database_is_away_requests_are_told_to_come_again_and_afterwards_all_goes_on() {
    let cluster = Cluster::start(&[]);
    let server = Server::with_workers(2)
        .flag(format!("--database={}", cluster.url(&cluster.database())))
        .start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    cluster.stop();
    for asked in [path.as_str(), "/api/v1/personas", "/readyz"] {
        let reply = client.get(asked).expect("an answer");
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (503, Some("1")),
            "{asked}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        let text = String::from_utf8_lossy(&reply.body).to_lowercase();
        assert!(text.contains("database_unreachable"), "{asked}: {text}");
    }
    assert_eq!(client.get("/healthz").expect("an answer").status, 200, "the process itself lives");
    // A worker that is replaced meanwhile starts all the same, and serves as soon as the database
    // is back.
    let before = server.processes("worker");
    assert!(signal(before[0].pid, Signal::KILL), "it lives");
    wait_for("a new worker", DEADLINE, || {
        let now = server.processes("worker");
        (now.len() == 2 && now.iter().all(|process| process.pid != before[0].pid)).then_some(())
    });
    cluster.start_again();
    wait_for("readiness by itself", DEADLINE, || {
        let mut client = server.connect();
        (client.get("/readyz").ok()?.status == 200 && client.get(&path).ok()?.status == 200)
            .then_some(())
    });
    create(&mut server.connect(), "Bea");
}
