//! Which records of idempotency keys a transfer has copied.

use std::collections::BTreeSet;

use super::rows::KeyRecord;

/// A slow writer can keep a record with the count of a minute before (`time.rs`): records of keys
/// that are this much older can still be new.
const CLOCKS_DIFFER_MAX_US: i64 = 120_000_000;

/// Records of keys that were copied.
#[derive(Default)]
pub(super) struct CopiedKeys {
    /// Time of the newest one; `None` before the first.
    newest: Option<i64>,
    /// Records that will be read again, because records with earlier times can still appear; by
    /// time and key.
    pub(super) recent: BTreeSet<(i64, String)>,
    /// Number of copied records.
    pub(super) count: u64,
}

impl CopiedKeys {
    /// Where reading begins again; older records cannot appear any more.
    pub(super) fn begin(&self) -> (i64, String) {
        (
            self.newest.map_or(i64::MIN, |newest| newest.saturating_sub(CLOCKS_DIFFER_MAX_US)),
            String::new(),
        )
    }

    /// Notes what was copied.
    pub(super) fn add(&mut self, records: &[KeyRecord]) {
        self.newest = self.newest.max(records.iter().map(|record| record.at).max());
        self.recent.extend(records.iter().map(|record| (record.at, record.key.clone())));
        self.recent = self.recent.split_off(&self.begin());
        self.count += records.len() as u64;
    }
}
