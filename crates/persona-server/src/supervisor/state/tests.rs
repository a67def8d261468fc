//! Tests of single decisions of the supervisor.

use std::time::Duration;

use super::super::child_state::START_TIMEOUT;
use super::super::events::{Action, ChildKey, Ending, Event, LogEvent, Role, Signal};
use super::super::slot::FAILED_STARTS_MAX;
use super::State;
use crate::config::SQLITE_WORKERS_MAX;
use crate::exit_code::ExitCode;

pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const INIT: ChildKey = ChildKey { role: Role::Init, slot: 0, generation: 0 };
const MAINTENANCE: ChildKey = ChildKey { role: Role::Maintenance, slot: 0, generation: 1 };

fn worker(slot: u16, generation: u64) -> ChildKey {
    ChildKey { role: Role::Worker, slot, generation }
}

/// The state of a supervisor, with a time that the test sets.
struct World {
    state: State,
    now: Duration,
}

impl World {
    fn new(workers: u16) -> Self {
        Self { state: State::new(workers, SQLITE_WORKERS_MAX, DRAIN_TIMEOUT), now: Duration::ZERO }
    }

    /// A server with all processes ready for a minute.
    fn running(workers: u16) -> Self {
        let mut world = Self::new(workers);
        world.tell(Event::Begin);
        world.tell(Event::Exited(INIT, Ending::Code(0)));
        world.tell(Event::Ready(MAINTENANCE));
        for slot in 1..=workers {
            world.tell(Event::Ready(worker(slot, 1)));
        }
        world.now += Duration::from_mins(1);
        world
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.state.handle(self.now, event)
    }

    fn after(&mut self, pause: Duration, event: Event) -> Vec<Action> {
        self.now += pause;
        self.tell(event)
    }
}

#[test]
fn init_runs_first_then_the_maintenance_process_then_all_workers_and_then_the_user_is_told() {
    let mut world = World::new(2);
    assert_eq!(world.tell(Event::Begin), [Action::Spawn(INIT)]);
    assert_eq!(world.tell(Event::Exited(INIT, Ending::Code(0))), [Action::Spawn(MAINTENANCE)]);
    assert_eq!(
        world.tell(Event::Ready(MAINTENANCE)),
        [Action::Spawn(worker(1, 1)), Action::Spawn(worker(2, 1))]
    );
    assert_eq!(world.tell(Event::Ready(worker(2, 1))), []);
    assert_eq!(world.tell(Event::Ready(worker(1, 1))), [Action::Announce]);
}

#[test]
fn when_init_fails_the_program_ends_with_its_code() {
    for (ending, code) in [
        (Ending::Code(5), ExitCode::Config),
        (Ending::Code(101), ExitCode::Failure),
        (Ending::Signal(9), ExitCode::Failure),
    ] {
        let mut world = World::new(2);
        world.tell(Event::Begin);
        assert_eq!(
            world.tell(Event::Exited(INIT, ending)),
            [Action::Log(LogEvent::Refused(INIT)), Action::Exit { code, forced: false }]
        );
    }
}

#[test]
fn a_worker_that_cannot_start_ends_the_program_with_its_code_after_the_others() {
    let mut world = World::new(2);
    world.tell(Event::Begin);
    world.tell(Event::Exited(INIT, Ending::Code(0)));
    world.tell(Event::Ready(MAINTENANCE));
    let refused = Ending::Code(5);
    let expected = [
        Action::Log(LogEvent::UnexpectedExit(worker(1, 1), refused)),
        Action::Log(LogEvent::Refused(worker(1, 1))),
        Action::StopListening,
        Action::Log(LogEvent::Stopping),
        Action::Signal(worker(2, 1), Signal::Stop),
    ];
    assert_eq!(world.tell(Event::Exited(worker(1, 1), refused)), expected);
    assert_eq!(
        world.tell(Event::Exited(worker(2, 1), Ending::Code(0))),
        [Action::Signal(MAINTENANCE, Signal::Drain)]
    );
    let end = Action::Exit { code: ExitCode::Config, forced: false };
    assert_eq!(world.tell(Event::Exited(MAINTENANCE, Ending::Code(0))), [end]);
}

