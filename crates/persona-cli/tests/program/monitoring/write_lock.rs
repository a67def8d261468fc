//! The holder of the write lock is named while another process waits for it.

use persona_storage::sqlite::WriteLock;
use rusqlite::Connection;
use rustix::process::Signal;

use crate::common::{Client, DEADLINE, Server, signal, wait_for};

/// A time that is short enough for a test, and so long that no ordinary write reaches it.
const WARN: &str = "--write-lock-warn-ms=300";

fn create(server: &Server) -> u16 {
    server
        .connect()
        .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
        .expect("an answer")
        .status
}

#[test]
fn a_program_that_stays_at_the_write_lock_is_named_while_a_worker_waits() {
    let server = Server::with_workers(2).flag(WARN).start();
    let write_lock = WriteLock::open(&server.database()).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let own = std::process::id();
    std::thread::scope(|scope| {
        let created = scope.spawn(|| create(&server));
        server.wait_for_log("waits for the write lock for");
        server.wait_for_log(&format!("(pid {own}) holds it"));
        wait_for("the wait is on the scoreboard", DEADLINE, || {
            let status = server.connect().get("/api/v1/status").expect("a status").json();
            let waiting = status["write_lock"]
                .as_array()?
                .iter()
                .any(|process| process["waiting_micros"].as_u64() > Some(300_000));
            waiting.then_some(())
        });
        drop(guard);
        assert_eq!(created.join().expect("no panic"), 201, "nothing was lost by waiting");
    });
}

#[test]
fn a_program_that_holds_the_lock_of_the_database_without_the_write_lock_is_named_with_the_one_that_waits_for_it()
 {
    let server = Server::with_workers(2).flag(WARN).start();
    let foreign = Connection::open(server.database()).expect("a database");
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    std::thread::scope(|scope| {
        let created = scope.spawn(|| create(&server));
        server.wait_for_log("holds it and waits for");
        server.wait_for_log(&format!(
            "(pid {}), which holds the database's lock without the write lock",
            std::process::id()
        ));
        foreign.execute_batch("ROLLBACK").expect("a rollback");
        assert_eq!(created.join().expect("no panic"), 201);
    });
    assert!(server.metric("persona_lock_retries_total") > 0);
    assert!(!server.log().contains("database is locked"), "{}", server.log());
}

#[test]
fn writes_that_wait_are_counted_while_they_wait_and_no_longer() {
    const WRITES: usize = 5;
    let server = Server::with_workers(2).start();
    let write_lock = WriteLock::open(&server.database()).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    std::thread::scope(|scope| {
        let created: Vec<_> = (0..WRITES).map(|_| scope.spawn(|| create(&server))).collect();
        wait_for("all of them wait", DEADLINE, || {
            (server.metric("persona_write_queue_depth") == WRITES as u64).then_some(())
        });
        let status = server.connect().get("/api/v1/status").expect("a status").json();
        let depths = status["workers"]
            .as_array()
            .expect("workers")
            .iter()
            .map(|process| process["queue_depth"].as_u64().expect("a number"));
        assert_eq!(depths.sum::<u64>(), WRITES as u64, "{status}");
        drop(guard);
        assert!(created.into_iter().all(|writer| writer.join().expect("no panic") == 201));
    });
    assert_eq!(server.metric("persona_write_queue_depth"), 0);
}

#[test]
fn ordinary_writes_warn_of_nothing() {
    let server = Server::with_workers(2).start();
    (0..50).for_each(|_| assert_eq!(create(&server), 201));
    assert!(!server.log().contains("the write lock"), "{}", server.log());
}

#[test]
fn a_worker_that_stands_still_while_it_is_in_is_named() {
    let server = Server::with_workers(2).flag(WARN).flag("--expose-worker").start();
    let mut clients: Vec<(Client, String)> = (0..8)
        .map(|_| {
            let mut client = server.connect();
            let reply = client.get("/healthz").expect("an answer");
            (client, reply.header("x-persona-worker").expect("the worker is named").to_owned())
        })
        .collect();
    let (mut first, slot) = clients.remove(0);
    let (mut second, _) = clients
        .into_iter()
        .find(|(_, other)| *other != slot)
        .expect("both workers have connections");
    // A foreign lock keeps the first worker inside the write lock, long enough to stop it there.
    let foreign = Connection::open(server.database()).expect("a database");
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let write = |client: &mut Client| {
        client
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
            .expect("an answer")
            .status
    };
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| write(&mut first));
        server.wait_for_log("holds it and waits for");
        let holder = server
            .processes("worker")
            .into_iter()
            .find(|process| process.slot.to_string() == slot)
            .expect("it lives");
        assert!(signal(holder.pid, Signal::STOP));
        foreign.execute_batch("ROLLBACK").expect("a rollback");
        let waiting = scope.spawn(|| write(&mut second));
        server.wait_for_log("waits for the write lock for");
        server.wait_for_log(&format!(": worker {slot} (pid {}) has held it for", holder.pid));
        assert!(signal(holder.pid, Signal::CONT));
        assert_eq!(
            (stopped.join().expect("no panic"), waiting.join().expect("no panic")),
            (201, 201)
        );
    });
}
