//! Examines a file without changing it, for `persona doctor`.
//!
//! What lives here: reading. What must not: anything that creates, converts, checkpoints or
//! repairs.
//!
//! Start reading at [`contents`].

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use persona_model::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::check::{Scope, examine};
use super::connection::{self, Purpose};
use super::{CheckReport, DatabaseError, Progress, Settings};
use crate::sqlite::files::header::Header;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::{feed, old_revisions, personas};
use crate::{HistorySize, NoObserver};

/// Most faults that a check of the content lists: enough to see that the file is damaged, and
/// where.
const FIELD_ERRORS_MAX: usize = 10;

/// Longest wait for a lock of another program, because an examination must not hang.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// What the first page of a file of ours says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstPage {
    /// Whether the file is in WAL mode; any rollback-journal mode otherwise.
    pub wal: bool,
    /// Version of the schema, as of the last checkpoint.
    pub schema_version: u32,
}

/// Reads the first page of a file with plain file calls, so before anything in this process opens
/// it with SQLite. `None` when there is no file, or an empty one.
///
/// # Errors
///
/// The file cannot be read, is no SQLite database, or belongs to another application or a newer
/// version.
pub fn first_page(path: &Path) -> Result<Option<FirstPage>, DatabaseError> {
    let Some(header) = Header::read(path)? else { return Ok(None) };
    migrate::check_owner(path, &header)?;
    Ok(Some(FirstPage { wal: header.wal, schema_version: header.user_version }))
}

/// The schema version that this program makes and needs.
pub const SCHEMA_VERSION: u32 = migrate::VERSION;

/// Why a file with another schema version cannot be used: it is that of a newer or older program,
/// or its personas were moved to another database.
pub fn other_version(path: &Path, found: u32) -> DatabaseError {
    migrate::other_version(path, found)
}

/// Bytes that the WAL is kept below.
pub const WAL_BYTES_MAX: u64 = connection::WAL_BYTES_MAX.unsigned_abs();

/// The version of the linked library as a number, as [`super::library_is_safe`] takes it.
pub fn library_number() -> i32 {
    rusqlite::version_number()
}

/// What the linked library was compiled with, without the `SQLITE_` in front.
///
/// # Errors
///
/// The library cannot even open a database in memory.
pub fn compile_options() -> Result<Vec<String>, DatabaseError> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_in_memory()?;
        let mut statement = connection.prepare("PRAGMA compile_options")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    read().map_err(|error| DatabaseError::from_driver(Path::new(":memory:"), error))
}

/// The settings of connections, as they were read back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadBack {
    /// How many settings were read, over all kinds of connection.
    pub settings: usize,
    /// The wrong settings, in words.
    pub wrong: Vec<String>,
}

/// Opens a connection of each kind as the server does, and reads back every setting of each.
///
/// # Errors
///
/// The file cannot be opened.
pub fn read_back(settings: &Settings) -> Result<ReadBack, DatabaseError> {
    let mut found = ReadBack::default();
    for purpose in [Purpose::Write, Purpose::Read, Purpose::Maintain] {
        let connection = connection::open(settings, purpose, Arc::new(NoObserver))?;
        read_back_one(&connection, settings, purpose, &mut found)
            .map_err(|error| DatabaseError::from_driver(&settings.path, error))?;
        // The last connection of maintenance would checkpoint the WAL on close; an examination must
        // not change the file.
        let keep_log = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        keep_log.map_err(|error| DatabaseError::from_driver(&settings.path, error))?;
    }
    Ok(found)
}

fn read_back_one(
    connection: &Connection,
    settings: &Settings,
    purpose: Purpose,
    found: &mut ReadBack,
) -> rusqlite::Result<()> {
    let mut compare = |name: &str, wanted: i64, value: i64| {
        found.settings += 1;
        if value != wanted {
            found.wrong.push(format!(
                "{name} is {value} instead of {wanted} on a connection to {}",
                purpose.as_str()
            ));
        }
    };
    for (pragma, wanted) in connection::pragmas(settings, purpose) {
        compare(pragma, wanted, connection.pragma_query_value(None, pragma, |row| row.get(0))?);
    }
    for (flag, wanted) in connection::flags(purpose) {
        compare(&format!("{flag:?}"), wanted.into(), connection.db_config(flag)?.into());
    }
    Ok(())
}

/// How a file is opened for an examination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// There is a WAL: other processes may be running, or were killed. The file is opened like by
    /// any reader.
    WithWal,
    /// No process uses the file. It is opened without locks and without creating the WAL and its
    /// index, so that nothing changes.
    AtRest,
}

/// The content of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// Version of the schema.
    pub schema_version: u32,
    /// Living personas.
    pub personas: u64,
    /// Deleted personas, which can be brought back.
    pub deleted: u64,
    /// When the newest change was committed.
    pub newest_change: Timestamp,
    /// How large the histories are, about.
    pub history: HistorySize,
    /// Everything that is damaged, at most ten faults; empty for a sound file.
    pub faults: Vec<String>,
}