#[test]
fn a_killed_worker_is_replaced_at_once_and_so_is_the_maintenance_process() {
    let mut world = World::running(2);
    let killed = Ending::Signal(9);
    let lost = |key| Action::Log(LogEvent::UnexpectedExit(key, killed));
    assert_eq!(
        world.tell(Event::Exited(worker(2, 1), killed)),
        [lost(worker(2, 1)), Action::Spawn(worker(2, 2))]
    );
    let next_maintenance = ChildKey { generation: 2, ..MAINTENANCE };
    assert_eq!(
        world.tell(Event::Exited(MAINTENANCE, killed)),
        [lost(MAINTENANCE), Action::Spawn(next_maintenance)]
    );
}

#[test]
fn after_a_failed_sync_all_processes_end_and_only_then_the_maintenance_process_comes_and_after_it_the_workers()
 {
    let mut world = World::running(2);
    let failed = Ending::Code(74);
    let kills =
        [Action::Signal(MAINTENANCE, Signal::Kill), Action::Signal(worker(2, 1), Signal::Kill)];
    assert_eq!(world.tell(Event::Exited(worker(1, 1), failed))[2..], kills);
    assert_eq!(
        world.tell(Event::Exited(MAINTENANCE, Ending::Signal(9))),
        [],
        "a worker still has the file open"
    );
    assert_eq!(world.tell(Event::Tick), []);
    let maintenance = ChildKey { generation: 2, ..MAINTENANCE };
    assert_eq!(
        world.tell(Event::Exited(worker(2, 1), Ending::Signal(9))),
        [Action::Spawn(maintenance)]
    );
    assert_eq!(
        world.tell(Event::Ready(maintenance)),
        [Action::Spawn(worker(1, 2)), Action::Spawn(worker(2, 2))]
    );
}

#[test]
fn a_sync_that_fails_while_the_server_stops_is_its_exit_code() {
    let mut world = World::running(1);
    world.tell(Event::Terminate);
    world.tell(Event::Exited(worker(1, 1), Ending::Code(0)));
    let failed = Ending::Code(74);
    let end = Action::Exit { code: ExitCode::DiskFailed, forced: false };
    assert_eq!(
        world.tell(Event::Exited(MAINTENANCE, failed)),
        [Action::Log(LogEvent::UnexpectedExit(MAINTENANCE, failed)), end]
    );
}

#[test]
fn a_disk_that_fails_at_the_start_ends_the_program_with_its_own_code() {
    let mut world = World::running(1);
    world.tell(Event::Exited(worker(1, 1), Ending::Code(74)));
    world.tell(Event::Exited(MAINTENANCE, Ending::Signal(9)));
    let maintenance = ChildKey { generation: 2, ..MAINTENANCE };
    let actions = world.tell(Event::Exited(maintenance, Ending::Code(74)));
    assert_eq!(
        actions.last(),
        Some(&Action::Exit { code: ExitCode::DiskFailed, forced: false }),
        "{actions:?}"
    );
}

#[test]
fn processes_that_never_get_ready_are_tried_some_times_and_then_the_program_ends() {
    let mut world = World::running(1);
    let mut key = worker(1, 1);
    // The first process had served for a while; its replacements never get ready.
    for _ in 0..FAILED_STARTS_MAX {
        let mut actions = world.tell(Event::Exited(key, Ending::Code(101)));
        while !actions.iter().any(|action| matches!(action, Action::Spawn(_))) {
            actions = world.after(Duration::from_millis(50), Event::Tick);
        }
        key.generation += 1;
    }
    let actions = world.tell(Event::Exited(key, Ending::Code(101)));
    assert!(
        actions.contains(&Action::Log(LogEvent::CrashLoop(key, FAILED_STARTS_MAX))),
        "{actions:?}"
    );
    let end = Action::Exit { code: ExitCode::Failure, forced: false };
    assert_eq!(world.tell(Event::Exited(MAINTENANCE, Ending::Code(0))), [end]);
}

#[test]
fn a_worker_that_served_for_a_while_clears_the_count_of_young_deaths() {
    let mut world = World::running(1);
    for generation in 1..100 {
        let replaced = world
            .after(Duration::from_secs(2), Event::Exited(worker(1, generation), Ending::Signal(9)));
        assert_eq!(replaced.last(), Some(&Action::Spawn(worker(1, generation + 1))));
        world.tell(Event::Ready(worker(1, generation + 1)));
    }
}

