//! 7: the disk runs full, or becomes read-only.
//!
//! Reads go on, writes are refused with one documented code, and when the disk has room again
//! writes go on by themselves.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, milliseconds, report, skip};
use crate::common::{Client, DEADLINE, Server, refused, signal, wait_for};
use crate::ledger::read_whole;
use crate::mounts::{Mount, NO_RESERVE};

const TARGET: &str = "1,000 cycles, 0 lost, reads 100 %, resume within 5 s";

/// How long a write may still be refused after the disk has room again: the target of the long
/// form, for an optimised build that is alone on the machine. The short form waits as long as for
/// anything else.
const RESUME_MAX: Duration = Duration::from_secs(5);

/// How many bytes the filling file grows by at a time.
const FILLED_BYTES: usize = 64 * 1024;

/// A file that takes up all free room.
struct Filler(PathBuf);

impl Filler {
    fn fill(folder: &Path) -> Self {
        let path = folder.join("filler");
        let mut file = File::create(&path).expect("a file");
        while file.write_all(&vec![7; FILLED_BYTES]).is_ok() {}
        // Small writes fill the last pages.
        while file.write_all(&[7; 512]).is_ok() {}
        Self(path)
    }

    /// Fills the disk except for at most this many bytes.
    fn leaving(folder: &Path, bytes: u64) -> Self {
        let path = folder.join("filler");
        let mut file = File::create(&path).expect("a file");
        let free = || {
            rustix::fs::statvfs(folder)
                .map(|space| space.f_bavail * space.f_frsize)
                .expect("a file system")
        };
        while free() > bytes {
            file.write_all(&vec![7; FILLED_BYTES]).expect("room");
        }
        Self(path)
    }

    fn free(self) {
        fs::remove_file(&self.0).expect("a file");
    }
}

fn write(client: &mut Client, path: &str, key: usize) -> (u16, Value) {
    let text = "t".repeat(20_000);
    let reply = patch(
        client,
        path,
        &json!({ "description": format!("{key} {text}"), "extensions": { key.to_string(): 1 } }),
    )
    .expect("an answer");
    (reply.status, reply.json()["code"].clone())
}

/// The counts of one disk, or of all disks.
#[derive(Default)]
struct Seen {
    cycles: usize,
    refused: usize,
    reads: usize,
    longest: Duration,
    resume_max: Duration,
}

fn disk_runs_full(form: Form) {
    // Every kept write stays in the history, so a disk is really full in the end: a long run takes
    // many disks.
    let (disks, cycles) = form.pick((1, 3), (100, 10));
    let mut seen = Seen { resume_max: form.pick(DEADLINE, RESUME_MAX), ..Seen::default() };
    for _ in 0..disks {
        let Some(mount) = Mount::tmpfs("disk_runs_full", 24) else { return };
        fill_and_free(&mount, cycles, &mut seen);
    }
    let figures = json!({
        "cycles": seen.cycles, "refused": seen.refused, "reads": seen.reads, "reads_failed": 0, "lost": 0,
        "longest_resume_ms": milliseconds(seen.longest),
    });
    report(7, "disk_runs_full", form, TARGET, &figures);
}

fn fill_and_free(mount: &Mount, cycles: usize, seen: &mut Seen) {
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(mount.folder()).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let mut keys = 0;
    for cycle in 0..cycles {
        let filler = Filler::fill(server.folder());
        // The WAL has room inside its file; this room is used up before the first refusal.
        wait_for("a refusal", DEADLINE, || match write(&mut client, &path, keys) {
            (200, _) => {
                keys += 1;
                None
            }
            (507, code) => {
                assert_eq!(code, "storage_full");
                seen.refused += 1;
                Some(())
            }
            other => panic!("cycle {cycle}: {other:?}"),
        });
        for _ in 0..20 {
            assert_eq!(
                get(&mut client, &path).json()["extensions"]
                    .as_object()
                    .map_or(0, serde_json::Map::len),
                keys
            );
            seen.reads += 1;
        }
        filler.free();
        let freed = Instant::now();
        wait_for("a write", seen.resume_max, || {
            let (status, code) = write(&mut client, &path, keys);
            assert!(status == 200 || status == 507, "cycle {cycle}: {status} {code}");
            (status == 200).then_some(())
        });
        keys += 1;
        seen.longest = seen.longest.max(freed.elapsed());
    }
    seen.cycles += cycles;
    assert_eq!(read_whole(&server.database()).personas["survivor"].1, keys);
}

