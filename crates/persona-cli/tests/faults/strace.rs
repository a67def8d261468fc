//! `strace` as the tool that injects faults: it kills at the n-th call, fails the n-th call, and
//! records calls.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::{fs, thread};

use rustix::process::Signal;

use crate::common::report::skip;
use crate::common::{DEADLINE, signal, wait_for};

/// The calls that change files. SQLite syncs with `fsync` or `fdatasync`, by how it was built.
pub const CHANGING: &str = "write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,copy_file_range,sendfile";

/// A call, and its number among the calls of this kind in one thread of the program.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Point {
    pub call: String,
    pub nth: u64,
}

/// Whether `strace` is installed; prints that the test is skipped where it is not.
#[track_caller]
pub fn is_there(test: &str) -> bool {
    let there = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        skip(test, "strace is missing (apt-get install strace)");
    }
    there
}

/// The program under test with these arguments, in this folder, below `strace` with these options.
pub fn traced(folder: &Path, options: &[String], arguments: &[String]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options).arg(env!("CARGO_BIN_EXE_persona")).args(arguments);
    command
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Every point of a run of the program at which a file changes: for each call, as many as the
/// busiest thread made.
pub fn points_of(folder: &Path, calls: &str, arguments: &[String]) -> Vec<Point> {
    points_in_files(folder, calls, &[], arguments)
}

/// The same, for the files that these options select.
pub fn points_in_files(
    folder: &Path,
    calls: &str,
    files: &[String],
    arguments: &[String],
) -> Vec<Point> {
    let record = folder.join("strace.out");
    let options = [
        &["-o".into(), record.display().to_string(), "-e".into(), format!("trace={calls}")],
        files,
    ]
    .concat();
    let output = traced(folder, &options, arguments).output().expect("strace");
    assert!(
        output.status.success(),
        "the undisturbed run failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(&record).expect("a record");
    fs::remove_file(&record).expect("a record");
    points_in(&text)
}

fn points_in(record: &str) -> Vec<Point> {
    let mut counts = std::collections::BTreeMap::<(String, String), u64>::new();
    for line in record.lines() {
        let mut words = line.splitn(2, ' ').map(str::trim);
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else { continue };
        if let Some((call, _)) = rest.split_once('(').filter(|(call, _)| {
            call.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        }) {
            *counts.entry((call.to_owned(), thread.to_owned())).or_default() += 1;
        }
    }
    let mut most = std::collections::BTreeMap::<String, u64>::new();
    for ((call, _), count) in counts {
        let known = most.entry(call).or_default();
        *known = count.max(*known);
    }
    most.into_iter()
        .flat_map(|(call, count)| (1..=count).map(move |nth| Point { call: call.clone(), nth }))
        .collect()
}

/// At most this many of the points, spread evenly.
pub fn spread(points: Vec<Point>, most: usize) -> Vec<Point> {
    let count = points.len();
    if count <= most {
        return points;
    }
    (0..most).map(|index| points[index * count / most].clone()).collect()
}

/// The option that kills the program just before a call.
pub fn kill_at(point: &Point) -> String {
    format!("inject={}:signal=KILL:when={}", point.call, point.nth)
}

/// The option that makes a call fail; with `sticky` all later calls fail too.
pub fn fail_at(point: &Point, error: &str, sticky: bool) -> String {
    format!(
        "inject={}:error={error}:when={}{}",
        point.call,
        point.nth,
        if sticky { "+" } else { "" }
    )
}

/// `strace` on a process that runs already, until dropped.
pub struct Attached {
    strace: Child,
}

impl Attached {
    /// Attaches to a process and all its threads, and waits until that is done.
    #[track_caller]
    pub fn to(pid: u32, options: &[String]) -> Self {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-p", &pid.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut strace = command.spawn().expect("strace");
        let mut lines = BufReader::new(strace.stderr.take().expect("a pipe"));
        let (said, heard) = channel();
        thread::spawn(move || {
            let mut first = String::new();
            let _ = lines.read_line(&mut first);
            let _ = said.send(first);
            // The rest of the output is read, so that `strace` never waits for room in the pipe.
            let _ = lines.read_to_string(&mut String::new());
        });
        let first = heard.recv_timeout(DEADLINE).unwrap_or_default();
        assert!(first.contains("attached"), "strace could not attach to {pid}: {first}");
        Self { strace }
    }

    /// Waits until the traced process has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the end of the traced process", DEADLINE, || {
            self.strace.try_wait().expect("a child")
        })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // The signal is not a kill: `strace` has to detach from the process, which would stay
        // stopped or end otherwise.
        if self.strace.try_wait().ok().flatten().is_none() {
            signal(self.strace.id(), Signal::INT);
            let _ = self.strace.wait();
        }
    }
}
