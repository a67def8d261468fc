//! The state and its changes; `mod.rs` says how they work together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::child_state::{ChildState, MAINTENANCE_STOP_TIMEOUT, Process, START_TIMEOUT};
use super::super::events::{Action, ChildKey, Ending, Event, LogEvent, Role, Signal};
use super::super::slot::{FAILED_STARTS_MAX, Life, Slot};
use crate::exit_code::ExitCode;

/// The phase of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The init process makes the database ready.
    Preparing,
    /// Maintenance process and workers run; `announced` once all of them were ready.
    Running { announced: bool },
    /// All processes must end, and the program exits with this code.
    Stopping { code: ExitCode, forced: bool },
    /// Everything has ended.
    Ended,
}

/// The state on which the supervisor decides.
#[derive(Debug)]
pub struct State {
    pub(super) phase: Phase,
    pub(super) workers: u16,
    /// Most workers that the database allows. During a replacement there is one more.
    pub(super) workers_max: u16,
    drain_timeout: Duration,
    pub(super) processes: BTreeMap<ChildKey, Process>,
    pub(super) slots: BTreeMap<u16, Slot>,
    /// Slots with a worker that the current restart must still replace.
    pub(super) to_renew: BTreeSet<u16>,
    pub(super) renewing: bool,
    maintenance_was_ready: bool,
    /// Whether a sync failed. Then no process is started until the last process that had the file
    /// open has ended.
    reopening: bool,
    /// Workers that write nothing more, because the schema is not the one of this program. Their
    /// replacements find out whether this program can still use the database.
    schema_mismatches: BTreeSet<ChildKey>,
}

impl State {
    /// The state before anything runs. Feed it [`Event::Begin`].
    pub fn new(workers: u16, workers_max: u16, drain_timeout: Duration) -> Self {
        Self {
            phase: Phase::Preparing,
            workers,
            workers_max,
            drain_timeout,
            processes: BTreeMap::new(),
            slots: BTreeMap::new(),
            to_renew: BTreeSet::new(),
            renewing: false,
            maintenance_was_ready: false,
            reopening: false,
            schema_mismatches: BTreeSet::new(),
        }
    }

