//! A server that takes connections and says nothing more: every wait has a limit.

use std::net::TcpListener;

use crate::common::Server;
use crate::common::cluster::Cluster;
use crate::common::cluster::wire::{Fault, Sender, Trap, Wire};
use crate::ledger::{Asked, Ledger, Told, path_in};

/// What only connections of workers say at their start.
const WORKER: &str = "persona worker";

#[test]
fn a_connection_that_falls_silent_is_given_up_and_the_request_is_served_by_another_one() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let wire = Wire::to(cluster.port());
    let url = format!("{}?pool_max=1&statement_timeout=1", wire.url(&database));
    let server = Server::with_workers(1).flag(format!("--database={url}")).start();
    let (mut client, mut ledger) = (server.connect(), Ledger::default());
    let path = path_in(&ledger.ask(&mut client, Asked::create("first")));
    wire.arm(Trap::at(Sender::Client, b'B', Fault::Silence).of(WORKER));
    assert_eq!(client.get(&path).expect("an answer").status, 200);
    assert_eq!(wire.disarm(), 1);
    // The statement is done, and its answer never comes.
    wire.arm(Trap::at(Sender::Server, b'2', Fault::Silence).of("unanswered"));
    let told = ledger.ask(&mut client, Asked::patch(&path, "unanswered").with_key(false));
    assert!(matches!(told, Told::Kept(_)), "{told:?}");
    assert_eq!(wire.disarm(), 1);
    ledger.compare(cluster, &database);
}

#[test]
fn where_everything_is_silent_requests_end_with_a_503() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let wire = Wire::to(cluster.port());
    let url = format!("{}?pool_max=1&statement_timeout=1&connect_timeout=1", wire.url(&database));
    let server = Server::with_workers(1).flag(format!("--database={url}")).flag("--busy-timeout-ms=1000").start();
    let (mut client, mut ledger) = (server.connect(), Ledger::default());
    let path = path_in(&ledger.ask(&mut client, Asked::create("first")));
    // Silent from the statement on that changes something, on every connection.
    wire.arm(Trap::at(Sender::Client, b'B', Fault::Silence).of("silent").lasting());
    // The key is in the first statement already, so nothing was sent that changes anything.
    assert_eq!(ledger.ask(&mut client, Asked::patch(&path, "silent")), Told::Refused("busy".into()));
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of(WORKER).lasting());
    let reply = client.get(&path).expect("an answer");
    assert_eq!((reply.status, Told::by(&reply)), (503, Told::Refused("database_unreachable".into())));
    wire.disarm();
    wire.cut_all();
    assert!(matches!(ledger.ask(&mut client, Asked::patch(&path, "afterwards")), Told::Kept(_)));
    ledger.compare(cluster, &database);
}

#[test]
fn a_silent_host_does_not_hold_up_the_others() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    // The system accepts for it, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", silent.local_addr().expect("bound").port(), cluster.port());
    let server = Server::with_workers(1).flag(format!("--database=postgres://postgres@{hosts}/{database}")).start();
    let mut ledger = Ledger::default();
    assert!(matches!(ledger.ask(&mut server.connect(), Asked::create("first")), Told::Kept(_)));
}
