//! Free space of the disk, and the reserve that writes leave alone.
//!
//! Below the reserve a write is refused before it begins, so that checkpoints, the WAL index and
//! the log of the server itself do not fail for lack of space. Reads go on. When there is room
//! again, writes succeed without any action.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::disk_space::Space;
use crate::sqlite::Settings;
use crate::sqlite::files::paths::folder_of;

/// How old a look at the disk may be: what all writers can fill meanwhile is small against the
/// reserve, and a call of the system for each write is not needed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The disk that a database lies on.
pub(crate) struct Disk {
    folder: PathBuf,
    reserve_bytes: u64,
    seen: Mutex<Option<(Instant, Space)>>,
    /// Held during a look, which may take long on a disk that hangs.
    looking: Mutex<()>,
}

impl Disk {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            folder: folder_of(&settings.path).into(),
            reserve_bytes: settings.disk_reserve_bytes,
            seen: Mutex::default(),
            looking: Mutex::default(),
        }
    }

    /// The space as it was at most a quarter of a second ago; the last result while another thread
    /// looks.
    pub(crate) fn space(&self) -> Space {
        self.space_by(|folder| {
            rustix::fs::statvfs(folder)
                .ok()
                .map(|space| space.f_bavail.saturating_mul(space.f_frsize))
        })
    }

    /// The same, with a function that finds the free bytes of a folder's disk.
    fn space_by(&self, look: impl FnOnce(&Path) -> Option<u64>) -> Space {
        let seen = *self.seen();
        if let Some((at, space)) = seen
            && at.elapsed() < LOOK_EVERY
        {
            return space;
        }
        let _looking = match (self.looking.try_lock(), seen) {
            (Ok(looking), _) => looking,
            (Err(TryLockError::WouldBlock), Some((_, space))) => return space,
            (Err(_), _) => self.looking.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let space = Space { free_bytes: look(&self.folder), reserve_bytes: self.reserve_bytes };
        *self.seen() = Some((Instant::now(), space));
        space
    }

    fn seen(&self) -> MutexGuard<'_, Option<(Instant, Space)>> {
        // A poisoned lock can be used: no code leaves the state inconsistent.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::{Disk, Instant, LOOK_EVERY, Settings, Space};

    #[test]
    fn a_disk_is_short_below_the_reserve_and_where_the_system_is_silent_it_is_not() {
        let of = |free_bytes, reserve_bytes| Space { free_bytes, reserve_bytes }.is_short();
        assert_eq!(
            [of(Some(9), 10), of(Some(10), 10), of(Some(0), 0), of(None, 10)],
            [true, false, false, false]
        );
    }

    #[test]
    fn the_disk_of_a_file_is_that_of_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings::new(folder.path().join("persona.db"));
        settings.disk_reserve_bytes = u64::MAX;
        let disk = Disk::of(&settings);
        assert!(disk.space().free_bytes.is_some_and(|free| free > 0) && disk.space().is_short());
    }

    #[test]
    fn a_disk_is_looked_at_once_in_a_while() {
        let disk = Disk::of(&Settings::new(Path::new("somewhere").join("persona.db")));
        let looks = Cell::new(0);
        let look = |_: &Path| {
            looks.set(looks.get() + 1);
            Some(looks.get())
        };
        assert_eq!(disk.space_by(look).free_bytes, Some(1));
        // The time of the last look is moved, so that the test does not depend on its speed.
        disk.seen().as_mut().expect("seen").0 += LOOK_EVERY * 1000;
        assert_eq!(disk.space_by(look).free_bytes, Some(1), "it was looked at just now");
        disk.seen().as_mut().expect("seen").0 -= LOOK_EVERY * 1001;
        assert_eq!(disk.space_by(look).free_bytes, Some(2), "that was a while ago");
    }

    #[test]
    fn a_look_that_takes_long_holds_up_no_other() {
        let disk = Disk::of(&Settings::new(
            tempfile::tempdir().expect("a folder").path().join("persona.db"),
        ));
        let before = Space { free_bytes: Some(1), reserve_bytes: 2 };
        *disk.seen() = Instant::now().checked_sub(2 * LOOK_EVERY).map(|at| (at, before));
        let looking = disk.looking.lock();
        // Without the last result this would wait for ever.
        assert_eq!(disk.space(), before);
        drop(looking);
        assert_ne!(disk.space(), before);
    }
}
