//! Tasks of maintenance that clients ask for: each worker can put one down, the maintenance process
//! takes it up, and all tell what became of it.
//!
//! One task is under way at a time, whatever its kind. The cell [`layout::TASK_CURRENT`] is the
//! lock: only the worker that changes it from free puts a task down. Until the task is put down,
//! the cell names the entry of the worker, so that the lock of a worker that is killed meanwhile is
//! freed. The task is in the header of the scoreboard and not in an entry, because it belongs to no
//! process.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

use persona_http::TaskRefusal;
use persona_http::contract::Time;
use persona_http::contract::tasks::{Task, TaskKind, TaskState};
use persona_model::Timestamp;
use persona_storage::sqlite::{Progress, Step};

use super::{Scoreboard, layout};
use crate::clock::monotonic_micros;

/// No task is under way.
const FREE: u64 = 0;
/// Steps that a task can be at; the cell has the place in this list, from 1.
const STEPS: [Step; 4] = [Step::Copying, Step::Structure, Step::Changes, Step::Personas];
/// The states of a task; the cell has the place in this list.
const STATES: [TaskState; 5] =
    [TaskState::Never, TaskState::Waiting, TaskState::Running, TaskState::Done, TaskState::Failed];

/// The place of each figure among the cells of a task.
#[derive(Clone, Copy)]
enum Cell {
    State,
    AskedAt,
    BeganAt,
    EndedAt,
    /// Until when the next task of the kind has to wait, in [`monotonic_micros`].
    RestsUntil,
    Step,
    Done,
    Total,
    /// These three have one more than the number, and 0 for none.
    Bytes,
    Personas,
    Problems,
}

/// Cells of one task.
const CELLS: usize = Cell::Problems as usize + 1;
const _: () = assert!(
    layout::TASKS + CELLS * TaskKind::ALL.len() <= layout::HISTORY,
    "the tasks do not fit before the history"
);

/// What a task has found or made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TaskResult {
    /// Of a backup: its size.
    pub bytes: Option<u64>,
    /// Of a backup or a check: the personas in it, deleted ones too.
    pub personas: Option<u64>,
    /// Of a check: how many problems were found.
    pub problems: Option<u64>,
}

impl Scoreboard {
    /// Puts a task down for the maintenance process, on behalf of the process with this entry.
    ///
    /// # Errors
    ///
    /// A task is under way, or the last one of this kind has ended a moment ago.
    pub(super) fn ask_for_task(
        &self,
        entry: usize,
        kind: TaskKind,
        now: Timestamp,
    ) -> Result<(), TaskRefusal> {
        let current = &self.cells()[layout::TASK_CURRENT];
        if let Err(other) = current.compare_exchange(FREE, claim_of(entry), AcqRel, Acquire) {
            return Err(TaskRefusal::Busy(kind_of(other).unwrap_or(kind)));
        }
        let rest = self.rest_of(kind);
        if !rest.is_zero() {
            current.store(FREE, Release);
            return Err(TaskRefusal::Rests { kind, rest });
        }
        for cell in self.task_cells(kind) {
            cell.store(0, Relaxed);
        }
        self.set_task(kind, Cell::AskedAt, now.as_micros().unsigned_abs());
        self.set_state(kind, TaskState::Waiting);
        current.store(number_of(kind), Release);
        Ok(())
    }

    /// The task that is under way, and its state.
    pub fn asked_task(&self) -> Option<(TaskKind, TaskState)> {
        let kind = kind_of(self.cells()[layout::TASK_CURRENT].load(Acquire))?;
        Some((kind, self.state_of(kind)))
    }

    /// Notes that the maintenance process takes a task up.
    pub fn task_began(&self, kind: TaskKind, now: Timestamp) {
        self.set_task(kind, Cell::BeganAt, now.as_micros().unsigned_abs());
        self.set_state(kind, TaskState::Running);
    }

    /// Notes how far a task has come.
    pub fn task_progress(&self, kind: TaskKind, progress: Progress) {
        let step = STEPS.iter().position(|step| *step == progress.step);
        self.set_task(kind, Cell::Step, step.map_or(0, |place| place as u64 + 1));
        self.set_task(kind, Cell::Done, progress.done);
        self.set_task(kind, Cell::Total, progress.total);
    }