    /// Handles an event; returns the actions that must be carried out, in order.
    #[must_use]
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.phase == Phase::Ended {
            return actions;
        }
        match event {
            Event::Begin => self.spawn(now, Role::Init, 0, &mut actions),
            Event::Ready(key) => self.on_ready(now, key, &mut actions),
            Event::Fatal(key) => {
                actions.push(Action::Log(LogEvent::Fatal(key)));
                self.stop(now, ExitCode::Failure, Signal::Stop, &mut actions);
            }
            Event::SchemaMismatch(key) => self.on_schema_mismatch(key),
            Event::Exited(key, ending) => self.on_exited(now, key, ending, &mut actions),
            Event::Stalled(key) if self.processes.contains_key(&key) => {
                actions.extend([
                    Action::Log(LogEvent::Stalled(key)),
                    Action::Signal(key, Signal::Kill),
                ]);
            }
            Event::Stalled(_) => {}
            Event::Interrupt if matches!(self.phase, Phase::Stopping { .. }) => {
                self.kill_all(&mut actions);
            }
            Event::Interrupt | Event::Terminate => {
                self.stop(now, ExitCode::Ok, Signal::Stop, &mut actions);
            }
            Event::Restart => self.restart(&mut actions),
            Event::AddWorker => self.add_worker(&mut actions),
            Event::RemoveWorker => self.remove_worker(now, &mut actions),
            Event::ReopenLog => self.reopen_log(&mut actions),
            Event::Tick => self.kill_overdue(now, &mut actions),
        }
        self.reconcile(now, &mut actions);
        actions
    }

    // ---- what is
    // ---------------------------------------------------------------------------------------------

    fn on_ready(&mut self, now: Duration, key: ChildKey, actions: &mut Vec<Action>) {
        let Some(process) =
            self.processes.get_mut(&key).filter(|process| process.state == ChildState::Starting)
        else {
            return;
        };
        let reopens_log = std::mem::take(&mut process.reopens_log);
        *process =
            Process { state: ChildState::Ready { since: now }, deadline: None, reopens_log: false };
        if reopens_log {
            actions.push(Action::Signal(key, Signal::ReopenLog));
        }
        self.maintenance_was_ready |= key.role == Role::Maintenance;
        for old in self.older_than(key) {
            self.end(now, old, Signal::Drain, actions);
        }
    }

    fn on_schema_mismatch(&mut self, key: ChildKey) {
        if self.processes.get(&key).is_some_and(Process::is_ready) {
            self.schema_mismatches.insert(key);
            self.to_renew.insert(key.slot);
            self.renewing = true;
        }
    }

    fn on_exited(
        &mut self,
        now: Duration,
        key: ChildKey,
        ending: Ending,
        actions: &mut Vec<Action>,
    ) {
        let Some(process) = self.processes.remove(&key) else { return };
        self.schema_mismatches.remove(&key);
        if let Phase::Stopping { code: code @ ExitCode::Ok, .. } = &mut self.phase
            && ending.is_disk_failure()
        {
            // The code says so, because the last acknowledged writes may not be on the disk.
            *code = ExitCode::DiskFailed;
            actions.push(Action::Log(LogEvent::UnexpectedExit(key, ending)));
        }
        if !matches!(self.phase, Phase::Preparing | Phase::Running { .. })
            || process.state == ChildState::Ending
        {
            return;
        }
        if key.role == Role::Init {
            match ending {
                Ending::Code(0) => self.phase = Phase::Running { announced: false },
                ending => {
                    actions.push(Action::Log(LogEvent::Refused(key)));
                    self.phase = Phase::Stopping {
                        code: ending.refusal().unwrap_or(ExitCode::Failure),
                        forced: false,
                    };
                }
            }
            return;
        }
        actions.push(Action::Log(LogEvent::UnexpectedExit(key, ending)));
        let starting = process.state == ChildState::Starting;
        if starting && !self.older_than(key).is_empty() {
            if self.schema_mismatches.is_empty() {
                // The restart ends here; the process that the failed one should have replaced still
                // serves.
                self.to_renew.clear();
                self.renewing = false;
                actions.push(Action::Log(LogEvent::RestartAbandoned(key)));
                return;
            }
            self.to_renew.insert(key.slot);
        }
        if let Some(code) = ending.refusal().filter(|_| starting) {
            actions.push(Action::Log(LogEvent::Refused(key)));
            // If the server has served clients before, the other workers may finish the requests of
            // these clients.
            let served = self.phase == Phase::Running { announced: true };
            self.stop(now, code, if served { Signal::Drain } else { Signal::Stop }, actions);
            return;
        }
        if ending.is_disk_failure() && !self.reopening {
            self.reopen(now, key, actions);
        }
        let ready_since =
            if let ChildState::Ready { since } = process.state { Some(since) } else { None };
        if self.slots.entry(key.slot).or_default().died(now, Life::of(ready_since, now)) {
            actions.push(Action::Log(LogEvent::CrashLoop(key, FAILED_STARTS_MAX)));
            self.stop(now, ExitCode::Failure, Signal::Stop, actions);
        }
    }

    /// Ends all processes at once. A later sync of one of them could succeed although the failed
    /// sync lost pages, so an acknowledged write could be lost. The next maintenance process makes
    /// a checkpoint before any worker writes.
    fn reopen(&mut self, now: Duration, lost: ChildKey, actions: &mut Vec<Action>) {
        self.reopening = true;
        self.maintenance_was_ready = false;
        self.to_renew.clear();
        self.renewing = false;
        actions.push(Action::Log(LogEvent::Reopening(lost)));
        for key in self.living().collect::<Vec<_>>() {
            self.end(now, key, Signal::Kill, actions);
        }
    }

    fn kill_overdue(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (key, process) in &mut self.processes {
            if process.deadline.is_some_and(|deadline| deadline <= now) {
                process.deadline = None;
                if let Phase::Stopping { forced, .. } = &mut self.phase {
                    *forced = true;
                }
                actions.extend([
                    Action::Log(LogEvent::Overdue(*key)),
                    Action::Signal(*key, Signal::Kill),
                ]);
            }
        }
    }

    // ---- what is wanted
    // --------------------------------------------------------------------------------------------

    fn stop(&mut self, now: Duration, code: ExitCode, signal: Signal, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Ended) {
            return;
        }
        self.phase = Phase::Stopping { code, forced: false };
        actions.extend([Action::StopListening, Action::Log(LogEvent::Stopping)]);
        for key in self.living().filter(|key| key.role != Role::Maintenance).collect::<Vec<_>>() {
            // The init process can be killed at any time, because the next start continues its
            // work.
            self.end(now, key, if key.role == Role::Init { Signal::Kill } else { signal }, actions);
        }
    }

    fn kill_all(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Stopping { code: ExitCode::Interrupted, forced: true };
        actions.extend(self.living().map(|key| Action::Signal(key, Signal::Kill)));
    }

    // ---- from what is to what is wanted
    // ----------------------------------------------------------------------------

    fn reconcile(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Preparing | Phase::Ended => {}
            Phase::Running { announced } => {
                self.reopening &= !self.processes.is_empty();
                self.fill_slots(now, actions);
                self.renew_next(now, actions);
                if !announced && self.is_settled() {
                    self.phase = Phase::Running { announced: true };
                    actions.push(Action::Announce);
                }
            }
            Phase::Stopping { code, forced } => self.finish_stopping(now, code, forced, actions),
        }
    }

    /// Starts what is missing: the maintenance process first, and workers once it has been ready.
    fn fill_slots(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.reopening {
            return;
        }
        let last = if self.maintenance_was_ready { self.workers } else { 0 };
        for slot in 0..=last {
            let due = self.slots.get(&slot).is_none_or(|slot| slot.is_due(now));
            let filled = self.living().any(|key| key.slot == slot && !self.is_ending(key));
            if due && !filled && slot == 0 {
                self.spawn(now, Role::Maintenance, slot, actions);
            } else if due && !filled && self.living_workers() <= usize::from(self.workers_max) {
                self.spawn(now, Role::Worker, slot, actions);
            }
        }
    }

    /// Takes the next step of a restart when the previous step is complete. At any time there is at
    /// most one worker more than usual.
    fn renew_next(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.renewing || !self.is_settled() {
            return;
        }
        if let Some(slot) = self.to_renew.pop_first() {
            self.spawn(now, Role::Worker, slot, actions);
        } else {
            self.renewing = false;
            actions.push(Action::Log(LogEvent::Restarted));
        }
    }

    /// Ends the maintenance process after the last worker, and the program after the maintenance
    /// process.
    fn finish_stopping(
        &mut self,
        now: Duration,
        code: ExitCode,
        forced: bool,
        actions: &mut Vec<Action>,
    ) {
        if self.living().all(|key| key.role == Role::Maintenance) {
            for key in self.living().collect::<Vec<_>>() {
                self.end(now, key, Signal::Drain, actions);
            }
        }
        if self.processes.is_empty() {
            self.phase = Phase::Ended;
            actions.push(Action::Exit { code, forced });
        }
    }

    // ---- steps and questions
    // ---------------------------------------------------------------------------------------

    /// Starts a process in the free entry of a slot; does nothing when both its entries are taken.
    fn spawn(&mut self, now: Duration, role: Role, slot: u16, actions: &mut Vec<Action>) {
        let Some(generation) = self.free_generation(role, slot) else { return };
        self.slots.entry(slot).or_default().generation = generation;
        let key = ChildKey { role, slot, generation };
        let deadline = (role != Role::Init).then_some(now + START_TIMEOUT);
        self.processes
            .insert(key, Process { state: ChildState::Starting, deadline, reopens_log: false });
        actions.push(Action::Spawn(key));
    }

    /// The next generation of a slot, if the entry for it is free: a slot has two entries, for even
    /// and for odd generations.
    fn free_generation(&self, role: Role, slot: u16) -> Option<u64> {
        if role == Role::Init {
            return Some(0);
        }
        let last = self.slots.get(&slot).map_or(0, |slot| slot.generation);
        let taken = |next: &u64| {
            self.living().any(|key| key.slot == slot && key.generation % 2 == next % 2)
        };
        [last + 1, last + 2].into_iter().find(|next| !taken(next))
    }

    pub(super) fn end(
        &mut self,
        now: Duration,
        key: ChildKey,
        signal: Signal,
        actions: &mut Vec<Action>,
    ) {
        let timeout = if key.role == Role::Maintenance {
            MAINTENANCE_STOP_TIMEOUT
        } else {
            self.drain_timeout
        };
        if let Some(process) =
            self.processes.get_mut(&key).filter(|process| process.state != ChildState::Ending)
        {
            process.state = ChildState::Ending;
            process.deadline = Some(now + timeout);
            actions.push(Action::Signal(key, signal));
        } else if matches!(signal, Signal::Stop | Signal::Kill) && self.processes.contains_key(&key)
        {
            // The child was already told to end; this signal ends it sooner.
            actions.push(Action::Signal(key, signal));
        }
    }

    pub(super) fn living(&self) -> impl Iterator<Item = ChildKey> {
        self.processes.keys().copied()
    }

    fn living_workers(&self) -> usize {
        self.living().filter(|key| key.role == Role::Worker).count()
    }

    fn is_ending(&self, key: ChildKey) -> bool {
        self.processes.get(&key).is_some_and(|process| process.state == ChildState::Ending)
    }

    /// The processes of the same slot that started earlier and are not ending yet.
    fn older_than(&self, key: ChildKey) -> Vec<ChildKey> {
        self.living()
            .filter(|other| {
                other.slot == key.slot
                    && other.generation < key.generation
                    && !self.is_ending(*other)
            })
            .collect()
    }

    /// Whether every wanted process is ready and no other one lives.
    pub(super) fn is_settled(&self) -> bool {
        self.processes.len() == usize::from(self.workers) + 1
            && self.processes.values().all(Process::is_ready)
    }
}
