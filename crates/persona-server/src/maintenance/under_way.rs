//! A task that a client asked for, from the moment at which the maintenance process takes it up to
//! its end on the scoreboard.

use std::time::{Duration, Instant};

use persona_http::contract::tasks::TaskKind;
use persona_model::Clock;
use persona_storage::sqlite::Progress;

use crate::clock::SystemClock;
use crate::scoreboard::{ProcessEntry, TaskResult};

/// Least rest: a client that asks again and again does not fill the log.
const REST_MIN: Duration = Duration::from_secs(5);
/// Most rest after a task that took long.
const REST_MAX: Duration = Duration::from_hours(1);
/// Rest after a backup that was made: each pushes the oldest one out of the folder, and a few
/// requests must not replace the backups of a day by those of a minute.
const REST_OF_BACKUPS: Duration = Duration::from_mins(10);

/// A task under way. Dropped without an end, as by a thread that panics, it has failed: a task that
/// stayed under way would keep every later one out.
pub(super) struct UnderWay {
    entry: ProcessEntry,
    kind: TaskKind,
    began: Instant,
    has_ended: bool,
}

impl UnderWay {
    /// Notes on the scoreboard that the task is taken up.
    pub(super) fn begin(entry: &ProcessEntry, kind: TaskKind) -> Self {
        entry.scoreboard().task_began(kind, SystemClock.now());
        Self { entry: entry.clone(), kind, began: Instant::now(), has_ended: false }
    }

    pub(super) fn tell(&self, progress: Progress) {
        self.entry.scoreboard().task_progress(self.kind, progress);
    }

    /// Notes how the task has ended, `None` for a failure.
    pub(super) fn end(mut self, result: Option<TaskResult>) {
        self.note_end(result);
    }

    fn note_end(&mut self, result: Option<TaskResult>) {
        self.has_ended = true;
        let rest = rest_after(self.kind, result.is_some(), self.began.elapsed());
        self.entry.scoreboard().task_ended(self.kind, result, rest, SystemClock.now());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.has_ended {
            self.note_end(None);
        }
    }
}

/// How long a kind of task rests after one that took this long, so that the requests of clients
/// cannot keep the server busy with it. The rest is at least as long as the task, so that a kind
/// takes at most half of the time.
fn rest_after(kind: TaskKind, succeeded: bool, took: Duration) -> Duration {
    let least = if kind == TaskKind::Backup && succeeded { REST_OF_BACKUPS } else { REST_MIN };
    took.min(REST_MAX).max(least)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use persona_http::contract::tasks::{TaskKind, TaskState};
    use persona_model::Timestamp;

    use super::{REST_MAX, REST_MIN, REST_OF_BACKUPS, UnderWay, rest_after};
    use crate::scoreboard::{Scoreboard, TaskResult};

    #[test]
    fn a_kind_rests_as_long_as_it_worked_within_bounds() {
        let check = |seconds| rest_after(TaskKind::Check, true, Duration::from_secs(seconds));
        assert_eq!(
            [check(0), check(60), check(90_000)],
            [REST_MIN, Duration::from_mins(1), REST_MAX,]
        );
        let backup = |succeeded| rest_after(TaskKind::Backup, succeeded, Duration::from_secs(1));
        assert_eq!([backup(true), backup(false)], [REST_OF_BACKUPS, REST_MIN]);
    }

    #[test]
    fn a_thread_that_panics_with_a_task_has_failed_it_and_blocks_no_other_task() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let entry = scoreboard.entry(0, 0);
        let ask = |kind| entry.ask_for_task(kind, Timestamp::from_micros(1));
        let check = TaskKind::Check;
        ask(check).expect("taken");
        let task = UnderWay::begin(&entry, check);
        let thread = std::thread::spawn(move || {
            let _task = task;
            panic!("on purpose");
        });
        thread.join().expect_err("it panicked");
        assert_eq!(scoreboard.task(check).state, TaskState::Failed);
        let checkpoint = TaskKind::Checkpoint;
        ask(checkpoint).expect("another kind need not wait");
        UnderWay::begin(&entry, checkpoint).end(Some(TaskResult::default()));
        assert_eq!(scoreboard.task(checkpoint).state, TaskState::Done);
    }
}
