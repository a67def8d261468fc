//! Processes as the system shows them, not as the program under test reports them.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::{DEADLINE, wait_for};

/// A child of a supervisor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Process {
    /// `init`, `maintenance` or `worker`.
    pub role: String,
    /// The number of its slot.
    pub slot: u16,
    /// How many processes the slot had up to and with this one.
    pub generation: u64,
    /// The number of the process.
    pub pid: u32,
}

impl Process {
    /// The living children of a process, in the order of role, slot and generation.
    pub fn children_of(parent: u32) -> Vec<Self> {
        let mut children: Vec<Self> =
            numbers_of_children(parent).into_iter().filter_map(Self::of).collect();
        children.sort_unstable();
        children
    }

    fn of(pid: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<&str> = line.split('\0').collect();
        let at = words.iter().position(|word| *word == "run-role")?;
        let after =
            |flag| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
        let (slot, generation) =
            (after("--slot")?.parse().ok()?, after("--generation")?.parse().ok()?);
        Some(Self { role: (*words.get(at + 1)?).to_owned(), slot, generation, pid })
    }

    /// The resident memory now, and the largest that it ever was, in bytes (`proc_pid_status(5)`).
    pub fn resident(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it lives");
        let bytes = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a size");
            1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        (bytes("VmRSS:"), bytes("VmHWM:"))
    }

    /// Whether the process exists and is not only waiting to be reaped.
    pub fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }
}

/// Stops a supervisor, which then starts no further process, and lists its children.
#[track_caller]
pub fn stop_and_list_children(supervisor: u32) -> Vec<u32> {
    assert!(signal(supervisor, Signal::STOP), "the supervisor lives");
    wait_for("a stopped supervisor", DEADLINE, || {
        (state_of(supervisor).as_deref() == Some("T")).then_some(())
    });
    numbers_of_children(supervisor)
}

/// The numbers of the children of a process, also of those that have not come to their program yet.
fn numbers_of_children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("a mounted /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Whether a process exists and is not only waiting to be reaped.
pub fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
        && state_of(pid).is_some_and(|state| state != "Z")
}

/// Sends a signal; false if there is no such process.
pub fn signal(pid: u32, signal: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process number");
    kill_process(pid, signal).is_ok()
}

fn parent_of(pid: u32) -> Option<u32> {
    stat_of(pid, 1)?.parse().ok()
}

/// How a process is, as a letter of `proc_pid_stat(5)`.
fn state_of(pid: u32) -> Option<String> {
    stat_of(pid, 0)
}

/// A field of `/proc/<pid>/stat`, counted from the end of the name, which may contain spaces.
fn stat_of(pid: u32, field: usize) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(field).map(str::to_owned)
}