#[test]
fn a_restart_replaces_one_worker_after_the_other_and_starts_the_new_one_first() {
    let mut world = World::running(2);
    assert_eq!(
        world.tell(Event::Restart),
        [Action::Log(LogEvent::Restarting), Action::Spawn(worker(1, 2))]
    );
    assert_eq!(world.tell(Event::Restart), [Action::Log(LogEvent::RestartUnderWay)]);
    assert_eq!(
        world.tell(Event::Ready(worker(1, 2))),
        [Action::Signal(worker(1, 1), Signal::Drain)]
    );
    assert_eq!(
        world.tell(Event::Exited(worker(1, 1), Ending::Code(0))),
        [Action::Spawn(worker(2, 2))]
    );
    assert_eq!(
        world.tell(Event::Ready(worker(2, 2))),
        [Action::Signal(worker(2, 1), Signal::Drain)]
    );
    assert_eq!(
        world.tell(Event::Exited(worker(2, 1), Ending::Code(0))),
        [Action::Log(LogEvent::Restarted)]
    );
}

#[test]
fn a_replacement_that_cannot_start_ends_the_restart_and_leaves_the_old_worker() {
    let mut world = World::running(2);
    world.tell(Event::Restart);
    let refused = Ending::Code(5);
    let expected = [
        Action::Log(LogEvent::UnexpectedExit(worker(1, 2), refused)),
        Action::Log(LogEvent::RestartAbandoned(worker(1, 2))),
    ];
    assert_eq!(world.tell(Event::Exited(worker(1, 2), refused)), expected);
    assert_eq!(world.tell(Event::Tick), []);
    // Not generation 3: that would share its entry on the scoreboard with generation 1, which still
    // serves.
    assert_eq!(
        world.tell(Event::Restart),
        [Action::Log(LogEvent::Restarting), Action::Spawn(worker(1, 4))]
    );
}

#[test]
fn where_no_worker_can_write_any_more_all_drain_once_a_replacement_says_why() {
    let mut world = World::running(2);
    let (first, next) = (worker(1, 2), worker(1, 4));
    assert_eq!(world.tell(Event::SchemaMismatch(worker(1, 1))), [Action::Spawn(first)]);
    assert_eq!(world.tell(Event::SchemaMismatch(worker(2, 1))), [], "one after the other");
    let (killed, refused) = (Ending::Signal(9), Ending::Code(5));
    assert_eq!(
        world.tell(Event::Exited(first, killed)),
        [Action::Log(LogEvent::UnexpectedExit(first, killed)), Action::Spawn(next)]
    );
    let expected = [
        Action::Log(LogEvent::UnexpectedExit(next, refused)),
        Action::Log(LogEvent::Refused(next)),
        Action::StopListening,
        Action::Log(LogEvent::Stopping),
        Action::Signal(worker(1, 1), Signal::Drain),
        Action::Signal(worker(2, 1), Signal::Drain),
    ];
    assert_eq!(world.tell(Event::Exited(next, refused)), expected);
}

#[test]
fn a_worker_that_can_write_no_more_is_replaced_where_another_one_can() {
    let mut world = World::running(2);
    world.tell(Event::SchemaMismatch(worker(2, 1)));
    assert_eq!(
        world.tell(Event::Ready(worker(2, 2))),
        [Action::Signal(worker(2, 1), Signal::Drain)]
    );
    assert_eq!(
        world.tell(Event::Exited(worker(2, 1), Ending::Code(0))),
        [Action::Log(LogEvent::Restarted)]
    );
    assert_eq!(world.tell(Event::SchemaMismatch(worker(2, 1))), [], "it has ended");
}

#[test]
fn workers_are_added_and_removed_within_the_limits() {
    let mut world = World::running(3);
    assert_eq!(
        world.tell(Event::AddWorker),
        [Action::Log(LogEvent::Workers(4)), Action::Spawn(worker(4, 1))]
    );
    world.tell(Event::Ready(worker(4, 1)));
    assert_eq!(world.tell(Event::AddWorker), [Action::Log(LogEvent::MostWorkers(4))]);
    for slot in [4, 3, 2] {
        let expected = [
            Action::Signal(worker(slot, 1), Signal::Drain),
            Action::Log(LogEvent::Workers(slot - 1)),
        ];
        assert_eq!(world.tell(Event::RemoveWorker), expected);
    }
    assert_eq!(world.tell(Event::RemoveWorker), [Action::Log(LogEvent::FewestWorkers)]);
    assert_eq!(
        world.tell(Event::Exited(worker(3, 1), Ending::Signal(9))),
        [],
        "a worker that was removed is not replaced"
    );
}

