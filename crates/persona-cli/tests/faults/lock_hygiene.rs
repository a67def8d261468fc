//! 15: in a process that has the database open, only SQLite opens the three files of the database.
//!
//! To close any other descriptor of these files would silently drop all locks of the process.
//! SQLite opens its files with `O_NOFOLLOW`, which no other code here does; so a foreign open shows
//! in the record of a running server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Server, Stop, wait_at_most, wait_for};
use crate::strace::{Attached, is_there};

/// The calls by which a process gets or hands on a descriptor, or makes another process.
const CALLS: &str = "trace=open,openat,openat2,creat,dup,dup2,dup3,execve,fork,vfork";

/// The number of opens of the three files in a record, and the lines of the opens that are not
/// SQLite's.
fn opens_of(record: &str, database: &Path) -> (usize, Vec<String>) {
    let names = ["", "-wal", "-shm"].map(|suffix| format!("\"{}{suffix}\"", database.display()));
    let opens = record.lines().filter(|line| {
        line.contains("open") && names.iter().any(|name| line.contains(name.as_str()))
    });
    let (own, foreign): (Vec<&str>, Vec<&str>) =
        opens.partition(|line| line.contains("O_NOFOLLOW"));
    (own.len(), foreign.into_iter().map(str::to_owned).collect())
}

/// The lines of a record that make another process or a second descriptor of one of the files.
fn forks_and_copies(record: &str, database: &Path) -> Vec<String> {
    let name = format!("<{}", database.display());
    let is_copy =
        |line: &str| line.contains("dup") && line.contains(&name) && !line.contains("-gate");
    record
        .lines()
        .filter(|line| line.contains("execve(") || line.contains("fork(") || is_copy(line))
        .map(str::to_owned)
        .collect()
}

/// Sends requests of every kind that uses the file in its own way, until told to stop: for a
/// second, then after a pause again, and so on.
fn load(server: &Server, path: &str, pause: Duration, stop: &Stop) -> Vec<JoinHandle<u64>> {
    let start = |number: u64| {
        let (address, path, stop) = (server.address(), path.to_owned(), stop.clone());
        thread::spawn(move || {
            let (mut requests, mut began) = (0, Instant::now());
            while !stop.is_now() {
                if began.elapsed() >= Duration::from_secs(1) {
                    stop.comes_within(pause);
                    began = Instant::now();
                }
                let mut client = Client::connect(address).expect("a connection");
                for read in [
                    path.as_str(),
                    "/api/v1/personas?limit=5",
                    "/api/v1/status",
                    "/readyz",
                    "/metrics",
                    "/api/v1/export",
                ] {
                    let status = client.get(read).expect("an answer").status;
                    // One address can have two exports at a time, and there are three clients.
                    assert!(
                        status == 200 || status == 503 && read.ends_with("/export"),
                        "{read}: {status}"
                    );
                    requests += 1;
                }
                assert_eq!(
                    patch(
                        &mut client,
                        &path,
                        &json!({ "extensions": { number.to_string(): requests } })
                    )
                    .expect("an answer")
                    .status,
                    200
                );
            }
            requests
        })
    };
    (0..3).map(start).collect()
}

fn running_server(form: Form) {
    if !is_there("running_server") {
        return;
    }
    let server = Server::with_workers(2).start();
    let path = create(&mut server.connect(), "shared");
    let records = tempfile::tempdir().expect("a folder");
    let processes = [server.processes("maintenance"), server.processes("worker")].concat();
    let record_of = |pid: u32| records.path().join(pid.to_string());
    let straces: Vec<Attached> = processes
        .iter()
        .map(|process| {
            Attached::to(
                process.pid,
                &[
                    "-y".into(),
                    "-s".into(),
                    "4096".into(),
                    "-o".into(),
                    record_of(process.pid).display().to_string(),
                    "-e".into(),
                    CALLS.into(),
                ],
            )
        })
        .collect();
    let stop = Stop::default();
    // In the long form there are pauses, in which the maintenance process does the work that it
    // puts off while clients write.
    let clients = load(&server, &path, form.pick(Duration::ZERO, Duration::from_secs(9)), &stop);
    let length = form.pick(Duration::from_secs(3), Duration::from_hours(1));
    let failed = wait_at_most(length, || clients.iter().any(JoinHandle::is_finished).then_some(()));
    stop.now();
    assert!(failed.is_none(), "a client failed: {}", server.log());
    let made = |client: JoinHandle<u64>| {
        client.join().unwrap_or_else(|_| panic!("a client failed: {}", server.log()))
    };
    let requests: u64 = clients.into_iter().map(made).sum();
    // The maintenance process does its largest piece of work when no client writes.
    wait_for("an empty WAL", DEADLINE, || {
        fs::metadata(server.folder().join("persona.db-wal"))
            .is_ok_and(|metadata| metadata.len() == 0)
            .then_some(())
    });
    drop(straces);
    let mut opens = 0;
    for process in &processes {
        let record = fs::read_to_string(record_of(process.pid)).expect("a record");
        let (own, foreign) = opens_of(&record, &server.database());
        assert_eq!(foreign, [""; 0], "{process:?} opened a file of SQLite");
        assert_eq!(forks_and_copies(&record, &server.database()), [""; 0], "{process:?}");
        opens += own;
        assert!(holds_the_shared_lock(&server, process.pid), "{process:?} lost its locks");
    }
    assert!(
        opens > 0,
        "exports open connections of their own, so the record is empty or unreadable"
    );
    report(
        15,
        "running_server",
        form,
        "0 foreign opens in 1 h",
        &json!({ "requests": requests, "opens_by_sqlite": opens, "foreign_opens": 0 }),
    );
}

/// Whether a process still has the lock that SQLite holds while it uses the shared memory: byte 128
/// of the `-shm` file.
fn holds_the_shared_lock(server: &Server, pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = format!(
        ":{}",
        fs::metadata(server.folder().join("persona.db-shm")).expect("it exists").ino()
    );
    let locks = fs::read_to_string("/proc/locks").expect("a mounted /proc");
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "READ", holder, place, first, last] = words[..] else { return false };
        // The kernel shows adjacent locks as one: a reader's lock on byte 127 joins this one.
        let range = first.parse::<u64>().unwrap_or(u64::MAX)..=last.parse::<u64>().unwrap_or(0);
        holder == pid.to_string() && place.ends_with(&file) && range.contains(&128)
    })
}

#[test]
fn only_sqlite_opens_its_files_in_a_running_server() {
    running_server(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn only_sqlite_opens_its_files_in_a_running_server_long() {
    running_server(Form::Long);
}

#[test]
fn a_program_that_opens_the_file_by_itself_is_found() {
    if !is_there("a_program_that_opens_the_file_by_itself_is_found") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (database, record) = (folder.path().join("persona.db"), folder.path().join("record"));
    fs::write(&database, "anything").expect("a file");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-s", "4096", "-o"])
        .arg(&record)
        .args(["-e", CALLS, "cat"])
        .arg(&database)
        .output();
    assert!(status.expect("strace").status.success());
    let record = fs::read_to_string(&record).expect("a record");
    let (own, foreign) = opens_of(&record, &database);
    assert_eq!((own, foreign.len()), (0, 1), "{record}");
    assert_eq!(
        forks_and_copies(&record, &database).len(),
        1,
        "the start of the program is one: {record}"
    );
}
