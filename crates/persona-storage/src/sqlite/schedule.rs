//! Backups at regular times, made by the keeper's process while everybody else goes on.
//!
//! A round runs on a thread of its own with a connection of its own, so that the keeper goes on copying the log back.
//! The folder is the memory: the newest backup in it tells when the next one is due, also after a restart, and only files
//! whose name is exactly one that is given here are ever removed.

use std::fs::DirBuilder;
use std::io::Result as IoResult;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Clock;

use super::backup::{BackupReport, back_up_from};
use super::connection::{self, Purpose};
use super::place::{modified, stamp};
use super::progress::Watcher;
use super::{Settings, StartError};
use crate::{NoObserver, Observer};

/// Pause after a backup that failed, unless the next one is due before: a full disk may have room again.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// What is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupPlan {
    /// Time from the start of one backup to the start of the next.
    pub every: Duration,
    /// Backups that are kept; at least 1.
    pub keep: usize,
    /// Where they are; made when it does not exist.
    pub folder: PathBuf,
}

/// Makes backups when they are due.
pub struct BackupSchedule {
    settings: Settings,
    plan: BackupPlan,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    due_at: Instant,
}

impl BackupSchedule {
    /// Looks for the newest backup that is there; without one, the first is due at once.
    pub fn new(settings: &Settings, plan: BackupPlan, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        let mut schedule = Self { settings: settings.clone(), plan, clock, observer, due_at: Instant::now() };
        if let Some(made_at) = schedule.own_files().ok().and_then(|files| modified(files.last()?).ok()) {
            schedule.observer.backed_up(made_at);
            // A backup of the future says that a clock was wrong, and nothing about what is due.
            let age =
                u64::try_from(schedule.clock.now().as_micros() - made_at.as_micros()).map_or(schedule.plan.every, Duration::from_micros);
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
    /// As for [`super::back_up`]; then nothing was removed, and the next attempt is due a minute later.
    pub fn make(&mut self, watcher: &mut Watcher<'_>) -> Result<BackupReport, StartError> {
        let began = Instant::now();
        let made_at = self.clock.now();
        let made = self.try_make(&self.plan.folder.join(self.name_at(&stamp(made_at))), watcher);
        self.observer.backup_ended(made.is_ok());
        self.due_at = match &made {
            Ok(_) => began + self.plan.every,
            Err(_) => Instant::now() + AFTER_FAILURE.min(self.plan.every),
        };
        if made.is_ok() {
            self.observer.backed_up(made_at);
            self.remove_oldest();
        }
        made
    }

    fn try_make(&self, file: &Path, watcher: &mut Watcher<'_>) -> Result<BackupReport, StartError> {
        let folder = &self.plan.folder;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| StartError::from_file(folder, source))?;
        let source = connection::open(&self.settings, Purpose::Read, Arc::new(NoObserver))?;
        back_up_from(&source, &self.settings.path, file, false, watcher)
    }

    /// A file that cannot be removed stays, and is tried again after the next backup.
    fn remove_oldest(&self) {
        let files = self.own_files().unwrap_or_default();
        for file in files.iter().rev().skip(self.plan.keep) {
            match std::fs::remove_file(file) {
                Ok(()) => tracing::debug!(file = %file.display(), "removed an old backup"),
                Err(error) => tracing::warn!(file = %file.display(), error = %error, "could not remove an old backup"),
            }
        }
    }

    /// The backups that were made here, oldest first.
    fn own_files(&self) -> IoResult<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.plan.folder)?;
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| self.is_own(path) && path.is_file()).collect();
        files.sort_unstable();
        Ok(files)
    }

    fn is_own(&self, path: &Path) -> bool {
        let shape = "00000000T000000Z";
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
        let (before, after) = (self.name_at(""), ".db");
        let stamp = name.strip_prefix(before.trim_end_matches(after)).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
        let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
        stamp.len() == shape.len() && stamp.bytes().zip(shape.bytes()).all(fits)
    }

    /// Names sort by time. The word in the middle keeps them apart from what people make by hand.
    fn name_at(&self, stamp: &str) -> String {
        let stem = self.settings.path.file_stem().map_or("persona".into(), |stem| stem.to_string_lossy());
        format!("{stem}-auto-{stamp}.db")
    }
}