    /// Notes how a task has ended, `None` for a failure, and for how long the next one of its kind
    /// has to wait. Then another task can be asked for.
    pub fn task_ended(
        &self,
        kind: TaskKind,
        result: Option<TaskResult>,
        rest: Duration,
        now: Timestamp,
    ) {
        let found = result.unwrap_or_default();
        for (cell, number) in [
            (Cell::Bytes, found.bytes),
            (Cell::Personas, found.personas),
            (Cell::Problems, found.problems),
        ] {
            self.set_task(kind, cell, number.map_or(0, |number| number + 1));
        }
        let rest = u64::try_from(rest.as_micros()).unwrap_or(u64::MAX);
        self.set_task(kind, Cell::RestsUntil, monotonic_micros().saturating_add(rest));
        self.set_task(kind, Cell::EndedAt, now.as_micros().unsigned_abs());
        self.set_state(kind, if result.is_some() { TaskState::Done } else { TaskState::Failed });
        self.cells()[layout::TASK_CURRENT].store(FREE, Release);
    }

    /// Fails the task that the maintenance process before was doing when it ended. A task that
    /// waits is left to the next one. For a maintenance process that starts.
    pub fn fail_unfinished_task(&self, now: Timestamp) {
        if let Some((kind, TaskState::Running)) = self.asked_task() {
            self.task_ended(kind, None, Duration::ZERO, now);
        }
    }

    /// Takes back what the process with this entry was putting down when it ended.
    pub(super) fn clear_claim(&self, entry: usize) {
        let current = &self.cells()[layout::TASK_CURRENT];
        if current.load(Acquire) != claim_of(entry) {
            return;
        }
        for kind in TaskKind::ALL {
            if self.state_of(kind) == TaskState::Waiting {
                self.set_state(kind, TaskState::Failed);
            }
        }
        current.store(FREE, Release);
    }

    /// What became of the last task of this kind.
    pub fn task(&self, kind: TaskKind) -> Task {
        let cell = |cell| self.task_cells(kind)[cell as usize].load(Relaxed);
        let time =
            |micros: u64| (micros > 0).then(|| Time(Timestamp::from_micros(micros.cast_signed())));
        let step = usize::try_from(cell(Cell::Step)).ok().and_then(|place| place.checked_sub(1));
        let step = step.and_then(|place| STEPS.get(place));
        let (state, rest) = (self.state_of(kind), self.rest_of(kind));
        let of_step = |part| if state == TaskState::Running { cell(part) } else { 0 };
        Task {
            kind,
            state,
            not_offered: None,
            asked_at: time(cell(Cell::AskedAt)),
            began_at: time(cell(Cell::BeganAt)),
            ended_at: time(cell(Cell::EndedAt)),
            rests_for_seconds: rest.as_secs() + u64::from(rest.subsec_nanos() > 0),
            step: step.filter(|_| state == TaskState::Running).map(|step| step.as_str().into()),
            done: of_step(Cell::Done),
            total: of_step(Cell::Total),
            bytes: cell(Cell::Bytes).checked_sub(1),
            personas: cell(Cell::Personas).checked_sub(1),
            problems: cell(Cell::Problems).checked_sub(1),
        }
    }

    /// For how long the next task of this kind has to wait.
    fn rest_of(&self, kind: TaskKind) -> Duration {
        let until = self.task_cells(kind)[Cell::RestsUntil as usize].load(Relaxed);
        Duration::from_micros(until.saturating_sub(monotonic_micros()))
    }

    fn state_of(&self, kind: TaskKind) -> TaskState {
        let place = self.task_cells(kind)[Cell::State as usize].load(Acquire);
        let state = usize::try_from(place).ok().and_then(|place| STATES.get(place));
        state.copied().unwrap_or_default()
    }

    fn set_state(&self, kind: TaskKind, state: TaskState) {
        self.task_cells(kind)[Cell::State as usize].store(state as u64, Release);
    }

    fn set_task(&self, kind: TaskKind, cell: Cell, value: u64) {
        self.task_cells(kind)[cell as usize].store(value, Relaxed);
    }

    fn task_cells(&self, kind: TaskKind) -> &[AtomicU64] {
        &self.cells()[layout::TASKS + kind as usize * CELLS..][..CELLS]
    }
}

/// What the cell of the current task has while the process with this entry puts a task down.
fn claim_of(entry: usize) -> u64 {
    u64::MAX - entry as u64
}

/// What the cell of the current task has for this kind.
fn number_of(kind: TaskKind) -> u64 {
    kind as u64 + 1
}

