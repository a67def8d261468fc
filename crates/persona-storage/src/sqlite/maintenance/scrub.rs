//! A slow, endless check of all personas, so that damage is reported before a client reads the
//! damaged persona.
//!
//! Readers find a damaged text by its checksum when they send it. What no client reads, and what
//! readers cannot see, such as a column that a persona is found by, is found here: a few personas
//! each second, each a read of well under a millisecond. The whole of a file, with revisions and
//! feed, is looked at by [`crate::sqlite::check`].

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Observer;
use crate::sqlite::check::{next_after, row_after};
use crate::sqlite::error::is_damage;
use crate::sqlite::start::migrate;

/// Pause between two looks, and personas of each: 100,000 personas take an hour, and less than a
/// hundredth of a core.
const EVERY: Duration = Duration::from_secs(1);
const PERSONAS: usize = 32;
/// Most damaged personas that are remembered, so that each is reported once and not in every round.
const REMEMBERED_MAX: usize = 10_000;

/// The state of the scrub.
pub(crate) struct Scrub {
    after: i64,
    due_at: Instant,
    reported: HashSet<i64>,
}

impl Scrub {
    pub(crate) fn new() -> Self {
        Self { after: i64::MIN, due_at: Instant::now() + EVERY, reported: HashSet::new() }
    }

    /// Checks the next personas, if it is time.
    pub(crate) fn tick(&mut self, connection: &Connection, observer: &dyn Observer) {
        if Instant::now() < self.due_at {
            return;
        }
        self.due_at = Instant::now() + EVERY;
        for _ in 0..PERSONAS {
            match next_after(connection, self.after, migrate::VERSION) {
                Ok(Some(current)) => {
                    self.after = current.row_id;
                    if !current.faults.is_empty() {
                        let id = current.id.map(|id| id.to_string()).unwrap_or_default();
                        self.report(current.row_id, &id, &current.faults.join("; "), observer);
                    }
                }
                Ok(None) => {
                    self.after = i64::MIN;
                    return;
                }
                Err(error) if is_damage(&error) => {
                    self.report(self.after, "", &error.to_string(), observer);
                    self.after =
                        row_after(connection, self.after).ok().flatten().unwrap_or(i64::MIN);
                    return;
                }
                // Busy or out of memory: that says nothing about the file, and the next look will
                // try again.
                Err(_) => return,
            }
        }
    }

    fn report(&mut self, row_id: i64, persona: &str, what: &str, observer: &dyn Observer) {
        if self.reported.len() < REMEMBERED_MAX && self.reported.insert(row_id) {
            observer.damage_found();
            tracing::error!(
                persona,
                what,
                "the database is damaged; run `persona check`, and restore a backup"
            );
        }
    }
}
