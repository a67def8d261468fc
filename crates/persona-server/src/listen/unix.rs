//! A unix socket: made under a path, and removed again.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use super::BACKLOG;
use crate::config::UnixSocket;

/// Longest path of a unix socket, in bytes: the room of the system without the zero at the end
/// (unix(7), `sun_path`).
const PATH_BYTES_MAX: usize = 107;

/// The reason why a unix socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each one means")]
pub enum NoUnixSocket {
    #[error("the path {} has {} bytes, and that of a unix socket may have {PATH_BYTES_MAX}", .0.display(), .0.as_os_str().len())]
    TooLong(PathBuf),
    #[error("{} is no socket, and stays as it is", .0.display())]
    NoSocket(PathBuf),
    #[error("another program listens on {}", .0.display())]
    InUse(PathBuf),
    #[error("there is no group {0}")]
    NoGroup(String),
    #[error("could not give {} to the group {group}: {source}", path.display())]
    NotOfGroup { path: PathBuf, group: String, source: io::Error },
    #[error("could not listen on {}: {source}", path.display())]
    System { path: PathBuf, source: io::Error },
}

/// Device, inode and time of creation, because a free inode is used again at once.
type Identity = (u64, u64, i64, i64);

/// The name of a socket, which is removed when this is dropped, unless another socket has the name
/// by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    /// The path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity_of(&self.path).is_ok_and(|identity| identity == self.identity) {
            // If the removal fails, the next start finds that nothing listens on the socket, and
            // removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the socket and begins to queue connections.
///
/// # Errors
///
/// The path cannot be used, or something else is there.
pub fn make(wanted: &UnixSocket) -> Result<(UnixListener, SocketFile), NoUnixSocket> {
    let path = &wanted.path;
    if path.as_os_str().as_bytes().len() > PATH_BYTES_MAX {
        return Err(NoUnixSocket::TooLong(path.clone()));
    }
    let group = wanted.group.as_deref().map(group_named).transpose()?;
    remove_stale(path)?;
    let failed = |source: io::Error| NoUnixSocket::System { path: path.clone(), source };
    let (socket, file) = bound(path).map_err(failed)?;
    // The group and mode can be set now, because no client can connect before `listen`.
    if let (Some(number), Some(group)) = (group, &wanted.group) {
        let refused =
            |source| NoUnixSocket::NotOfGroup { path: path.clone(), group: group.clone(), source };
        chown(path, None, Some(number)).map_err(refused)?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted.mode)).map_err(failed)?;
    listen(&socket, BACKLOG).map_err(io::Error::from).map_err(failed)?;
    Ok((UnixListener::from(socket), file))
}

fn bound(path: &Path) -> io::Result<(OwnedFd, SocketFile)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    let identity = identity_of(path)?;
    // The path is made absolute, because the file is removed at the end, when the current folder
    // may be another one.
    let file = SocketFile { path: std::path::absolute(path)?, identity };
    Ok((socket, file))
}

/// Removes a socket that an earlier server left. A socket on which a program listens stays, and so
/// does a file that is no socket.
fn remove_stale(path: &Path) -> Result<(), NoUnixSocket> {
    let failed = |source: io::Error| NoUnixSocket::System { path: path.into(), source };
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(failed)?,
    };
    if !found.file_type().is_socket() {
        return Err(NoUnixSocket::NoSocket(path.into()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(NoUnixSocket::InUse(path.into())),
    }
}

fn identity_of(path: &Path) -> io::Result<Identity> {
    let facts = std::fs::symlink_metadata(path)?;
    Ok((facts.dev(), facts.ino(), facts.mtime(), facts.mtime_nsec()))
}

/// The number of a group, by its number or its name (group(5)).
fn group_named(name: &str) -> Result<u32, NoUnixSocket> {
    let unknown = || NoUnixSocket::NoGroup(name.to_owned());
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group").map_err(|_| unknown())?;
    let number_of = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    groups.lines().find_map(number_of).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};

    use super::{NoUnixSocket, PATH_BYTES_MAX, group_named, make};
    use crate::config::UnixSocket;

    fn wanted(path: &Path) -> UnixSocket {
        UnixSocket { path: path.into(), mode: 0o640, group: None }
    }

    #[test]
    fn a_socket_is_made_with_its_rights_and_removed_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let (listener, file) = make(&wanted(&path)).expect("a socket");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        UnixStream::connect(&path).expect("it listens");
        assert!(matches!(make(&wanted(&path)), Err(NoUnixSocket::InUse(_))));
        drop(listener);
        // The remains of a killed server: nothing listens on the socket.
        let (_listener, other) = make(&wanted(&path)).expect("the stale one is replaced");
        drop(file);
        UnixStream::connect(&path).expect("the name of another socket stays");
        drop(other);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays_and_a_path_has_a_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data");
        std::fs::write(&path, "precious").expect("a file");
        assert!(matches!(make(&wanted(&path)), Err(NoUnixSocket::NoSocket(_))));
        assert_eq!(std::fs::read(&path).expect("it is there"), b"precious");
        let long = PathBuf::from("/").join("x".repeat(PATH_BYTES_MAX));
        assert!(matches!(make(&wanted(&long)), Err(NoUnixSocket::TooLong(_))));
        let nowhere = folder.path().join("nowhere/socket");
        assert!(matches!(make(&wanted(&nowhere)), Err(NoUnixSocket::System { .. })));
        let elsewhere = folder.path().join("elsewhere");
        let _listener = UnixListener::bind(&elsewhere).expect("a socket");
        assert!(matches!(make(&wanted(&elsewhere)), Err(NoUnixSocket::InUse(_))));
    }

    #[test]
    fn a_group_is_known_by_its_number_and_its_name() {
        assert_eq!(group_named("4711").ok(), Some(4711));
        assert_eq!(group_named("root").ok(), Some(0));
        assert!(matches!(group_named("no such group"), Err(NoUnixSocket::NoGroup(_))));
    }
}
