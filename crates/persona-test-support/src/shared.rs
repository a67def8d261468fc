//! The PostgreSQL server that all tests of a run share, even where each test is a process of its
//! own.
//!
//! A run lasts as long as the process that starts the tests: `cargo nextest` (one process for each
//! test) or `cargo test` (one process for each test program). The first test that needs the server
//! starts it, under a lock; a shell beside the server waits for the end of the run, ends the server
//! and removes its folder. So nothing is left over, even if the run is ended by Ctrl-C or killed.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::Path;
use std::process::Command;

use crate::Cluster;
use crate::cluster::{OPTIONS, arguments, binaries, give_to_server, unprivileged};
use crate::port::Port;

/// Names of the programs that run tests, as `/proc` shows them.
const RUNNERS: [&str; 2] = ["cargo", "cargo-nextest"];
/// Starts a server, waits until it takes connections, and leaves a process behind that ends it
/// after the run.
const MAINTENANCE: &str = r#"
folder=$1 runner=$2 pg_ctl=$3; shift 3
exec > "$folder/start" 2>&1 < /dev/null
"$pg_ctl" start -w -t 60 -D "$folder/data" -l "$folder/log" -o "$*" || exit 1
{
    tail --pid="$runner" -f /dev/null
    "$pg_ctl" stop -w -m immediate -D "$folder/data"
    rm -rf "$folder"
} &
"#;

/// The process that starts the tests.
pub struct Runner {
    pid: u32,
    /// When the process was started, in ticks since the machine started. Together with its number
    /// it identifies the process even after the number is used again.
    started: String,
}

/// The parent of this process, if the parent is one of [`RUNNERS`]. A test that was started by hand
/// has another parent, such as a shell, which may live for days.
pub fn runner() -> Option<Runner> {
    let pid = parent_id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1;
    // Field 22 of proc_pid_stat(5); the first field behind the name is field 3.
    let started = after.split_whitespace().nth(22 - 3)?.to_owned();
    RUNNERS.contains(&name).then_some(Runner { pid, started })
}

/// The server of a run, started if it does not run.
pub fn of(runner: &Runner) -> Cluster {
    let name = format!("persona-postgres-{}-{}", runner.pid, runner.started);
    in_folder(&std::env::temp_dir().join(name), runner.pid)
}

/// The server with its data in this folder, started if it does not run. It runs until the process
/// `runner` ends.
pub fn in_folder(folder: &Path, runner: u32) -> Cluster {
    if let Err(error) = DirBuilder::new().mode(0o700).create(folder) {
        assert!(folder.is_dir(), "{}: {error}", folder.display());
    }
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .expect("the folder of the shared server is ours");
    lock.lock().expect("another test gives the lock back");
    let port = fs::read_to_string(folder.join("port")).ok().and_then(|text| text.parse().ok());
    let port = port.unwrap_or_else(|| started(folder, runner));
    Cluster::of_other(folder.to_owned(), port)
}

/// Starts the server and returns its port. The port is not reserved any further, because the server
/// keeps it until the run ends.
fn started(folder: &Path, runner: u32) -> u16 {
    // This happens while the lock is held, because a test that made the folder is not always the
    // first to get the lock.
    give_to_server(folder);
    let reserved = Port::reserve();
    let cluster = Cluster::of_other(folder.to_owned(), reserved.number());
    // Removes the remains of a test that was killed during this step.
    let _ = fs::remove_dir_all(cluster.data());
    cluster.make_data();
    let options: Vec<String> = OPTIONS.iter().map(ToString::to_string).collect();
    let mut maintenance = Command::new("sh");
    maintenance
        .args(["-c", MAINTENANCE, "maintenance"])
        .arg(folder)
        .arg(runner.to_string())
        .arg(binaries().join("pg_ctl"))
        .args(arguments(folder, reserved.number(), &options))
        .current_dir("/")
        // The process gets its own group, so that Ctrl-C does not end it before the run ends.
        .process_group(0);
    if let Some((user, group)) = unprivileged() {
        maintenance.uid(user).gid(group);
    }
    let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
    let has_started = maintenance.status().expect("a shell").success();
    assert!(has_started, "PostgreSQL did not start:\n{}", log());
    fs::write(folder.join("port"), reserved.number().to_string()).expect("the folder is writable");
    reserved.number()
}
