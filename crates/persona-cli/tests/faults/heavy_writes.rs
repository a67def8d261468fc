//! 38: a heavy write of every worker at once: one heavy write is at the write lock, and light
//! writes go before the others.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::thread;

use serde_json::json;

use crate::common::personas::{connect_to_each_worker, create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Reply, Server, wait_for};
use crate::turnstile::{flock_waiters, turnstile_of};

const WORKERS: u16 = 3;
/// Different words of a heavy write: a quarter of a megabyte of text.
const WORDS: usize = 30_000;

/// Creates a persona with this many different words.
fn create_heavy(client: &mut Client, number: usize) -> Reply {
    let words: Vec<String> = (0..WORDS).map(|word| format!("w{number}x{word}")).collect();
    let texts: Vec<String> = words.chunks(WORDS / 4).map(|words| words.join(" ")).collect();
    let body =
        json!({ "name": format!("heavy {number}"), "alternate_greetings": texts }).to_string();
    client.request("POST", "/api/v1/personas", &[], body.as_bytes()).expect("an answer")
}

/// The time of a commit, which sorts in the order of commits.
fn committed(reply: &Reply) -> String {
    assert!(matches!(reply.status, 200 | 201), "{}", reply.status);
    reply.json()["updated_at"].as_str().expect("a time").to_owned()
}

#[test]
fn one_heavy_write_of_all_workers_is_at_the_write_lock_and_light_ones_go_before_the_others() {
    let server = Server::with_workers(WORKERS).flag("--expose-worker").start();
    let paths: Vec<String> = (0..WORKERS)
        .map(|number| create(&mut server.connect(), &format!("light {number}")))
        .collect();
    let workers: Vec<u32> = server.processes("worker").iter().map(|worker| worker.pid).collect();
    let of_workers = |file: u64| {
        let waiting = flock_waiters().into_iter();
        waiting.filter(|waiter| waiter.file == file && workers.contains(&waiter.pid)).count()
    };
    let inode = |suffix: &str| {
        let file = server.folder().join(format!("persona.db{suffix}"));
        fs::metadata(file).map_or(0, |metadata| metadata.ino())
    };
    // One process is next, perhaps the maintenance process; the others wait behind it.
    let at_the_write_lock = || of_workers(inode("-gate")) + of_workers(turnstile_of(workers[0]));
    let (heavy_clients, light_clients) = (
        connect_to_each_worker(&server, WORKERS.into()),
        connect_to_each_worker(&server, WORKERS.into()),
    );
    let write_lock = File::open(server.folder().join("persona.db-gate")).expect("the write lock");
    write_lock.lock().expect("locks work");
    let (heavy, light) = thread::scope(|scope| {
        let clients = heavy_clients.into_iter().enumerate();
        let heavy: Vec<_> = clients
            .map(|(number, mut client)| scope.spawn(move || create_heavy(&mut client, number)))
            .collect();
        // One heavy write is at the write lock; those of the other workers are not even worked out.
        wait_for("one at the write lock", DEADLINE, || {
            (at_the_write_lock() == 1 && of_workers(inode("-heavy")) == 2).then_some(())
        });
        let clients = light_clients.into_iter().zip(&paths);
        let light: Vec<_> = clients
            .map(|(mut client, path)| {
                scope.spawn(move || {
                    patch(&mut client, path, &json!({ "nickname": "light" })).expect("an answer")
                })
            })
            .collect();
        wait_for("light ones at the write lock", DEADLINE, || {
            (at_the_write_lock() == 3).then_some(())
        });
        drop(write_lock);
        let join = |all: Vec<thread::ScopedJoinHandle<'_, Reply>>| {
            all.into_iter().map(|writer| writer.join().expect("no panic")).collect()
        };
        let replies: (Vec<Reply>, Vec<Reply>) = (join(heavy), join(light));
        replies
    });
    // The heavy write at the write lock writes only the first part of its words there, so no light
    // write waits for a whole heavy document.
    let before = heavy
        .iter()
        .zip(&light)
        .filter(|(heavy, light)| committed(heavy) < committed(light))
        .count();
    let order: BTreeMap<String, u16> =
        heavy.iter().chain(&light).map(|reply| (committed(reply), reply.status)).collect();
    report(
        38,
        "heavy_writes",
        Form::Short,
        "light writes go before every heavy one over all workers",
        &json!({ "order": order.values().collect::<Vec<_>>() }),
    );
    assert_eq!((before, order.len()), (0, usize::from(2 * WORKERS)), "{order:?}");
}
