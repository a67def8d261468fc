//! The facts about a file and its place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use persona_storage::sqlite::inspect::{self, Contents, FirstPage, Presence, ReadBack};
use persona_storage::sqlite::lock_probe::{
    Holder, holder_of_sqlite_write_lock, holder_of_write_lock,
};
use persona_storage::sqlite::{
    DatabaseError, FileSystem, SecondName, Settings, initialise, second_name, with_suffix,
};

use super::neighbours::{Neighbour, neighbours_of};
use super::processes::{self, User};

/// The metadata of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// The user that owns the file.
    pub owner: u32,
    /// The group of the file.
    pub group: u32,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// When the file was last written, in seconds since the epoch.
    pub modified: i64,
}

/// Room on the file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Free bytes that this user may use.
    pub bytes_free: u64,
    /// Number of files that can still be created; `None` if the file system does not count them.
    pub files_free: Option<u64>,
}

/// The facts about a file and its place.
pub struct FileFacts {
    /// The path, as the user would write it.
    pub path: PathBuf,
    /// The settings of storage for the file.
    pub settings: Settings,
    /// The user that this process runs as.
    pub user: u32,
    /// Whether every entry was checked, or only the structure.
    pub full: bool,
    /// The metadata of the file; `None` when it does not exist.
    pub entry: Option<Entry>,
    /// The files and folders beside the database that the server needs.
    pub neighbours: Vec<Neighbour>,
    /// The second name by which the file can be reached; `None` if there is only one name.
    pub second_name: Option<SecondName>,
    /// The content of the first page, or why the file is refused.
    pub first_page: Result<Option<FirstPage>, DatabaseError>,
    /// The file system; `None` when the folder does not exist.
    pub file_system: Option<FileSystem>,
    /// The free space; `None` when the folder does not exist.
    pub space: Option<Space>,
    /// Size of the WAL file in bytes; `None` when there is none.
    pub wal_bytes: Option<u64>,
    /// Names of files that an earlier run left.
    pub leftovers: Vec<String>,
    /// The processes that have the file open.
    pub users: Vec<User>,
    /// The process that holds the write lock at this moment.
    pub write_lock: Option<Holder>,
    /// The process that holds SQLite's own writer lock at this moment.
    pub writer: Option<Holder>,
    /// The settings of a connection, read back; `None` when no connection could be tried.
    pub read_back: Option<Result<ReadBack, DatabaseError>>,
    /// The content of the file; `None` when the file is not that of this program.
    pub contents: Option<Result<Contents, DatabaseError>>,
}

impl FileFacts {
    /// Looks at a file and the folder of its backups without SQLite. Must come before this process
    /// opens the file with SQLite.
    pub fn look(settings: Settings, user: u32, backups: &Path) -> Self {
        let path = settings.path.clone();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let entry = fs::metadata(&path).ok();
        Self {
            user,
            full: false,
            entry: entry.map(|metadata| Entry {
                mode: metadata.mode() & 0o7777,
                owner: metadata.uid(),
                group: metadata.gid(),
                bytes: metadata.len(),
                modified: metadata.mtime(),
            }),
            neighbours: neighbours_of(&path, &folder, backups),
            second_name: second_name(&path).ok().flatten(),
            first_page: inspect::first_page(&path),
            file_system: FileSystem::of(&folder).ok(),
            space: space_of(&folder),
            wal_bytes: fs::metadata(with_suffix(&path, "-wal")).ok().map(|metadata| metadata.len()),
            leftovers: leftovers_of(&path, &folder),
            users: processes::users_of(&path),
            write_lock: holder_of_write_lock(&path),
            writer: holder_of_sqlite_write_lock(&path).ok().flatten(),
            read_back: None,
            contents: None,
            settings,
            path,
        }
    }

    /// Reads the file with SQLite, without changing anything. A file of another program is not
    /// opened.
    pub fn look_inside(&mut self, full: bool) {
        self.full = full;
        let ours = self.first_page.as_ref().is_ok_and(Option::is_some);
        let remote = self.file_system.is_some_and(FileSystem::is_remote);
        if !ours || remote {
            return;
        }
        let presence = if self.wal_bytes.is_some() { Presence::WithWal } else { Presence::AtRest };
        self.contents = Some(inspect::contents(&self.settings, presence, full));
        self.read_back = match presence {
            Presence::WithWal => Some(inspect::read_back(&self.settings)),
            // Beside a file that no process has open, a connection would create a WAL and its
            // index, so the connection is tried on a temporary file.
            Presence::AtRest => tried_elsewhere(&self.settings),
        };
    }
}

fn tried_elsewhere(settings: &Settings) -> Option<Result<ReadBack, DatabaseError>> {
    let folder = tempfile::tempdir().ok()?;
    let scratch = Settings { path: folder.path().join("scratch.db"), ..settings.clone() };
    Some(initialise(&scratch).and_then(|_| inspect::read_back(&scratch)))
}

fn space_of(folder: &Path) -> Option<Space> {
    let room = rustix::fs::statvfs(folder).ok()?;
    let files_free = (room.f_files > 0).then_some(room.f_favail);
    Some(Space { bytes_free: room.f_bavail.saturating_mul(room.f_frsize), files_free })
}

/// Files beside the database that only a conversion, a backup or the journal of another program
/// leaves behind.
fn leftovers_of(path: &Path, folder: &Path) -> Vec<String> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left = |candidate: &String| {
        candidate.strip_prefix(&name).is_some_and(|rest| {
            rest == "-before-wal" || rest == "-journal" || rest.ends_with(".unfinished")
        })
    };
    let mut leftovers: Vec<String> = names.filter(left).collect();
    leftovers.sort();
    leftovers
}
