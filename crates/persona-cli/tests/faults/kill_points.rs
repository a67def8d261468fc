//! 4 and 19: the program is killed just before its n-th call that changes something, for every n
//! and every kind of work.
//!
//! After each kill a clean start must find everything that was acknowledged, all or nothing of the
//! rest, and a whole file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Process, Server, signal, wait_for};
use crate::ledger::{Ledger, read_whole};
use crate::strace::{Attached, CHANGING, Point, is_there, kill_at, points_of, spread, traced};

const TARGET: &str = "every n up to completion, at least 5,000 points, 0 violations";

/// Personas of a file that an operation finds.
const FOUND: usize = 5;

/// The name of a backup. Whenever there is a file of this name, it is a complete one.
const COPY: &str = "copy.db";

/// Personas that an import brings.
const IMPORTED: usize = 12;

/// The age from which on a process is no longer young, and a little to get ready in.
const GROWN_UP: Duration = Duration::from_millis(1_200);

/// One kind of work, done by one command.
pub struct Work {
    pub name: &'static str,
    /// Brings the folder into the state before.
    pub prepare: fn(&Path),
    arguments: &'static [&'static str],
    /// What the file may hold after a kill, by the number of personas.
    allowed: fn(usize) -> bool,
    /// What it must hold after the command was run again undisturbed.
    complete: fn(usize) -> bool,
}

pub const WORKS: [Work; 7] = [
    Work {
        name: "first start: creation, WAL, migration, first write",
        prepare: |_| {},
        arguments: &["create", "--create", "--database", "persona.db", "--name", "new"],
        allowed: |count| count <= 1,
        // Killed after the commit and run again it creates a second one: a command without a key is
        // not repeatable.
        complete: |count| count == 1 || count == 2,
    },
    Work {
        name: "write and checkpoint beside old rows",
        prepare: |folder| make(folder, FOUND, "wal"),
        arguments: &["create", "--create", "--database", "persona.db", "--name", "new"],
        allowed: |count| count == FOUND || count == FOUND + 1,
        complete: |count| count == FOUND + 1 || count == FOUND + 2,
    },
    Work {
        name: "conversion of an old file",
        prepare: |folder| make(folder, FOUND, "delete"),
        arguments: &["list", "--database", "persona.db"],
        allowed: |count| count == FOUND,
        complete: |count| count == FOUND,
    },
    Work {
        name: "import",
        prepare: |folder| {
            make(folder, FOUND, "wal");
            let lines: Vec<String> = (0..IMPORTED)
                .map(|index| json!({ "name": format!("imported {index}") }).to_string())
                .collect();
            fs::write(folder.join("items.ndjson"), lines.join("\n")).expect("a file");
        },
        arguments: &["import", "--create", "--database", "persona.db", "--quiet", "items.ndjson"],
        allowed: |count| (FOUND..=FOUND + IMPORTED).contains(&count),
        // Run again it goes on where it was, without a second copy of anything.
        complete: |count| count == FOUND + IMPORTED,
    },
    Work {
        name: "migration of a file of the first version",
        prepare: |folder| {
            make(folder, FOUND, "wal");
            let file = Connection::open(folder.join("persona.db")).expect("it opens");
            let columns = "ALTER TABLE personas DROP COLUMN checksum; ALTER TABLE revisions DROP COLUMN checksum";
            file.execute_batch(&format!(
                "DROP TABLE text_parts; DROP TABLE persona_texts; DROP TABLE persona_titles; DROP TABLE meta; {columns}; PRAGMA user_version = 1"
            ))
            .expect("the first version");
        },
        arguments: &["list", "--database", "persona.db"],
        allowed: |count| count == FOUND,
        complete: |count| count == FOUND,
    },
    Work {
        name: "backup",
        prepare: |folder| make(folder, FOUND, "wal"),
        arguments: &["backup", "--database", "persona.db", "--force", COPY],
        allowed: |count| count == FOUND,
        complete: |count| count == FOUND,
    },
    Work {
        name: "restore",
        prepare: |folder| {
            make(folder, FOUND, "wal");
            run(folder, &["backup", "--database", "persona.db", COPY]);
            run(folder, &["create", "--create", "--database", "persona.db", "--name", "later"]);
        },
        arguments: &["restore", "--database", "persona.db", COPY],
        allowed: |count| count == FOUND || count == FOUND + 1,
        complete: |count| count == FOUND,
    },
];

