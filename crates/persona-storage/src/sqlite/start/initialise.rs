//! Making a file ready, before any process works with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{convert, library, migrate};
use crate::sqlite::at_rest;
use crate::sqlite::backup::hold;
use crate::sqlite::connection::{self, Purpose, open_unconfigured};
use crate::sqlite::files::header::{Header, holder_of};
use crate::sqlite::files::own_files;
use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths;
use crate::sqlite::tables::{meta, old_revisions, personas, tokens};
use crate::sqlite::{DatabaseError, FileSystem, Settings, WriteLock};
use crate::{HistorySize, NoObserver};

/// From this many personas on they are not counted: reading a million entries of an index from a
/// disk takes longer than everything else at a start.
const COUNT_MAX: u64 = 100_000;

/// The result of `initialise`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InitReport {
    /// The file did not exist before, or was empty.
    pub created: bool,
    /// The journal mode that the file was in, when it had to be converted.
    pub converted_from: Option<String>,
    /// Where the file was copied before it was converted or migrated.
    pub backup: Option<PathBuf>,
    /// The schema version that the file had, when it had to be migrated.
    pub migrated_from: Option<u32>,
    /// The schema version that it has now.
    pub schema_version: u32,
    /// The journal mode, read back from a second connection: always `wal`.
    pub journal_mode: String,
    /// Name of the file system that it lies on.
    pub file_system: String,
    /// Number of personas that are not deleted; `None` if there are too many to count at a start.
    pub personas: Option<u64>,
    /// Bytes of the database file.
    pub database_bytes: u64,
    /// Number of access tokens that are valid now.
    pub tokens: u64,
    /// Number of access tokens, ended ones included.
    pub tokens_kept: u64,
    /// How large the histories are, about.
    pub history: HistorySize,
}

/// Makes the file ready for several processes: checks it, creates or converts it, brings its schema
/// up to date.
///
/// Safe beside a running server, which is why the command line calls it too: a file that is ready
/// is only read. What is refused is left byte for byte as it was. Must be called before anything
/// else in this process opens the file, because it reads the first page with plain file calls, and
/// closing those would drop the locks of the whole process.
///
/// # Errors
///
/// [`DatabaseError`] says what is wrong with the file, its folder or its place.
pub fn initialise(settings: &Settings) -> Result<InitReport, DatabaseError> {
    library::check_library()?;
    let path = &settings.path;
    let unreadable = |source| DatabaseError::Unreadable { path: path.clone(), source };
    own_files::refuse_second_name(path)?;
    hold::finish_interrupted(path)?;
    let header = Header::read(path)?;
    if let Some(header) = &header {
        migrate::check_owner(path, header)?;
    }
    let file_system = FileSystem::of(paths::folder_of(path)).map_err(unreadable)?;
    check_file_system(path, file_system)?;
    let mut report = InitReport {
        created: header.is_none(),
        file_system: file_system.name(),
        ..InitReport::default()
    };
    if !header.is_some_and(|header| header.wal) || !is_ready(settings)? {
        prepare(settings, &mut report)?;
    }
    measure(settings, &mut report)?;
    Ok(report)
}

/// Number of access tokens that are valid now in a file as it is, of whatever version; `None` where
/// [`initialise`] would make a new database: there is no file, or an empty one.
///
/// Converts and migrates nothing, and leaves no file behind, so that a start can be refused by it.
/// Must be called before anything else in this process opens the file, as [`initialise`].
///
/// # Errors
///
/// As for [`initialise`].
pub fn valid_tokens(settings: &Settings) -> Result<Option<u64>, DatabaseError> {
    let path = &settings.path;
    let unreadable = |source| DatabaseError::Unreadable { path: path.clone(), source };
    own_files::refuse_second_name(path)?;
    // What was asked for earlier decides which database this is.
    hold::finish_interrupted(path)?;
    let Some(header) = Header::read(path)? else { return Ok(None) };
    migrate::check_owner(path, &header)?;
    check_file_system(path, FileSystem::of(paths::folder_of(path)).map_err(unreadable)?)?;
    if !header.wal {
        // Of a first start that was killed, nothing may be left then.
        convert::roll_back(path, settings.busy_timeout)?;
        if Header::read(path)?.is_none() {
            return Ok(None);
        }
    }
    let connection = open_unconfigured(path, settings.busy_timeout)?;
    let version = migrate::check_known(&connection, path)?;
    let valid = if version < tokens::TOKENS_SINCE {
        0
    } else {
        let counts = tokens::counts(&connection);
        counts.map_err(|error| DatabaseError::from_driver(path, error))?.0
    };
    at_rest::leave_at_rest(&connection);
    Ok(Some(valid))
}

