//! Processes are killed amid writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{assert_file_is_whole, create, get, patch};
use crate::common::{Client, DEADLINE, Server, signal, wait_for};

const CLIENTS: usize = 16;

/// Adds its own keys one after the other until it is stopped; a broken connection is replaced and
/// the key sent again. Returns the acknowledged keys.
fn write_until(
    stop: &AtomicBool,
    server: std::net::SocketAddr,
    path: &str,
    client_number: usize,
    acknowledged: &AtomicUsize,
) -> Vec<String> {
    let mut connection: Option<Client> = None;
    let mut keys = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{client_number}/{number}");
        let reply = wait_for("an acknowledgement", DEADLINE, || {
            if connection.is_none() {
                connection = Client::connect(server).ok();
            }
            // To add a key twice has the same effect as once, so after an unknown outcome the
            // client simply tries again.
            let reply =
                patch(connection.as_mut()?, path, &json!({ "extensions": { &key: 1 } })).ok();
            if reply.is_none() {
                connection = None;
            }
            reply
        });
        assert_eq!(reply.status, 200, "{reply:?}");
        if connection.as_ref().is_some_and(|connection| connection.closes) {
            connection = None;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
        keys.push(key);
    }
    keys
}

#[test]
fn killing_workers_and_maintenance_process_amid_writes_loses_nothing_acknowledged() {
    const KILLS: usize = 12;
    let server = Server::with_workers(4).start();
    let path = create(&mut server.connect(), "survivor");
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (stop, acknowledged, path, address) =
                (Arc::clone(&stop), Arc::clone(&acknowledged), path.clone(), server.address());
            thread::spawn(move || write_until(&stop, address, &path, number, &acknowledged))
        })
        .collect();
    for kill in 0..KILLS {
        // Each kill comes when some more writes were acknowledged since the last one, so that it
        // hits a working server.
        let target = acknowledged.load(Ordering::Relaxed) + 2 * CLIENTS;
        wait_for("writes between two kills", DEADLINE, || {
            (acknowledged.load(Ordering::Relaxed) >= target).then_some(())
        });
        let role = if kill % 4 == 3 { "maintenance" } else { "worker" };
        let victims = wait_for("a victim", DEADLINE, || {
            Some(server.processes(role)).filter(|processes| !processes.is_empty())
        });
        assert!(signal(victims[kill % victims.len()].pid, Signal::KILL));
    }
    stop.store(true, Ordering::Relaxed);
    let keys: BTreeSet<String> =
        writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect();
    assert!(keys.len() >= KILLS * 2 * CLIENTS, "{} acknowledged writes", keys.len());

    let seen = get(&mut server.connect(), &path);
    let body = seen.json();
    let kept: BTreeSet<String> =
        body["extensions"].as_object().expect("an object").keys().cloned().collect();
    let lost: Vec<_> = keys.difference(&kept).collect();
    assert!(lost.is_empty(), "lost {} of {}: {lost:?}", lost.len(), keys.len());
    assert_eq!(seen.revision(), kept.len() as u64 + 1, "every key made one revision");
    assert_file_is_whole(&server);
}

#[test]
fn killing_everything_at_once_loses_nothing_acknowledged() {
    let server = Server::with_workers(4).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    for number in 0..200 {
        let reply =
            patch(&mut client, &path, &json!({ "extensions": { number.to_string(): number } }))
                .expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let before = get(&mut client, &path);
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(4).in_folder(folder).start();
    assert_eq!(get(&mut server.connect(), &path), before);
    assert_file_is_whole(&server);
}
