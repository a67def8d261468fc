//! The maintenance process resets a full WAL, and holds writers up as briefly as it can.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::files::{Folder, settings};
use persona_storage::conformance::TestClock;
use persona_storage::sqlite::{Maintenance, initialise};
use persona_storage::{Checkpoint, Observer};
use rusqlite::Connection;

/// Counts the copies of the WAL, and can write after each copy as much again as writers do
/// meanwhile.
struct Watch {
    writer: Mutex<Connection>,
    bytes_after_each: u32,
    copies: AtomicUsize,
    holds: AtomicUsize,
}

impl Watch {
    fn write(&self, bytes: u32) {
        let writer = self.writer.lock().expect("no panic");
        writer.execute("INSERT INTO filler VALUES (zeroblob(?1))", [bytes]).expect("written");
    }

    /// The number of copies, and of holds of the write lock, in one tick.
    fn tick(&self, maintenance: &mut Maintenance) -> (usize, usize) {
        let counts = || (self.copies.load(Ordering::Relaxed), self.holds.load(Ordering::Relaxed));
        let before = counts();
        maintenance.tick().expect("maintenance");
        let after = counts();
        (after.0 - before.0, after.1 - before.1)
    }
}

impl Observer for Watch {
    fn checkpointed(&self, _took: Duration, _result: Checkpoint) {
        self.copies.fetch_add(1, Ordering::Relaxed);
        if self.bytes_after_each > 0 {
            self.write(self.bytes_after_each);
        }
    }
    fn write_lock_held(&self, _hold: Duration) {
        self.holds.fetch_add(1, Ordering::Relaxed);
    }
}

/// A database with a WAL of 36 MB.
fn full(bytes_after_each: u32) -> (Folder, Arc<Watch>, Maintenance) {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    let writer = Connection::open(folder.database()).expect("it opens");
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)")
        .expect("a table");
    let (copies, holds) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let watch = Arc::new(Watch { writer: writer.into(), bytes_after_each, copies, holds });
    let maintenance = Maintenance::open(
        &settings(&folder.database()),
        Arc::new(TestClock::default()),
        watch.clone(),
    )
    .expect("it opens");
    watch.write(36_000_000);
    (folder, watch, maintenance)
}

#[test]
fn where_writers_add_as_much_as_is_copied_three_more_copies_are_made_under_the_throttle() {
    let (_folder, watch, mut maintenance) = full(2_000_000);
    let (copies, holds) = watch.tick(&mut maintenance);
    // One copy beside writers, three with the throttle, and the last while no process can write.
    assert_eq!(copies, 5);
    assert!(holds >= 4, "{holds}");
}

#[test]
fn a_reader_on_an_old_snapshot_is_not_throttled_for_again_and_again() {
    let (folder, watch, mut maintenance) = full(0);
    let reader = Connection::open(folder.database()).expect("it opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM filler").expect("a snapshot");
    watch.write(2_000_000);
    // One copy beside writers as far as the reader lets it, one with the throttle in vain, and the
    // last one, which reports that.
    assert_eq!(watch.tick(&mut maintenance).0, 3);
}

#[test]
fn a_full_wal_after_its_checkpoint_makes_no_writer_wait_again_before_the_next_write() {
    let (folder, watch, mut maintenance) = full(0);
    assert_eq!(
        watch.tick(&mut maintenance),
        (2, 1),
        "little was left, so the throttle was not needed"
    );
    let again = watch.tick(&mut maintenance);
    // If the first tick took longer than a WAL may be idle, the second tick has truncated it.
    let is_cut = std::fs::metadata(folder.path("persona.db-wal")).expect("it exists").len() == 0;
    assert!(is_cut || again == (0, 0), "{again:?}");
}