#[test]
fn on_a_full_disk_writes_are_507_reads_go_on_and_writes_resume_by_themselves() {
    disk_runs_full(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn on_a_full_disk_writes_are_507_reads_go_on_and_writes_resume_by_themselves_long() {
    disk_runs_full(Form::Long);
}

#[test]
fn below_the_reserve_writes_are_refused_before_they_begin_and_readiness_says_so() {
    const NAME: &str = "below_the_reserve";
    let Some(mount) = Mount::tmpfs(NAME, 96) else { return };
    let server =
        Server::with_workers(2).flag("--disk-reserve-mb=32").in_folder(mount.folder()).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let ready = || {
        let reply = server.connect().get("/readyz").expect("an answer");
        (reply.status, reply.json()["cause"].as_str().map(str::to_owned))
    };
    assert_eq!(ready(), (200, None));
    let filler = Filler::leaving(server.folder(), 30 << 20);
    let refused = wait_for("a refusal", DEADLINE, || {
        let answer = write(&mut client, &path, 0);
        (answer.0 != 200).then_some(answer)
    });
    assert_eq!((refused.0, refused.1.as_str()), (507, Some("storage_full")));
    let revision = get(&mut client, &path).revision();
    let wal_bytes = || fs::metadata(server.folder().join("persona.db-wal")).expect("a WAL").len();
    wait_for("an empty WAL", DEADLINE, || (wal_bytes() == 0).then_some(()));
    for key in 0..20 {
        assert_eq!(write(&mut server.connect(), &path, key).0, 507);
        assert_eq!(
            (wal_bytes(), get(&mut server.connect(), &path).revision()),
            (0, revision),
            "it began"
        );
    }
    assert_eq!(ready(), (503, Some("storage_full".to_owned())));
    // The maintenance process reports a full disk once in a second.
    wait_for("the metric", DEADLINE, || (server.metric("persona_disk_short") == 1).then_some(()));
    let disk = server.connect().get("/api/v1/status").expect("an answer").json()["disk"].clone();
    assert_eq!(
        (&disk["state"], &disk["reserve_bytes"]),
        (&json!("short"), &json!(32 << 20)),
        "{disk}"
    );
    // A worker that starts while the disk is full serves reads.
    let victim = server.processes("worker").remove(0);
    assert!(signal(victim.pid, Signal::KILL));
    wait_for("another worker", DEADLINE, || {
        (server.processes("worker").len() == 2 && !victim.is_alive()).then_some(())
    });
    assert_eq!(get(&mut server.connect(), &path).revision(), revision);
    filler.free();
    // The earlier connection may have led to the worker that was killed.
    wait_for("a write", DEADLINE, || {
        (write(&mut server.connect(), &path, 0).0 == 200).then_some(())
    });
    wait_for("readiness", DEADLINE, || (ready().0 == 200).then_some(()));
    wait_for("the metric", DEADLINE, || (server.metric("persona_disk_short") == 0).then_some(()));
    server.wait_for_log("the disk has room again");
    report(
        7,
        NAME,
        Form::Short,
        "refused before it begins, reads 100 %",
        &json!({ "refused": 21, "reads_failed": 0 }),
    );
}

#[test]
fn on_a_disk_that_turns_read_only_reads_go_on_and_writes_have_a_declared_answer() {
    const NAME: &str = "disk_turns_read_only";
    let Some(mount) = Mount::ext4(NAME, 32) else { return };
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(mount.folder()).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    assert_eq!(write(&mut client, &path, 0).0, 200);
    // The maintenance process is at rest when the WAL is empty, as on a server that is mostly read.
    wait_for("an empty WAL", DEADLINE, || {
        fs::metadata(server.folder().join("persona.db-wal"))
            .is_ok_and(|metadata| metadata.len() == 0)
            .then_some(())
    });
    if !mount.turn_read_only() {
        skip(NAME, "this kernel cannot turn a mounted ext4 file system read-only");
        return;
    }
    let (mut refused, mut reads) = (0, 0);
    for key in 1..=10 {
        let (status, code) = write(&mut client, &path, key);
        assert_eq!((status, code.as_str()), (500, Some("storage_failed")));
        refused += 1;
        for _ in 0..10 {
            assert_eq!(get(&mut server.connect(), &path).revision(), 2);
            reads += 1;
        }
    }
    let processes = server.processes("worker");
    assert!(processes.iter().all(|process| process.generation == 1), "{processes:?}");
    report(
        7,
        NAME,
        Form::Short,
        "a declared 5xx, reads 100 %",
        &json!({ "refused": refused, "reads": reads, "reads_failed": 0 }),
    );
}

/// Room for the files of the file system itself and of a server: enough to start one.
const FILES_MAX: u32 = 40;

#[test]
fn without_room_for_another_file_a_server_serves_and_a_new_one_says_what_is_missing() {
    const NAME: &str = "no_more_files";
    let Some(mount) = Mount::few_files(NAME, FILES_MAX) else { return };
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(mount.folder()).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let mut fillers = 0;
    let mut fill = |folder: &Path| {
        while File::create(folder.join(format!("filler-{fillers}"))).is_ok() {
            fillers += 1;
        }
    };
    fill(server.folder());
    let mut backup = Command::new(env!("CARGO_BIN_EXE_persona"));
    let backup = backup
        .current_dir(server.folder())
        .env_clear()
        .args(["backup", "copy.db"])
        .output()
        .expect("the built program");
    let said = String::from_utf8_lossy(&backup.stderr);
    assert!(
        backup.status.code() == Some(1) && said.contains("no space left for copy.db"),
        "{said}"
    );
    for (number, victim) in server.processes("worker").into_iter().enumerate() {
        assert!(signal(victim.pid, Signal::KILL));
        wait_for("another worker", DEADLINE, || {
            server
                .processes("worker")
                .into_iter()
                .find(|process| process.slot == victim.slot && process.pid != victim.pid)
        });
        let mut client = wait_for("a server", DEADLINE, || Client::connect(server.address()).ok());
        assert_eq!(write(&mut client, &path, number).0, 200);
    }
    let folder = server.stop_and_keep_the_folder();
    // The WAL was removed at the stop, which made room again.
    fill(folder.path());
    let ended = refused(folder.path(), &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no space left for") && ended.stderr.contains("df -i"),
        "{}",
        ended.stderr
    );
    for number in 0..fillers {
        fs::remove_file(folder.path().join(format!("filler-{number}"))).expect("a file");
    }
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(folder).start();
    assert_eq!(get(&mut server.connect(), &path).revision(), 3);
    report(
        7,
        NAME,
        Form::Short,
        TARGET,
        &json!({ "workers_replaced": 2, "writes_refused": 0, "start_refused_with": ended.code }),
    );
}

#[test]
fn a_verification_that_fills_the_disk_finds_no_fault_and_gives_no_verdict() {
    let Some(mount) = Mount::tmpfs("a_verification_that_fills_the_disk", 2) else { return };
    let folder = mount.folder();
    let verify = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(["verify", "--seconds=600", "--clients=8", "--workers=2", "--dir"])
        .arg(folder.path())
        .output()
        .expect("the built program");
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    assert_eq!(verify.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&verify.stdout));
    assert!(
        said.contains("error: there is no space left for a scratch database in ")
            && said.contains("hint: free some space"),
        "{said}"
    );
    assert!(
        verify.stdout.is_empty() && fs::read_dir(folder.path()).expect("a folder").next().is_none(),
        "{verify:?}"
    );
}
