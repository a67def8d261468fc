//! Backups at regular times, made by the maintenance process while all other processes go on.
//!
//! A round runs on a thread of its own with a connection of its own, so that the maintenance
//! process goes on with checkpoints. The folder is the memory (`folder.rs`): the newest backup in
//! it tells when the next one is due, also after a restart. Only files with exactly the name of a
//! backup of this schedule are ever removed.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Result as IoResult};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Clock, Timestamp};

use super::create::{BackupReport, back_up_from};
use super::folder::BackupFolder;
use crate::progress::Watcher;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::files::ownership::Owner;
use crate::sqlite::files::paths::modified;
use crate::sqlite::{DatabaseError, Settings};
use crate::{NoObserver, Observer};

/// Pause after a backup that failed, unless the next one is due before: a full disk may have room
/// again.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// The plan of scheduled backups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupPlan {
    /// Time from the start of one backup to the start of the next.
    pub every: Duration,
    /// Backups that are kept; at least 1.
    pub keep: usize,
    /// The folder of the backups; created if it does not exist.
    pub folder: PathBuf,
}

/// Makes the folder of the backups, where there is none yet, for the user that the database belongs
/// to.
fn make_folder(folder: &Path, database: &Path) -> IoResult<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        // A file has the name of the folder. The error must not advise to replace it, as for other
        // outputs.
        if error.kind() == ErrorKind::AlreadyExists {
            ErrorKind::NotADirectory.into()
        } else {
            error
        }
    })?;
    // The last part cannot be a link: this process has just made it, or another one a folder in the
    // same moment.
    Owner::of(database)?.take_ownership(File::open(folder)?);
    Ok(())
}

/// Makes backups when they are due.
pub struct BackupSchedule {
    settings: Settings,
    plan: BackupPlan,
    folder: BackupFolder,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    due_at: Instant,
}

impl BackupSchedule {
    /// Looks for the newest backup that is there; without one, the first is due at once.
    pub fn new(
        settings: &Settings,
        plan: BackupPlan,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let folder = BackupFolder::of(&plan.folder, &settings.path);
        folder.remove_abandoned();
        let mut schedule = Self {
            settings: settings.clone(),
            plan,
            folder,
            clock,
            observer,
            due_at: Instant::now(),
        };
        if let Some(made_at) =
            schedule.folder.newest().ok().flatten().and_then(|file| modified(&file).ok())
        {
            schedule.observer.backed_up(made_at);
            // A backup of the future says that a clock was wrong, and nothing about what is due.
            // From here on the time until the next one is measured on a clock that cannot be set,
            // so a wrong clock puts it off by `every` at most.
            let age = u64::try_from(schedule.clock.now().as_micros() - made_at.as_micros())
                .map_or(schedule.plan.every, Duration::from_micros);
            schedule.due_at += schedule.plan.every.saturating_sub(age);
        }
        schedule
    }

    /// How long until the next backup is due.
    pub fn due_in(&self) -> Duration {
        self.due_at.saturating_duration_since(Instant::now())
    }

    /// Makes a backup now, and removes the oldest ones beyond those that are kept.
    ///
    /// # Errors
    ///
    /// As for [`crate::sqlite::back_up`]; then no backup was removed, and the next attempt is due
    /// after `AFTER_FAILURE`.
    pub fn make(&mut self, watcher: &mut Watcher<'_>) -> Result<BackupReport, DatabaseError> {
        let began = Instant::now();
        let made_at = self.clock.now();
        let made = self.try_make(made_at, watcher);
        self.observer.backup_ended(made.is_ok());
        self.due_at = match &made {
            Ok(_) => began + self.plan.every,
            Err(_) => Instant::now() + AFTER_FAILURE.min(self.plan.every),
        };
        if let Ok(made) = &made {
            self.observer.backed_up(made_at);
            self.folder.remove_oldest(self.plan.keep, &made.file);
        }
        made
    }

    fn try_make(
        &self,
        made_at: Timestamp,
        watcher: &mut Watcher<'_>,
    ) -> Result<BackupReport, DatabaseError> {
        let folder = &self.plan.folder;
        let unusable = |source| DatabaseError::from_file(folder, source);
        make_folder(folder, &self.settings.path).map_err(unusable)?;
        self.folder.remove_abandoned();
        let file = self.folder.next(made_at).map_err(unusable)?;
        let source = connection::open(&self.settings, Purpose::Read, Arc::new(NoObserver))?;
        back_up_from(&source, &self.settings.path, &file, false, watcher)
    }
}
