//! Finds and kills the processes of a server that this program started.

use std::fs;
use std::io;

use persona_server::process_table::{parent_of, role_of};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A child of a supervisor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// `maintenance` or `worker`.
    pub role: String,
    pid: i32,
    parent: i32,
}

impl Process {
    /// The living children of a supervisor that have a role.
    pub fn children_of(supervisor: u32) -> Vec<Self> {
        let Some(parent) = i32::try_from(supervisor).ok() else { return Vec::new() };
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let children = pids.filter(|pid| parent_of(*pid) == Some(parent));
        children.filter_map(|pid| Some(Self { role: role_of(pid)?, pid, parent })).collect()
    }

    /// Kills this process, and never another one that got its number meanwhile.
    pub fn kill(&self) -> io::Result<()> {
        let pid = Pid::from_raw(self.pid).ok_or(io::ErrorKind::InvalidInput)?;
        // A pidfd keeps naming the same process, so the parent is checked after it was opened.
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        if parent_of(self.pid) != Some(self.parent) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(pidfd_send_signal(process, Signal::KILL)?)
    }
}
