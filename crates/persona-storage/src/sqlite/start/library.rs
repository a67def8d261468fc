//! The SQLite library that this program is linked with.
//!
//! Versions 3.7.0 to 3.51.2 have the WAL-reset bug: several processes that checkpoint and commit
//! can silently lose committed transactions (SQLite documentation, "Write-Ahead Logging", section
//! "WAL-reset bug"). Fixed in 3.51.3 and, as backports, in 3.50.7 and 3.44.6.

use crate::sqlite::DatabaseError;

/// The version of the linked library, such as `3.54.1`.
pub fn library_version() -> &'static str {
    rusqlite::version()
}

/// Whether a library with this version number (major * 1,000,000 + minor * 1,000 + patch) is free
/// of the WAL-reset bug.
pub const fn library_is_safe(number: i32) -> bool {
    number >= 3_051_003
        || (number >= 3_050_007 && number < 3_051_000)
        || (number >= 3_044_006 && number < 3_045_000)
}

pub(crate) fn check_library() -> Result<(), DatabaseError> {
    if library_is_safe(rusqlite::version_number()) {
        Ok(())
    } else {
        Err(DatabaseError::UnsafeLibrary { version: library_version() })
    }
}

#[cfg(test)]
mod tests {
    use super::{check_library, library_is_safe, library_version};

    #[test]
    fn exactly_the_versions_without_the_wal_reset_bug_are_safe() {
        for safe in [3_044_006, 3_044_999, 3_050_007, 3_050_999, 3_051_003, 3_053_000, 3_054_001] {
            assert!(library_is_safe(safe), "{safe}");
        }
        for unsafe_ in
            [3_007_000, 3_040_001, 3_044_005, 3_045_000, 3_050_002, 3_050_006, 3_051_000, 3_051_002]
        {
            assert!(!library_is_safe(unsafe_), "{unsafe_}");
        }
    }

    #[test]
    fn the_linked_library_is_the_pinned_one_and_safe() {
        assert_eq!(library_version(), "3.54.1");
        check_library().expect("the linked library is safe");
    }
}
