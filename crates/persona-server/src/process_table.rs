//! Reads facts about this program's processes from the system's table of processes (proc(5)), and
//! names them there.

use std::fs;

/// The first word of the command line of a child of the supervisor.
pub const RUN_ROLE: &str = "run-role";

/// The name of a child in tools that show command lines (`ps -f`): `persona: worker 2`, followed by
/// its arguments.
pub fn title(role: &str, slot: u16) -> String {
    if slot == 0 { format!("persona: {role}") } else { format!("persona: {role} {slot}") }
}

/// Gives this process a short name for tools that show no command line (`ps -e`, `top`), such as
/// `persona-maint` or `persona-work 2`. The system keeps 15 bytes, and a child would otherwise be
/// named after the link by which it was started.
pub fn name_this_process(role: &str, slot: u16) {
    let name = if slot == 0 {
        format!("persona-{}", role.get(..5).unwrap_or(role))
    } else {
        format!("persona-{} {slot}", role.get(..4).unwrap_or(role))
    };
    // A failure is ignored, because the name is only shown to people.
    let _ = fs::write("/proc/self/comm", name);
}

/// The supervisor of a process, if the process is a child of a server.
pub fn server_of(pid: u32) -> Option<u32> {
    let pid = i32::try_from(pid).ok()?;
    role_of(pid)?;
    u32::try_from(parent_of(pid)?).ok()
}

/// The number of the parent of a process.
pub fn parent_of(pid: i32) -> Option<i32> {
    field_of(pid, PARENT)?.parse().ok()
}

/// Whether a signal has stopped a process.
pub fn is_stopped(pid: i32) -> bool {
    field_of(pid, STATE).as_deref() == Some("T")
}

/// Fields of `/proc/PID/stat` behind the name of the process, counted from 0.
const STATE: usize = 0;
const PARENT: usize = 1;

/// A field of `/proc/PID/stat`. The fields are counted behind the name, which is in parentheses and
/// may hold any character itself.
fn field_of(pid: i32, number: usize) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(number).map(str::to_owned)
}

/// The children of this process, which is process 1 of a container; empty if the kernel keeps no
/// such list.
pub fn children_of_process_1() -> Vec<i32> {
    let listed = fs::read_to_string("/proc/self/task/1/children").unwrap_or_default();
    listed.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Whether the command line of a process is one that a supervisor of this program gives its
/// children, whatever name the file of the program has.
pub fn is_child_of_server(pid: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    is_line_of_child(&line)
}

fn is_line_of_child(line: &str) -> bool {
    let mut words = line.split('\0');
    let (Some(name), Some(RUN_ROLE), Some(role), Some("--slot"), Some(slot)) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    slot.parse().is_ok_and(|slot| name == title(role, slot))
}

/// The role of a process, if the process is a child of a server.
pub fn role_of(pid: i32) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split('\0').skip_while(|word| *word != RUN_ROLE);
    words.nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{is_line_of_child, title};

    #[test]
    fn a_child_is_known_by_the_whole_line_that_its_supervisor_gave_it() {
        let line = |words: &[&str]| words.join("\0") + "\0";
        let worker = title("worker", 2);
        let child = [&*worker, "run-role", "worker", "--slot", "2", "--generation", "1"];
        assert!(is_line_of_child(&line(&child)));
        let maintenance = title("maintenance", 0);
        assert!(is_line_of_child(&line(&[
            &maintenance,
            "run-role",
            "maintenance",
            "--slot",
            "0",
            "--generation",
            "1"
        ])));
        for other in [
            &["run-role", "worker", "--slot", "2"][..],
            &["sqlite3", "run-role", "worker", "--slot", "2"],
            &[&worker, "run-role", "worker", "--slot", "3"],
            &[&worker, "run-role", "maintenance", "--slot", "2"],
            &[&worker, "run-role", "worker", "--slot", "x"],
            &[&worker],
            &[],
        ] {
            assert!(!is_line_of_child(&line(other)), "{other:?}");
        }
    }
}