/// Makes a file with this many personas, in this journal mode.
fn make(folder: &Path, personas: usize, mode: &str) {
    for index in 0..personas {
        run(
            folder,
            &["create", "--create", "--database", "persona.db", "--name", &format!("old {index}")],
        );
    }
    let file = Connection::open(folder.join("persona.db")).expect("it opens");
    let now: String =
        file.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0)).expect("a mode");
    assert_eq!(now, mode);
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program");
    assert!(
        output.status.success(),
        "{arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A folder with copies of the files of another one.
pub fn copy_of(template: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(template).expect("a folder") {
        let path = entry.expect("a file").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    folder
}

impl Work {
    pub fn arguments(&self) -> Vec<String> {
        self.arguments.iter().map(|&argument| argument.to_owned()).collect()
    }

    /// Kills the work at each point; how many points there were, and at how many of them it was
    /// killed.
    fn sweep(&self, most: usize) -> (usize, usize) {
        let template = tempfile::tempdir().expect("a folder");
        (self.prepare)(template.path());
        let points = points_of(copy_of(template.path()).path(), CHANGING, &self.arguments());
        let (all, mut killed) = (points.len(), 0);
        // Syncs, cuts and removals are few and are where the state of a file changes; of the writes
        // some must do.
        let (writes, others) =
            points.into_iter().partition(|point: &Point| point.call.contains("write"));
        for point in [spread(others, most), spread(writes, most / 2)].concat() {
            let folder = copy_of(template.path());
            let options = ["-o".into(), "/dev/null".into(), "-e".into(), kill_at(&point)];
            let status =
                traced(folder.path(), &options, &self.arguments()).output().expect("strace").status;
            // A kill of the traced program is passed on by strace to itself.
            killed += usize::from(!status.success());
            self.check(folder.path(), status.success(), &format!("killed at {point:?}"));
        }
        (all, killed)
    }

    /// Checks what is left of the work after it was disturbed, and that it can be done again.
    #[track_caller]
    pub fn check(&self, folder: &Path, succeeded: bool, how: &str) {
        let (database, copy) = (folder.join("persona.db"), folder.join(COPY));
        if copy.exists() {
            assert_eq!(read_whole(&copy).personas.len(), FOUND, "{}: the copy, {how}", self.name);
        }
        if database.exists() {
            run(folder, &["list", "--database", "persona.db"]);
            let count = read_whole(&database).personas.len();
            assert!((self.allowed)(count), "{}: {count} personas, {how}", self.name);
            assert!(
                !succeeded || (self.complete)(count),
                "{}: {count} personas after it ended well, {how}",
                self.name
            );
        }
        run(folder, self.arguments);
        let count = read_whole(&database).personas.len();
        assert!(
            (self.complete)(count),
            "{}: {count} personas after a second run, {how}",
            self.name
        );
    }
}

fn every_command_killed_at_every_call(form: Form) {
    if !is_there("every_command_killed_at_every_call") {
        return;
    }
    let mut figures = Vec::new();
    for work in &WORKS {
        let (points, killed) = work.sweep(form.pick(24, usize::MAX));
        assert!(killed > 0, "{}: nothing was killed", work.name);
        figures.push(
            json!({ "work": work.name, "points": points, "killed": killed, "violations": 0 }),
        );
    }
    report(4, "every_command_killed_at_every_call", form, TARGET, &json!(figures));
}

#[test]
fn commands_that_are_killed_at_any_call_leave_all_or_nothing() {
    every_command_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn commands_that_are_killed_at_any_call_leave_all_or_nothing_long() {
    every_command_killed_at_every_call(Form::Long);
}

/// A key sent to a persona again and again until it is acknowledged; connections that break are
/// replaced.
fn add_key(server: &Server, path: &str, key: &str) {
    wait_for("an acknowledgement", DEADLINE, || {
        let reply = Client::connect(server.address()).ok().and_then(|mut client| {
            patch(&mut client, path, &json!({ "extensions": { key: 1 } })).ok()
        });
        reply.filter(|reply| reply.status == 200)
    });
}

/// A process that is old enough for its death not to count as a failed start, eight of which end
/// the server.
fn grown_up(server: &Server, role: &str) -> Process {
    let (mut seen, mut since) = (None, Instant::now());
    wait_for("a process that has served for a while", DEADLINE, || {
        let now = server.processes(role).pop();
        if now != seen {
            (seen, since) = (now.clone(), Instant::now());
        }
        now.filter(|_| since.elapsed() > GROWN_UP)
    })
}

/// Whether the log of a server is empty.
fn is_cut(server: &Server) -> bool {
    fs::metadata(server.folder().join("persona.db-wal")).is_ok_and(|log| log.len() == 0)
}

fn expect_keys(server: &Server, keys: usize) {
    let expected = Ledger { personas: [("survivor".to_owned(), (keys as u64 + 1, keys))].into() };
    assert_eq!(read_whole(&server.database()), expected);
}

/// A worker is killed at the n-th call of its writer for growing n, then the maintenance process at
/// the n-th of its maintenance, on one server that is never started anew: what replaces the killed
/// one must do.
fn every_process_killed_at_every_call(form: Form) {
    if !is_there("every_process_killed_at_every_call") {
        return;
    }
    let server =
        Server::with_workers(1).flag("--durability=full").flag("--wal-autocheckpoint=1").start();
    let path = create(&mut server.connect(), "survivor");
    let (mut keys, mut figures) = (0, Vec::new());
    for (role, call, most, step) in [
        ("worker", "pwrite64", 40, form.pick(15, 1)),
        ("worker", "fsync", 3, form.pick(2, 1)),
        ("maintenance", "pwrite64", 30, form.pick(12, 1)),
        ("maintenance", "fsync", 4, form.pick(2, 1)),
    ] {
        let mut killed = 0;
        for nth in (1..=most).step_by(step) {
            let victim = grown_up(&server, role);
            add_key(&server, &path, &format!("{keys}"));
            keys += 1;
            let mut strace = Attached::to(
                victim.pid,
                &[
                    "-o".into(),
                    "/dev/null".into(),
                    "-e".into(),
                    kill_at(&Point { call: call.into(), nth }),
                ],
            );
            // The calls are counted from here; some keys are enough for any of them.
            for _ in 0..8 {
                add_key(&server, &path, &format!("{keys}"));
                keys += 1;
                if !victim.is_alive() {
                    break;
                }
            }
            // The WAL is cut to nothing once no client writes; then the maintenance process has
            // made every call of its work.
            wait_for("the end of the victim or of its work", DEADLINE, || {
                (!victim.is_alive() || role == "worker" || is_cut(&server)).then_some(())
            });
            if victim.is_alive() {
                drop(strace);
            } else {
                strace.wait();
                killed += 1;
            }
        }
        expect_keys(&server, keys);
        assert!(killed > 0, "no {role} was killed at {call}");
        figures.push(json!({ "role": role, "call": call, "up_to": most, "killed": killed }));
    }
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).start();
    expect_keys(&server, keys);
    report(4, "every_process_killed_at_every_call", form, TARGET, &json!(figures));
}

#[test]
fn processes_that_are_killed_at_any_call_lose_nothing_acknowledged() {
    every_process_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn processes_that_are_killed_at_any_call_lose_nothing_acknowledged_long() {
    every_process_killed_at_every_call(Form::Long);
}

/// The first start of a server is killed at a call of any of its processes: the next start must
/// serve.
fn first_start_killed_at_every_call(form: Form) {
    if !is_there("first_start_killed_at_every_call") {
        return;
    }
    let mut killed = 0;
    for nth in (1..=60).step_by(form.pick(9, 1)) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = [
            "-o".into(),
            "/dev/null".into(),
            "-e".into(),
            kill_at(&Point { call: "pwrite64".into(), nth }),
        ];
        let arguments = ["serve", "--database", "persona.db", "--port", "0", "--workers", "1"]
            .map(str::to_owned);
        let mut child = traced(folder.path(), &options, &arguments)
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("strace");
        // It ends by itself when init was killed; otherwise it serves, and is stopped.
        let ended = wait_for("an end or a start", DEADLINE, || {
            let ended = child.try_wait().expect("a child").is_some();
            let serves = fs::metadata(folder.path().join("persona.db"))
                .is_ok_and(|metadata| metadata.len() > 0)
                && has_worker(child.id());
            (ended || serves).then_some(ended)
        });
        killed += usize::from(ended);
        if !ended {
            let supervisor = children_of(child.id());
            assert!(supervisor.iter().any(|pid| signal(*pid, Signal::TERM)));
            wait_for("the end of the server", DEADLINE, || child.try_wait().expect("a child"));
        }
        let server = Server::with_workers(1).in_folder(folder).start();
        create(&mut server.connect(), "first");
        assert_eq!(read_whole(&server.database()).personas.len(), 1);
    }
    assert!(killed > 0, "nothing was killed");
    report(4, "first_start_killed_at_every_call", form, TARGET, &json!({ "killed": killed }));
}

pub fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Whether the server below a `strace` has got as far as its workers.
fn has_worker(strace: u32) -> bool {
    let supervisors = children_of(strace);
    supervisors
        .into_iter()
        .flat_map(crate::common::Process::children_of)
        .any(|process| process.role == "worker")
}

#[test]
fn a_server_whose_first_start_is_killed_anywhere_starts_the_next_time() {
    first_start_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_server_whose_first_start_is_killed_anywhere_starts_the_next_time_long() {
    first_start_killed_at_every_call(Form::Long);
}
