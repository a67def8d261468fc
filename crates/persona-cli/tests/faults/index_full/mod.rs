//! 7: the disk has room for the frames of a commit and not for the index of the WAL, which SQLite
//! extends after the commit mark is written.
//!
//! A refused change stays refused, also after a crash; a change that may come back is answered as
//! unknown.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, report, skip};
use crate::common::{Client, Server};
use crate::ledger::read_whole;

const TARGET: &str = "every extension refused, 0 refused writes that come back, 0 lost";

/// Bytes of a region of the index, which covers 4,096 frames of the WAL.
const REGION_BYTES: usize = 32 * 1024;

/// Bytes of a change; about ten changes fill a region.
const CHANGE_BYTES: usize = 500_000;

/// Keeps the maintenance process from checkpoints: otherwise it could checkpoint the WAL as fast as
/// a busy machine writes it, and the WAL would be reset before its second region.
const NO_CHECKPOINTS: &str = "--wal-autocheckpoint=1000000";

/// How many changes bring the WAL to its ceiling and so to its second region.
const CHANGES_MAX: usize = 60;

/// The preloaded library, and the file that switches its limit on.
struct Shim {
    folder: TempDir,
}

impl Shim {
    fn build() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/index_full/shim.c");
        let shim = Self { folder };
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(shim.library())
            .arg(source)
            .arg("-ldl")
            .output();
        match built {
            Ok(output) if output.status.success() => Some(shim),
            other => {
                skip("index_full", &format!("cc cannot make a library: {other:?}"));
                None
            }
        }
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("shim.so")
    }

    fn switch(&self) -> PathBuf {
        self.folder.path().join("full")
    }

    /// From here on the index cannot become longer.
    fn on(&self) {
        File::create(self.switch()).expect("a file");
    }

    fn off(&self) {
        // If the limit was never switched on there is no file to remove.
        let _ = fs::remove_file(self.switch());
    }

    /// A server that cannot have more than this many regions of its index while the limit is
    /// switched on.
    fn server(&self, regions: usize, folder: Option<TempDir>) -> Server {
        let server = Server::with_workers(2)
            .flag(NO_CHECKPOINTS)
            .variable("LD_PRELOAD", self.library().display().to_string())
            .variable("PERSONA_TEST_FULL", self.switch().display().to_string())
            .variable("PERSONA_TEST_INDEX_BYTES", (regions * REGION_BYTES).to_string());
        match folder {
            Some(folder) => server.in_folder(folder),
            None => server,
        }
        .start()
    }
}

/// The outcomes of changes that were sent until one was not kept.
#[derive(Default, Debug)]
struct Seen {
    acknowledged: Vec<String>,
    /// Changes that were refused with a code that says that nothing was changed.
    refused: Vec<(String, String)>,
    unknown: usize,
    broken: usize,
}

fn send_changes(server: &Server, path: &str, seen: &mut Seen, round: usize) {
    for number in 0..CHANGES_MAX {
        let key = format!("{round}/{number}");
        let change = json!({ "extensions": { &key: 1, "text": "t".repeat(CHANGE_BYTES) } });
        match Client::connect(server.address())
            .and_then(|mut client| patch(&mut client, path, &change))
        {
            Ok(reply) if reply.status == 200 => seen.acknowledged.push(key),
            Ok(reply) => {
                let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
                match code.as_str() {
                    "outcome_unknown" => seen.unknown += 1,
                    _ => seen.refused.push((key, code)),
                }
                return;
            }
            // The server ends its processes at once, perhaps before the answer is sent.
            Err(_) => {
                seen.broken += 1;
                return;
            }
        }
    }
}

/// Checks that the acknowledged changes are kept, and besides them at most the changes in doubt.
fn assert_kept(server: &Server, path: &str, seen: &Seen) {
    let kept = get(&mut server.connect(), path).json();
    let missing = seen.acknowledged.iter().find(|key| kept["extensions"].get(key).is_none());
    assert_eq!(missing, None, "lost: {seen:?}");
    let back = seen.refused.iter().find(|(key, _)| kept["extensions"].get(key).is_some());
    assert_eq!(back, None, "refused, and kept all the same: {seen:?}");
    read_whole(&server.database());
}

fn no_room_for_the_index(form: Form) {
    let Some(shim) = Shim::build() else { return };
    let mut seen = Seen::default();
    let rounds = form.pick(2, 100);
    let server = shim.server(1, None);
    let path = create(&mut server.connect(), "survivor");
    let mut folder = server.stop_and_keep_the_folder();
    for round in 0..rounds {
        shim.on();
        let server = shim.server(1 + round % 2, Some(folder));
        send_changes(&server, &path, &mut seen, round);
        folder = server.kill_and_keep_the_folder();
        shim.off();
        let server = shim.server(1, Some(folder));
        assert_kept(&server, &path, &seen);
        // Without a WAL the next start needs one region only.
        folder = server.stop_and_keep_the_folder();
    }
    // A process that ends before its answer leaves its client in the same doubt.
    let doubts = seen.unknown + seen.broken;
    assert!(doubts > 0, "no commit came to the end of the index: {seen:?}");
    let figures = json!({
        "rounds": rounds, "acknowledged": seen.acknowledged.len(), "unknown": seen.unknown, "broken": seen.broken,
        "refused": seen.refused.len(), "refused_and_kept": 0, "lost": 0,
    });
    report(7, "no_room_for_the_index", form, TARGET, &figures);
}

#[test]
fn without_room_for_the_index_of_the_wal_a_commit_is_in_doubt_and_what_is_refused_stays_refused() {
    no_room_for_the_index(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn without_room_for_the_index_of_the_wal_a_commit_is_in_doubt_and_what_is_refused_stays_refused_long()
 {
    no_room_for_the_index(Form::Long);
}

#[test]
fn an_index_that_was_made_at_the_start_needs_no_room_later() {
    let Some(shim) = Shim::build() else { return };
    let server = shim.server(1, None);
    let path = create(&mut server.connect(), "survivor");
    shim.on();
    let mut seen = Seen::default();
    send_changes(&server, &path, &mut seen, 0);
    assert_eq!(seen.acknowledged.len(), CHANGES_MAX, "{seen:?}");
    let processes = [server.processes("maintenance"), server.processes("worker")].concat();
    assert!(processes.iter().all(|process| process.generation == 1), "{processes:?}");
}
