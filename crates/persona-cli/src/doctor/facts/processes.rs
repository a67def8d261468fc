//! The processes that have a database open, and the address of the server among them.

use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use persona_server::process_table::{self, is_child_of_server};
use persona_storage::sqlite::lock_probe::{Holder, files_open_in};
use persona_storage::sqlite::{FileId, WriteLock, with_suffix};

/// The name of this program, unless its file was renamed.
const PROGRAM: &str = "persona";

/// The state of a listening socket in the system's table (`include/net/tcp_states.h`).
const LISTENING: &str = "0A";

/// A process that has the database open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The process.
    pub process: Holder,
    /// Whether the process runs this program.
    pub is_ours: bool,
    /// Whether the process has the file of the write lock open too, as every writer must.
    pub write_lock: bool,
    /// The process's limit of open files, if the system tells it.
    pub descriptors_max: Option<u64>,
}

/// Every other process that has this file open, as far as this user may see.
pub(super) fn users_of(database: &Path) -> Vec<User> {
    let file_at = |path: &Path| FileId::of(path).ok().flatten();
    let Some(file) = file_at(database) else { return Vec::new() };
    let write_lock = file_at(&WriteLock::path(database));
    let index = file_at(&with_suffix(database, "-shm"));
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let others = pids.filter(|pid| *pid != std::process::id());
    let mut users: Vec<User> = others
        .filter_map(|pid| {
            let open: Vec<FileId> = files_open_in(pid).collect();
            let uses = open.contains(&file) || index.is_some_and(|index| open.contains(&index));
            uses.then(|| {
                let process = Holder::of(pid);
                let write_lock = write_lock.is_some_and(|write_lock| open.contains(&write_lock));
                User {
                    is_ours: is_ours(&process),
                    process,
                    write_lock,
                    descriptors_max: descriptors_max(pid),
                }
            })
        })
        .collect();
    // The command line of a supervisor is that of any program, but its children tell of it.
    let pids = users.iter().map(|user| user.process.pid).filter(|pid| is_child_of_server(*pid));
    let supervisors: HashSet<u32> = pids.filter_map(process_table::server_of).collect();
    for user in &mut users {
        user.is_ours |= supervisors.contains(&user.process.pid);
    }
    users.sort_by_key(|user| user.process.pid);
    users
}

/// Whether a process runs this program. A program that was renamed is known by its file, where it
/// is that of this process, and as a server by the command lines of its children.
fn is_ours(process: &Holder) -> bool {
    let file_of = |process: &str| FileId::of(Path::new(&format!("/proc/{process}/exe")));
    let is_this_file = || match (file_of("self"), file_of(&process.pid.to_string())) {
        (Ok(Some(own)), Ok(Some(other))) => own == other,
        _ => false,
    };
    process.name == PROGRAM || is_this_file() || is_child_of_server(process.pid)
}

fn descriptors_max(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The address on which a server of this machine listens that has this file open.
pub fn server_of(database: &Path) -> Option<SocketAddr> {
    address_of(&users_of(database))
}

/// The address on which the server of one of these processes listens: the address of a listening
/// socket of the process, from the system's table.
pub fn address_of(users: &[User]) -> Option<SocketAddr> {
    let pids = users.iter().filter(|user| user.is_ours).map(|user| user.process.pid);
    let sockets: HashSet<u64> = pids.flat_map(sockets_of).collect();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| fs::read_to_string(table).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(listening_in)
        .find(|(_, inode)| sockets.contains(inode))
        .map(|(address, _)| address)
}

fn sockets_of(pid: u32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let links = entries.filter_map(|entry| {
        fs::read_link(entry.ok()?.path()).ok()?.into_os_string().into_string().ok()
    });
    links
        .filter_map(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .collect()
}

/// Address and inode of a line of `/proc/net/tcp` or `tcp6`, if the line is that of a listening
/// socket. Addresses are hexadecimal words in the byte order of the machine.
fn listening_in(line: &str) -> Option<(SocketAddr, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = words.get(1)?.split_once(':')?;
    if *words.get(3)? != LISTENING {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = if address.len() == 8 {
        Ipv4Addr::from(word(0)?).into()
    } else {
        let bytes: Vec<u8> = (0..4).filter_map(word).flatten().collect();
        Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
    };
    Some((SocketAddr::new(ip, port), words.get(9)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use persona_server::process_table::parent_of;
    use persona_storage::sqlite::lock_probe::Holder;

    use super::{is_ours, listening_in, users_of};

    #[test]
    fn a_socket_that_waits_for_connections_is_found_in_the_table() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000";
        let v6 = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 77 1 0";
        assert_eq!(
            listening_in(line).map(|(address, inode)| (address.to_string(), inode)),
            Some(("127.0.0.1:8080".into(), 12345))
        );
        assert_eq!(
            listening_in(v6).map(|(address, inode)| (address.to_string(), inode)),
            Some(("[::1]:80".into(), 77))
        );
        assert_eq!(listening_in(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listening_in("  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn a_process_of_the_same_file_is_ours_whatever_its_name() {
        let own = std::process::id();
        // The program that runs the tests is another one.
        let parent = parent_of(own.try_into().expect("a number")).expect("a parent");
        assert!(is_ours(&Holder { name: "persona-new".into(), ..Holder::of(own) }));
        assert!(!is_ours(&Holder::of(parent.try_into().expect("a number"))));
    }

    #[test]
    fn a_file_that_is_not_there_has_no_users() {
        assert_eq!(users_of(std::path::Path::new("nowhere.db")), []);
    }
}
