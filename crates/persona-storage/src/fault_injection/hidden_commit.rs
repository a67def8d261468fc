//! [`InjectedFault::HideCommit`]: a commit that was made and that no connection sees.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{InjectedFault, ONCE_IN, is_on};

/// Bytes of both copies of the header of the WAL index (SQLite, "WAL-mode File Format", section
/// 2.1). Until they are written no connection sees the frames of a commit; a recovery of the WAL
/// reads the frames alone.
const INDEX_HEADER_BYTES: usize = 96;
/// The range of the header with the salt, which identifies the WAL.
const INDEX_SALT: Range<usize> = 32..40;

/// The header of the WAL index from before a commit that will be hidden.
pub(crate) struct Hidden {
    index: &'static File,
    header: [u8; INDEX_HEADER_BYTES],
}

impl Hidden {
    /// [`InjectedFault::HideCommit`]: remembers the header behind which the next commit will be
    /// hidden.
    pub(crate) fn before_a_commit(database: Option<&str>) -> Option<Self> {
        // The file is never closed, because that would drop the locks of SQLite on it in this
        // process.
        static INDEX: OnceLock<File> = OnceLock::new();
        if !is_on(InjectedFault::HideCommit) {
            return None;
        }
        let path = format!("{}-shm", database?);
        let index = INDEX.get_or_init(|| {
            File::options().read(true).write(true).open(path).expect("the WAL has an index")
        });
        let mut header = [0; INDEX_HEADER_BYTES];
        index.read_exact_at(&mut header, 0).ok()?;
        Some(Self { index, header })
    }

    /// Hides the commit that was made since, and returns whether it did. A commit that changed
    /// nothing, or that restarted the WAL, cannot be hidden.
    pub(crate) fn hide(self) -> bool {
        static COMMITS: AtomicU32 = AtomicU32::new(0);
        let mut now = [0; INDEX_HEADER_BYTES];
        let is_read = self.index.read_exact_at(&mut now, 0).is_ok();
        let can_be_hidden =
            is_read && now != self.header && now[INDEX_SALT] == self.header[INDEX_SALT];
        let is_hidden =
            can_be_hidden && COMMITS.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN);
        is_hidden && self.index.write_all_at(&self.header, 0).is_ok()
    }
}
