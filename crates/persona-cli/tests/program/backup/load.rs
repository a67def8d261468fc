//! A backup of a server under load is one moment of its history: it has everything that was
//! acknowledged before, and nothing out of order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::backup::program::{persona, succeed};
use crate::common::{DEADLINE, Server, Stop, wait_for};

/// Bound on the WAL while backups hold snapshots, in bytes: the promise of `docs/storage.md`.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Pause of a writer between two writes, because the checks of an unoptimised build are slow.
const PACE: Duration = Duration::from_millis(5);

/// A client that creates the personas `w<writer> 1`, `w<writer> 2`, `w<writer> 3`, one after the
/// other, while backups are made. Restores and their checks have no load, or each would take longer
/// than the one before and the file would grow ever faster on a slow machine.
struct Writer {
    acknowledged: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Writer {
    fn start(server: &Server, writer: usize, has_load: &Arc<AtomicBool>, stop: Stop) -> Self {
        let mut client = server.connect();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (count, has_load) = (Arc::clone(&acknowledged), Arc::clone(has_load));
        let thread = thread::spawn(move || {
            loop {
                if !has_load.load(Ordering::SeqCst) && !stop.comes_within(PACE) {
                    continue;
                }
                let body =
                    json!({ "name": format!("w{writer} {}", count.load(Ordering::SeqCst) + 1) })
                        .to_string();
                let reply = client
                    .request("POST", "/api/v1/personas", &[], body.as_bytes())
                    .expect("an answer");
                assert_eq!(reply.status, 201, "{reply:?}");
                count.fetch_add(1, Ordering::SeqCst);
                if stop.comes_within(PACE) {
                    return;
                }
            }
        });
        Self { acknowledged, thread }
    }
}

/// How many personas of each writer are in a file; fails the test unless they are the writer's
/// first ones.
fn kept_in(file: &Path, writers: usize) -> Vec<u64> {
    let connection = rusqlite::Connection::open(file).expect("it opens");
    let mut statement = connection
        .prepare("SELECT name FROM personas WHERE name LIKE ?1 || ' %' ORDER BY row_id")
        .expect("SQL");
    let mut kept = |writer: usize| {
        let rows = statement
            .query_map([format!("w{writer}")], |row| row.get::<_, String>(0))
            .expect("readable");
        let names: Vec<String> = rows.collect::<Result<_, _>>().expect("readable");
        let expected: Vec<String> =
            (1..=names.len()).map(|number| format!("w{writer} {number}")).collect();
        assert_eq!(names, expected, "writer {writer}: not the first ones in order");
        names.len() as u64
    };
    (0..writers).map(&mut kept).collect()
}

fn back_up_under_load(writers: usize, backups: usize) {
    let server = Server::with_workers(4).start();
    let folder = server.folder().to_owned();
    let (stop, has_load) = (Stop::default(), Arc::new(AtomicBool::new(true)));
    let clients: Vec<_> = (0..writers)
        .map(|number| Writer::start(&server, number, &has_load, stop.clone()))
        .collect();
    wait_for("a write of each", DEADLINE, || {
        clients.iter().all(|client| client.acknowledged.load(Ordering::SeqCst) > 0).then_some(())
    });
    let counts = || {
        clients.iter().map(|client| client.acknowledged.load(Ordering::SeqCst)).collect::<Vec<_>>()
    };
    let (mut wal_bytes_max, mut beside) = (0, 0);
    for number in 0..backups {
        let (file, restored) = (format!("backup-{number}.db"), format!("restored-{number}.db"));
        has_load.store(true, Ordering::SeqCst);
        let before = counts();
        succeed(&folder, &["backup", &file, "--json"]);
        let after = counts();
        has_load.store(false, Ordering::SeqCst);
        beside += after.iter().sum::<u64>() - before.iter().sum::<u64>();
        wal_bytes_max = wal_bytes_max.max(server.metric("persona_wal_bytes"));
        succeed(&folder, &["restore", &file, "--database", &restored]);
        let kept = kept_in(&folder.join(&restored), writers);
        for made in [file, restored] {
            std::fs::remove_file(folder.join(made)).expect("it was made");
        }
        for ((kept, before), after) in kept.iter().zip(&before).zip(&after) {
            // One more persona than was acknowledged may have been committed: its answer can be on
            // the way.
            assert!(
                before <= kept && *kept <= after + 1,
                "{kept} kept, {before} acknowledged before and {after} after"
            );
        }
    }
    let checked = succeed(&folder, &["check", "--json"]).json();
    assert_eq!(checked["sound"], json!(true), "{checked}");
    stop.now();
    let total: u64 = counts().iter().sum();
    for client in clients {
        client.thread.join().expect("every write was acknowledged");
    }
    assert!(beside > 0, "no write was acknowledged beside a backup");
    println!("{backups} backups under {total} writes; the log had at most {wal_bytes_max} bytes");
    assert!(wal_bytes_max <= WAL_BYTES_MAX, "the log had {wal_bytes_max} bytes");
    assert_eq!(server.metric("persona_writes_given_up_total"), 0);
}

#[test]
fn every_backup_under_load_is_a_prefix_of_the_history_with_everything_acknowledged_before() {
    back_up_under_load(4, 5);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_thousand_backups_under_load_are_prefixes_of_the_history() {
    // Each server is a new one: in a file that always grows the last backups would take long for
    // its size alone.
    for _ in 0..100 {
        back_up_under_load(8, 10);
    }
}

#[test]
fn a_restore_over_a_running_server_is_refused_and_one_after_it_is_served() {
    let server = Server::with_workers(2).start();
    let folder = server.folder().to_owned();
    let stop = Stop::default();
    stop.now();
    let writer = Writer::start(&server, 0, &Arc::new(AtomicBool::new(true)), stop);
    writer.thread.join().expect("no panic");
    succeed(&folder, &["backup", "b.db"]);
    let refused = persona(&folder, &["restore", "b.db"]);
    assert_eq!(refused.code, Some(75), "{refused:?}");
    assert!(
        refused.stderr.contains("persona.db is in use") && refused.stderr.contains("hint:"),
        "{refused:?}"
    );
    // The maintenance process or a worker holds the file; the message names their server, which is
    // what can be stopped.
    assert!(
        refused.stderr.contains(&format!("stop the server: kill -TERM {}", server.pid())),
        "{refused:?}"
    );
    server.connect().get("/readyz").expect("it goes on");
    let folder = server.stop_and_keep_the_folder();
    succeed(folder.path(), &["create", "--name", "later"]);
    let restored = succeed(folder.path(), &["restore", "b.db"]);
    assert!(restored.stderr.contains("persona.db-replaced-"), "{restored:?}");
    let server = Server::with_workers(2).in_folder(folder).start();
    let status = server.connect().get("/api/v1/status").expect("an answer").json();
    assert_eq!((&status["personas"], &status["journal_mode"]), (&json!(1), &json!("wal")));
}
