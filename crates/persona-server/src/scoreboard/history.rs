//! The history of the write lock in the last hours, in windows of a quarter of an hour. The
//! supervisor writes it once a minute.
//!
//! The history is in the header of the scoreboard and not in an entry, because it covers all
//! processes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use persona_model::Timestamp;

use super::{Scoreboard, layout};

/// Length of a window in microseconds: a quarter of an hour.
const WINDOW_MICROS: u64 = 15 * 60 * 1_000_000;

/// Windows that are kept: six hours, long enough for an operator to look.
const WINDOWS: u64 = 24;

/// Cells of a window: number of the window, waits, worst p99, writes given up, lock retries.
const CELLS: usize = 5;

/// What happened at the write lock in one minute, or in all minutes of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WriteLockFigures {
    /// How often a writer asked for the write lock, even without a wait.
    pub waits: u64,
    /// The 99th percentile of the waits, in microseconds; for a window that of its worst minute.
    pub wait_p99_micros: u64,
    /// Writes that did not get their turn in time.
    pub writes_given_up: u64,
    /// Attempts that met a lock of SQLite that a process held without the write lock.
    pub lock_retries: u64,
}

impl Scoreboard {
    /// Adds a minute that has just ended.
    pub fn note_minute(&self, now: Timestamp, minute: &WriteLockFigures) {
        let number = now.as_micros().unsigned_abs() / WINDOW_MICROS;
        let window = self.window(number);
        if window[0].swap(number, Relaxed) != number {
            window[1..].iter().for_each(|cell| cell.store(0, Relaxed));
        }
        window[1].fetch_add(minute.waits, Relaxed);
        window[2].fetch_max(minute.wait_p99_micros, Relaxed);
        window[3].fetch_add(minute.writes_given_up, Relaxed);
        window[4].fetch_add(minute.lock_retries, Relaxed);
    }

    /// The windows of the last six hours that have a write, the oldest first, each with its
    /// beginning.
    pub fn recent(&self, now: Timestamp) -> Vec<(Timestamp, WriteLockFigures)> {
        let last = now.as_micros().unsigned_abs() / WINDOW_MICROS;
        let windows = (last.saturating_sub(WINDOWS - 1)..=last).filter_map(|number| {
            let [noted, waits, wait_p99_micros, writes_given_up, lock_retries] =
                self.window(number).each_ref().map(|cell| cell.load(Relaxed));
            let began = Timestamp::from_micros((number * WINDOW_MICROS).cast_signed());
            let figures =
                WriteLockFigures { waits, wait_p99_micros, writes_given_up, lock_retries };
            (noted == number && figures != WriteLockFigures::default()).then_some((began, figures))
        });
        windows.collect()
    }

    fn window(&self, number: u64) -> &[AtomicU64; CELLS] {
        let place = usize::try_from(number % WINDOWS).unwrap_or_default();
        self.cells()[layout::HISTORY + place * CELLS..]
            .first_chunk()
            .expect("the header has room for all windows")
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::super::Scoreboard;
    use super::{WINDOW_MICROS, WINDOWS, WriteLockFigures};

    fn at(windows: u64) -> Timestamp {
        Timestamp::from_micros(
            (1_000_000 * WINDOW_MICROS + windows * WINDOW_MICROS + 7).cast_signed(),
        )
    }

    #[test]
    fn minutes_of_a_window_are_put_together_and_old_windows_are_forgotten() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let minute = |wait_p99_micros| WriteLockFigures {
            waits: 10,
            wait_p99_micros,
            writes_given_up: 1,
            lock_retries: 2,
        };
        scoreboard.note_minute(at(0), &minute(500));
        scoreboard.note_minute(at(0), &minute(90));
        scoreboard.note_minute(at(1), &WriteLockFigures::default());
        let together = WriteLockFigures {
            waits: 20,
            wait_p99_micros: 500,
            writes_given_up: 2,
            lock_retries: 4,
        };
        let recent = |now| {
            scoreboard.recent(now).into_iter().map(|(_, figures)| figures).collect::<Vec<_>>()
        };
        assert_eq!(recent(at(2)), [together]);
        assert_eq!(recent(at(WINDOWS)), []);
        scoreboard.note_minute(at(WINDOWS), &minute(1));
        assert_eq!(recent(at(WINDOWS)), [minute(1)]);
        assert_eq!(scoreboard.requests(), 0, "no entry was touched");
    }
}