fn kind_of(number: u64) -> Option<TaskKind> {
    TaskKind::ALL.into_iter().find(|kind| number_of(*kind) == number)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;
    use std::time::Duration;

    use persona_http::TaskRefusal;
    use persona_http::contract::tasks::{TaskKind, TaskState};
    use persona_model::Timestamp;
    use persona_storage::sqlite::{Progress, Step};

    use super::{STATES, TaskResult, claim_of};
    use crate::scoreboard::board::entry_index;
    use crate::scoreboard::{Scoreboard, layout};

    const NOW: Timestamp = Timestamp::from_micros(1_795_543_841_000_000);

    #[test]
    fn of_many_requests_at_once_one_is_taken_and_the_others_are_told_which() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let asked: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let (board, kind) = (&scoreboard, TaskKind::ALL[number % 3]);
                    scope.spawn(move || board.ask_for_task(0, kind, NOW))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1, "{asked:?}");
        let (kind, state) = scoreboard.asked_task().expect("a task");
        assert_eq!(state, TaskState::Waiting);
        assert_eq!(scoreboard.ask_for_task(0, kind, NOW), Err(TaskRefusal::Busy(kind)));
    }

    #[test]
    fn a_task_is_told_from_its_request_to_its_result_and_then_its_kind_rests() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let check = TaskKind::Check;
        assert_eq!(scoreboard.task(check).state, TaskState::Never);
        scoreboard.ask_for_task(0, check, NOW).expect("taken");
        scoreboard.task_began(check, NOW);
        scoreboard.task_progress(check, Progress { step: Step::Changes, done: 3, total: 7 });
        let task = scoreboard.task(check);
        assert_eq!(
            (task.state, task.step.as_deref(), task.done, task.total, task.problems),
            (TaskState::Running, Some("checking the feed"), 3, 7, None)
        );
        let result = TaskResult { bytes: None, personas: Some(5), problems: Some(0) };
        scoreboard.task_ended(check, Some(result), Duration::from_hours(1), NOW);
        let task = scoreboard.task(check);
        assert_eq!(
            (task.state, task.step.clone(), task.personas, task.problems, task.bytes),
            (TaskState::Done, None, Some(5), Some(0), None)
        );
        assert_eq!((task.done, task.total), (0, 0), "no step is under way");
        assert!((3_590..=3_600).contains(&task.rests_for_seconds), "{task:?}");
        let refusal = scoreboard.ask_for_task(0, check, NOW);
        assert!(matches!(refusal, Err(TaskRefusal::Rests { .. })), "{refusal:?}");
        scoreboard.ask_for_task(0, TaskKind::Checkpoint, NOW).expect("another kind may go on");
        scoreboard.task_ended(TaskKind::Checkpoint, None, Duration::ZERO, NOW);
        assert_eq!(scoreboard.task(TaskKind::Checkpoint).state, TaskState::Failed);
        scoreboard.ask_for_task(0, TaskKind::Checkpoint, NOW).expect("it does not rest");
    }

    #[test]
    fn what_an_ended_process_has_left_behind_blocks_nothing() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let (current, backup) = (&scoreboard.cells()[layout::TASK_CURRENT], TaskKind::Backup);
        let (killed, other) = (scoreboard.entry(1, 0), scoreboard.entry(2, 0));
        killed.ask_for_task(backup, NOW).expect("free");
        // The worker is killed at its last step.
        current.store(claim_of(entry_index(1, 0)), Relaxed);
        assert_eq!(other.ask_for_task(backup, NOW), Err(TaskRefusal::Busy(backup)));
        other.leave();
        assert!(other.ask_for_task(backup, NOW).is_err(), "the claim of another process stays");
        killed.leave();
        assert_eq!(scoreboard.task(backup).state, TaskState::Failed);
        other.ask_for_task(backup, NOW).expect("free again");
        other.leave();
        scoreboard.fail_unfinished_task(NOW);
        let waiting = Some((backup, TaskState::Waiting));
        assert_eq!(scoreboard.asked_task(), waiting, "the next process takes it up");
        scoreboard.task_began(backup, NOW);
        scoreboard.fail_unfinished_task(NOW);
        assert_eq!(scoreboard.asked_task(), None);
        assert_eq!(scoreboard.task(backup).state, TaskState::Failed);
    }

    #[test]
    fn each_state_stands_at_its_own_place() {
        for (place, state) in STATES.into_iter().enumerate() {
            assert_eq!(state as usize, place);
        }
    }
}
