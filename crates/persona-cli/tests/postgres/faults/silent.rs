//! A database server that accepts connections and then sends nothing more: every wait has a limit.

use std::net::TcpListener;
use std::thread;

use crate::common::{DEADLINE, Server, wait_for};
use crate::faults::bench::Bench;
use crate::faults::ledger::{Asked, Ledger, Told};
use persona_test_support::Cluster;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};

/// A text that only connections of workers send at their start.
const WORKER: &str = "persona worker";

#[test]
fn a_connection_that_falls_silent_is_given_up_and_the_request_is_served_by_another_one() {
    let mut bench = Bench::start("&statement_timeout=1", &[]);
    bench.wire.arm(Trap::at(Sender::Client, b'B', Fault::Silence).of(WORKER));
    assert_eq!(bench.client.get(&bench.path).expect("an answer").status, 200);
    assert_eq!(bench.wire.disarm(), 1);
    // The statement is done, and its answer never comes.
    bench.wire.arm(Trap::at(Sender::Server, b'2', Fault::Silence).of("unanswered"));
    let told = bench
        .ledger
        .ask(&mut bench.client, Asked::patch(&bench.path, "unanswered").with_key(false));
    assert!(matches!(told, Told::Kept(_)), "{told:?}");
    assert_eq!(bench.wire.disarm(), 1);
    bench.compare();
}

#[test]
fn reads_behind_one_that_is_never_answered_do_not_wait_as_long_as_a_statement_may_take() {
    // With three connections short reads share one.
    let mut bench = Bench::start(&format!("&pool_max=3&{LONG_STATEMENTS}"), &[]);
    bench.wire.arm(Trap::at(Sender::Client, b'B', Fault::Silence).of(WORKER));
    let answer = bench.client.get(&bench.path).expect("an answer before the client gives up");
    assert_eq!(answer.status, 503);
    assert_eq!(bench.wire.disarm(), 1);
    assert_eq!(bench.client.get(&bench.path).expect("an answer").status, 200);
    bench.compare();
}

#[test]
fn where_everything_is_silent_requests_end_with_a_503() {
    let bench = Bench::start("&statement_timeout=1&connect_timeout=1", &["--busy-timeout-ms=1000"]);
    let Bench { wire, mut client, mut ledger, path, database, server: _server } = bench;
    // Every connection is silent from the statement on that changes something.
    wire.arm(Trap::at(Sender::Client, b'B', Fault::Silence).of("silent").lasting());
    // The key is in an earlier statement already, so nothing was sent that changes anything.
    assert_eq!(
        ledger.ask(&mut client, Asked::patch(&path, "silent")),
        Told::Refused("busy".into())
    );
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of(WORKER).lasting());
    let reply = client.get(&path).expect("an answer");
    assert_eq!(
        (reply.status, Told::by(&reply)),
        (503, Told::Refused("database_unreachable".into()))
    );
    wire.disarm();
    wire.cut_all();
    assert!(matches!(ledger.ask(&mut client, Asked::patch(&path, "afterwards")), Told::Kept(_)));
    ledger.compare(Cluster::shared(), &database);
}

/// Statements may take thirty times as long as a client of the tests waits for its answer.
const LONG_STATEMENTS: &str = "statement_timeout=600";
const _: () = assert!(DEADLINE.as_secs() * 30 <= 600, "an answer would prove nothing");

/// The status and body of `/readyz`, which has to answer in time.
fn readiness(server: &Server) -> (u16, String) {
    let reply = server.connect().get("/readyz").expect("an answer before the client gives up");
    assert_eq!(reply.header("retry-after").is_some(), reply.status == 503, "{reply:?}");
    (reply.status, reply.json()["cause"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn readiness_does_not_wait_for_a_silent_database_and_does_not_pile_up() {
    let cluster = Cluster::shared();
    let wire = Wire::to(cluster.port());
    let url = format!("{}?{LONG_STATEMENTS}&pool_max=8", wire.url(&cluster.database()));
    let server = Server::with_workers(1).flag(format!("--database={url}")).start();
    let (ready, away) = ((200, String::new()), (503, "database_unreachable".to_owned()));
    assert_eq!(readiness(&server), ready);
    // One connection of several is silent: the question goes over another one too.
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of(WORKER));
    assert_eq!((readiness(&server), wire.disarm()), (ready.clone(), 1));
    assert_eq!(readiness(&server), ready);
    // All connections are silent: of many questions at once only a few reach the database.
    wire.arm(Trap::nth(Sender::Client, 0, Fault::Silence).of(WORKER).lasting());
    let told = thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| readiness(&server))).collect();
        asking.into_iter().map(|client| client.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert_eq!(told, vec![away; 6]);
    assert!(wire.disarm() <= 3, "each question holds a connection, but for those that share one");
    wire.cut_all();
    wait_for("readiness by itself", DEADLINE, || (readiness(&server) == ready).then_some(()));
}

#[test]
fn a_silent_host_does_not_hold_up_the_others() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    // The system accepts connections to this listener, and no program ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let hosts = format!(
        "127.0.0.1:{},127.0.0.1:{}",
        silent.local_addr().expect("bound").port(),
        cluster.port()
    );
    let server = Server::with_workers(1)
        .flag(format!("--database=postgres://postgres@{hosts}/{database}"))
        .start();
    let mut ledger = Ledger::default();
    assert!(matches!(ledger.ask(&mut server.connect(), Asked::create("first")), Told::Kept(_)));
}