#[test]
fn stopping_ends_the_workers_then_the_maintenance_process_then_the_program() {
    for event in [Event::Terminate, Event::Interrupt] {
        let mut world = World::running(1);
        let expected = [
            Action::StopListening,
            Action::Log(LogEvent::Stopping),
            Action::Signal(worker(1, 1), Signal::Stop),
        ];
        assert_eq!(world.tell(event), expected);
        assert_eq!(
            world.tell(Event::Exited(worker(1, 1), Ending::Signal(11))),
            [Action::Signal(MAINTENANCE, Signal::Drain)]
        );
        let end = Action::Exit { code: ExitCode::Ok, forced: false };
        assert_eq!(world.tell(Event::Exited(MAINTENANCE, Ending::Code(0))), [end]);
    }
}

#[test]
fn a_second_interrupt_kills_everything_at_once() {
    let mut world = World::running(1);
    world.tell(Event::Interrupt);
    assert_eq!(
        world.tell(Event::Interrupt),
        [Action::Signal(MAINTENANCE, Signal::Kill), Action::Signal(worker(1, 1), Signal::Kill)]
    );
    world.tell(Event::Exited(worker(1, 1), Ending::Signal(9)));
    let end = Action::Exit { code: ExitCode::Interrupted, forced: true };
    assert_eq!(world.tell(Event::Exited(MAINTENANCE, Ending::Signal(9))), [end]);
}

#[test]
fn a_worker_that_drains_for_too_long_is_killed_and_the_end_counts_as_forced() {
    let mut world = World::running(1);
    world.tell(Event::Terminate);
    let expected =
        [Action::Log(LogEvent::Overdue(worker(1, 1))), Action::Signal(worker(1, 1), Signal::Kill)];
    assert_eq!(world.after(DRAIN_TIMEOUT, Event::Tick), expected);
    assert_eq!(world.tell(Event::Tick), []);
    world.tell(Event::Exited(worker(1, 1), Ending::Signal(9)));
    let end = Action::Exit { code: ExitCode::Ok, forced: true };
    assert_eq!(world.tell(Event::Exited(MAINTENANCE, Ending::Code(0))), [end]);
}

#[test]
fn a_process_that_does_not_get_ready_or_shows_no_sign_of_life_is_killed() {
    let mut world = World::running(1);
    let expected =
        [Action::Log(LogEvent::Stalled(worker(1, 1))), Action::Signal(worker(1, 1), Signal::Kill)];
    assert_eq!(world.tell(Event::Stalled(worker(1, 1))), expected);
    world.tell(Event::Exited(worker(1, 1), Ending::Signal(9)));
    let expected =
        [Action::Log(LogEvent::Overdue(worker(1, 2))), Action::Signal(worker(1, 2), Signal::Kill)];
    assert_eq!(world.after(START_TIMEOUT, Event::Tick), expected);
    assert_eq!(world.tell(Event::Stalled(worker(9, 9))), [], "it has ended meanwhile");
}

#[test]
fn a_rotated_log_is_opened_again_by_every_process_and_by_the_starting_ones_when_they_are_ready() {
    let mut world = World::running(1);
    world.tell(Event::AddWorker);
    let reopen = |key| Action::Signal(key, Signal::ReopenLog);
    assert_eq!(
        world.tell(Event::ReopenLog),
        [Action::ReopenLog, reopen(MAINTENANCE), reopen(worker(1, 1))]
    );
    assert_eq!(world.tell(Event::Ready(worker(2, 1))), [reopen(worker(2, 1))]);
}

#[test]
fn nothing_is_changed_before_everything_runs() {
    let mut world = World::new(2);
    world.tell(Event::Begin);
    for event in [Event::Restart, Event::AddWorker, Event::RemoveWorker] {
        assert_eq!(world.tell(event), [Action::Log(LogEvent::NotWhileStartingOrStopping)]);
    }
    let expected = [
        Action::StopListening,
        Action::Log(LogEvent::Stopping),
        Action::Signal(INIT, Signal::Kill),
    ];
    assert_eq!(world.tell(Event::Terminate), expected);
    assert_eq!(
        world.tell(Event::Exited(INIT, Ending::Signal(9))),
        [Action::Exit { code: ExitCode::Ok, forced: false }]
    );
}