/// Whether there is nothing to do: then no lock is taken, and a running server notices nothing.
fn is_ready(settings: &Settings) -> Result<bool, DatabaseError> {
    let connection = open_unconfigured(&settings.path, settings.busy_timeout)?;
    match migrate::check(&connection, &settings.path) {
        Ok(()) => Ok(true),
        Err(DatabaseError::OlderSchema { .. } | DatabaseError::NotWal { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates, converts and migrates, behind the write lock.
fn prepare(settings: &Settings, report: &mut InitReport) -> Result<(), DatabaseError> {
    let path = &settings.path;
    let locked = |source| DatabaseError::Unreadable { path: WriteLock::path(path), source };
    let write_lock = WriteLock::open(path).map_err(locked)?;
    let began = Instant::now();
    let guard = write_lock.lock_until(began + settings.busy_timeout).map_err(locked)?;
    if guard.is_none() {
        return Err(DatabaseError::Held {
            path: path.clone(),
            waited_ms: began.elapsed().as_millis(),
        });
    }
    // Another init may have made the file since the first look; and a killed one may have left a
    // journal, from which SQLite takes the file back, maybe to nothing. Only then the first page
    // says what there is.
    if Header::read(path)?.is_some() {
        convert::roll_back(path, settings.busy_timeout)?;
    }
    let header = Header::read(path)?;
    if let Some(header) = &header {
        migrate::check_owner(path, header)?;
        if (1..migrate::VERSION).contains(&header.user_version) {
            // Programs of the old version would go on with the old schema, so they must end first.
            // A program that starts now finds the new version before it writes.
            refuse_while_in_use(path)?;
        }
    }
    report.created = header.is_none();
    match header {
        None => create(settings)?,
        Some(header) if header.wal => {}
        Some(_) => {
            report.backup = Some(convert::back_up(path, "wal", settings.busy_timeout)?);
            // Only copies are in a rollback mode, so this file is a copy that was put back by hand,
            // while its original went on. It gets a new epoch.
            let connection = open_unconfigured(path, settings.busy_timeout)?;
            meta::renew_epoch(&connection)
                .map_err(|error| DatabaseError::from_driver(path, error))?;
        }
    }
    let switched = convert::to_wal(path, settings.busy_timeout)?;
    let connection = connection::open(settings, Purpose::Write, Arc::new(NoObserver))?;
    let version = migrate::version_of(&connection)
        .map_err(|error| DatabaseError::from_driver(path, error))?;
    if (1..migrate::VERSION).contains(&version) && report.backup.is_none() {
        let change = format!("version-{}", migrate::VERSION);
        report.backup = Some(convert::back_up(path, &change, settings.busy_timeout)?);
    }
    let migrated = migrate::migrate(&connection, path)?;
    // The temporary mode and version of a new file are not reported.
    if header.is_some() {
        report.converted_from = switched;
        report.migrated_from = migrated;
    }
    Ok(())
}

/// Refuses while another process has the file open: SQLite holds a shared lock on it as long as a
/// connection lives.
fn refuse_while_in_use(path: &Path) -> Result<(), DatabaseError> {
    let unreadable = |source| DatabaseError::from_file(path, source);
    let file = File::open(path).map_err(unreadable)?;
    match holder_of(&file).map_err(unreadable)? {
        Some(pid) => Err(DatabaseError::InUse { path: path.into(), pid: Some(pid) }),
        None => Ok(()),
    }
}

/// Reads the state of the file back through a separate connection.
fn measure(settings: &Settings, report: &mut InitReport) -> Result<(), DatabaseError> {
    let failed = |error| DatabaseError::from_driver(&settings.path, error);
    let connection = connection::open(settings, Purpose::Read, Arc::new(NoObserver))?;
    migrate::check(&connection, &settings.path)?;
    report.journal_mode =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    report.schema_version = migrate::version_of(&connection).map_err(failed)?;
    report.personas = personas::count_living_up_to(&connection, COUNT_MAX).map_err(failed)?;
    report.database_bytes = connection::database_bytes(&connection).map_err(failed)?;
    (report.tokens, report.tokens_kept) = tokens::counts(&connection).map_err(failed)?;
    report.history = old_revisions::size(&connection).map_err(failed)?;
    Ok(())
}

/// Refuses places where several processes cannot share a file.
fn check_file_system(path: &Path, file_system: FileSystem) -> Result<(), DatabaseError> {
    if file_system.is_remote() {
        return Err(DatabaseError::RemoteFileSystem {
            path: path.into(),
            file_system: file_system.name(),
        });
    }
    Ok(())
}

/// Creates the file, for the owner of its folder only where root makes it, and marks it as ours
/// before anything else is in it.
fn create(settings: &Settings) -> Result<(), DatabaseError> {
    let path = &settings.path;
    let unreadable = |source| DatabaseError::from_file(path, source);
    open_or_make(path, path).map(drop).map_err(unreadable)?;
    paths::sync_folder_of(path).map_err(unreadable)?;
    let connection = open_unconfigured(path, settings.busy_timeout)?;
    migrate::claim(&connection)
        .map_err(|error| DatabaseError::from_connection(path, &connection, error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{DatabaseError, FileSystem, check_file_system};

    #[test]
    fn a_file_on_a_network_file_system_is_refused_by_name_and_one_on_a_disk_is_not() {
        let path = Path::new("personas.db");
        let refused =
            check_file_system(path, FileSystem::from_magic(0x6969)).expect_err("NFS is refused");
        assert!(
            matches!(&refused, DatabaseError::RemoteFileSystem { file_system, .. } if file_system == "NFS"),
            "{refused}"
        );
        assert!(refused.hint().is_some_and(|hint| hint.contains("local disk")), "{refused}");
        check_file_system(path, FileSystem::from_magic(0xef53)).expect("ext4 is fine");
    }
}
