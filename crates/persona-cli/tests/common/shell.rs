//! The program under test, started by a shell that first sets what a process cannot be given
//! otherwise.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The same program, started by a shell that puts the socket at the descriptor where the program
/// expects it: a process that is started in another way has its first three descriptors only.
pub fn with_descriptor(program: &Command, socket: OwnedFd, variables: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(format!("{variables} exec \"$0\" \"$@\" 3<&0 0</dev/null"))
        .arg(program.get_program())
        .args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    shell.env_clear().stdin(socket).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// The same program, started by a shell that lowers the limit of open files first: a limit that is
/// set for a running process comes too late.
pub fn with_open_files(program: &Command, most: u32) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(format!("ulimit -n {most} && exec \"$0\" \"$@\""))
        .arg(program.get_program())
        .args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    shell.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}