/// Reads what is in a file and checks that it is sound: quickly (structure), or fully, as
/// [`super::check`] does (every index entry, every row with its checksum and hash, every revision,
/// the search index). Nothing is made beside a file at rest. Must be called before anything else in
/// this process opens the file.
///
/// # Errors
///
/// The file cannot be opened or read, in the worst case because it is damaged
/// ([`DatabaseError::Damaged`]).
pub fn contents(
    settings: &Settings,
    presence: Presence,
    full: bool,
) -> Result<Contents, DatabaseError> {
    // This comes before the connection below, because it reads the first page with plain file
    // calls.
    let compared = if full { Some(check_in(&settings.path, presence)?) } else { None };
    let connection = match presence {
        Presence::WithWal => {
            let settings =
                Settings { busy_timeout: settings.busy_timeout.min(WAIT_MAX), ..settings.clone() };
            connection::open(&settings, Purpose::Read, Arc::new(NoObserver))?
        }
        Presence::AtRest => open_at_rest(&settings.path)?,
    };
    let read = || -> rusqlite::Result<Contents> {
        let faults = match compared {
            Some(report) => {
                report.problems.iter().take(FIELD_ERRORS_MAX).map(ToString::to_string).collect()
            }
            None => faults_of_structure(&connection)?,
        };
        let schema_version = migrate::version_of(&connection)?;
        if schema_version != migrate::VERSION {
            // The tables of another version are not known.
            return Ok(Contents {
                schema_version,
                personas: 0,
                deleted: 0,
                newest_change: Timestamp::default(),
                history: HistorySize::default(),
                faults,
            });
        }
        let newest_change = feed::last_time_before(&connection, Timestamp::from_micros(i64::MAX))?;
        let (personas, deleted) =
            (personas::count_living(&connection)?, personas::count_deleted(&connection)?);
        let history = old_revisions::size(&connection)?;
        Ok(Contents { schema_version, personas, deleted, newest_change, history, faults })
    };
    read().map_err(|error| DatabaseError::from_driver(&settings.path, error))
}

fn check_in(path: &Path, presence: Presence) -> Result<CheckReport, DatabaseError> {
    let watcher = &mut |_: Progress| ControlFlow::Continue(());
    match presence {
        Presence::WithWal => super::check(path, watcher),
        Presence::AtRest => {
            examine(path, &mut open_at_rest(path)?, true, Scope::WithWords, watcher)
        }
    }
}

fn faults_of_structure(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check")?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let (Some(row), true) = (rows.next()?, faults.len() < FIELD_ERRORS_MAX) {
        let line: String = row.get(0)?;
        if line != "ok" {
            faults.push(line);
        }
    }
    Ok(faults)
}

fn open_at_rest(path: &Path) -> Result<Connection, DatabaseError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            byte => write!(uri, "%{byte:02x}").expect("a string takes everything that is written"),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).map_err(|error| DatabaseError::from_driver(path, error))
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, initialise};
    use super::{Presence, SCHEMA_VERSION, compile_options, contents, first_page, read_back};

    #[test]
    fn every_setting_of_every_kind_of_connection_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let found = read_back(&settings).expect("readable");
        assert_eq!((found.settings, found.wrong), (48, vec![]));
    }

    #[test]
    fn a_setting_that_differs_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let connection = super::connection::open(
            &settings,
            super::Purpose::Read,
            std::sync::Arc::new(crate::NoObserver),
        )
        .expect("it opens");
        connection.pragma_update(None, "foreign_keys", false).expect("a setting");
        let mut found = super::ReadBack::default();
        super::read_back_one(&connection, &settings, super::Purpose::Read, &mut found)
            .expect("readable");
        assert_eq!(found.wrong, ["foreign_keys is 0 instead of 1 on a connection to read"]);
    }

    #[test]
    fn a_file_at_rest_is_read_without_leaving_a_trace_whatever_it_is_called() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("a b?c#d%20.db"));
        initialise(&settings).expect("a new file");
        assert!(first_page(&settings.path).expect("readable").is_some_and(|page| page.wal));
        // The file is closed by a connection that checkpoints the WAL and removes it.
        drop(
            rusqlite::Connection::open(&settings.path)
                .and_then(|last| last.execute_batch("PRAGMA wal_checkpoint")),
        );
        let names = || std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(names(), 2, "the file and its write lock");
        let before = (names(), std::fs::read(&settings.path).expect("readable"));
        for full in [false, true] {
            let found = contents(&settings, Presence::AtRest, full).expect("readable");
            assert_eq!((found.faults, found.schema_version), (vec![], SCHEMA_VERSION));
        }
        assert_eq!((names(), std::fs::read(&settings.path).expect("readable")), before);
    }

    #[test]
    fn a_sound_file_has_no_faults_and_the_version_of_this_build() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        for full in [false, true] {
            let found = contents(&settings, Presence::WithWal, full).expect("readable");
            assert_eq!(
                (found.faults, found.schema_version, found.personas),
                (vec![], SCHEMA_VERSION, 0)
            );
        }
    }

    #[test]
    fn the_library_says_how_it_was_compiled() {
        assert!(compile_options().expect("readable").iter().any(|option| option == "THREADSAFE=1"));
    }
}
