//! The decisions of the supervisor, as properties over any order of events.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::events::{Action, ChildKey, Ending, Event, Role, Signal};
use super::State;
use super::tests::{DRAIN_TIMEOUT, INIT};
use crate::config::SQLITE_WORKERS_MAX;

/// One step of a random run: an event for the whole server, or an event of one of the living
/// processes.
#[derive(Clone, Copy, Debug)]
enum Step {
    Event(Event),
    Ready(usize),
    Dies(usize, Ending),
    Stalls(usize),
    SchemaMismatch(usize),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let event = prop_oneof![
        4 => Just(Event::Tick),
        2 => Just(Event::Restart),
        2 => Just(Event::AddWorker),
        2 => Just(Event::RemoveWorker),
        1 => Just(Event::ReopenLog),
    ];
    let ending = prop_oneof![
        Just(Ending::Signal(9)),
        Just(Ending::Code(0)),
        Just(Ending::Code(101)),
        Just(Ending::Code(5)),
        Just(Ending::Code(74))
    ];
    let step = prop_oneof![
        4 => event.prop_map(Step::Event),
        8 => (0..16_usize).prop_map(Step::Ready),
        3 => (0..16_usize, ending).prop_map(|(which, ending)| Step::Dies(which, ending)),
        1 => (0..16_usize).prop_map(Step::Stalls),
        1 => (0..16_usize).prop_map(Step::SchemaMismatch),
    ];
    prop::collection::vec((0..3_000_u64, step), 1..120)
}

/// Checks the invariants after every event.
#[derive(Default)]
struct Witness {
    living: BTreeSet<ChildKey>,
    ready: BTreeSet<ChildKey>,
    told_to_end: BTreeSet<ChildKey>,
    ended: bool,
}

impl Witness {
    fn see(&mut self, actions: &[Action]) {
        for action in actions {
            assert!(!self.ended, "nothing comes after the end");
            match *action {
                Action::Spawn(key) => {
                    let entry_taken = self.living.iter().any(|living| {
                        living.slot == key.slot && living.generation % 2 == key.generation % 2
                    });
                    assert!(!entry_taken, "{key:?} has no free entry");
                    assert!(self.living.insert(key), "{key:?} was started twice");
                }
                Action::Signal(key, Signal::Drain | Signal::Stop | Signal::Kill) => {
                    assert!(self.living.contains(&key), "{key:?} has ended");
                    self.told_to_end.insert(key);
                }
                Action::Exit { .. } => {
                    assert!(self.living.is_empty(), "{:?} are left", self.living);
                    self.ended = true;
                }
                _ => {}
            }
        }
        let workers = self.living.iter().filter(|key| key.role == Role::Worker);
        assert!(workers.count() <= usize::from(SQLITE_WORKERS_MAX) + 1);
        for key in &self.ready {
            let same_slot =
                |living: &&ChildKey| living.slot == key.slot && !self.told_to_end.contains(living);
            assert!(
                self.ready.iter().filter(same_slot).count() <= 1,
                "two serve in slot {}",
                key.slot
            );
        }
    }

    fn event_of(&mut self, step: Step) -> Option<Event> {
        let pick = |which: usize, from: &BTreeSet<ChildKey>| {
            from.iter().nth(which % from.len().max(1)).copied()
        };
        match step {
            Step::Event(event) => Some(event),
            Step::Ready(which) => {
                let starting = self
                    .living
                    .difference(&self.ready)
                    .filter(|key| key.role != Role::Init)
                    .copied()
                    .collect();
                let key = pick(which, &starting)?;
                self.ready.insert(key);
                Some(Event::Ready(key))
            }
            Step::Dies(which, ending) => {
                let key = pick(which, &self.living)?;
                self.living.remove(&key);
                self.ready.remove(&key);
                Some(Event::Exited(key, ending))
            }
            Step::Stalls(which) => pick(which, &self.living).map(Event::Stalled),
            Step::SchemaMismatch(which) => {
                let workers =
                    self.ready.iter().filter(|key| key.role == Role::Worker).copied().collect();
                pick(which, &workers).map(Event::SchemaMismatch)
            }
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_rules_and_the_end_is_always_reached(workers in 1..=4_u16, steps in steps()) {
        let (mut state, mut witness, mut now) = (State::new(workers, SQLITE_WORKERS_MAX, DRAIN_TIMEOUT), Witness::default(), Duration::ZERO);
        witness.see(&state.handle(now, Event::Begin));
        witness.living.remove(&INIT);
        witness.see(&state.handle(now, Event::Exited(INIT, Ending::Code(0))));
        for (pause_ms, step) in steps {
            now += Duration::from_millis(pause_ms);
            if let Some(event) = witness.event_of(step) {
                witness.see(&state.handle(now, event));
            }
        }
        if !witness.ended {
            witness.see(&state.handle(now, Event::Terminate));
        }
        while let Some(event) = witness.event_of(Step::Dies(0, Ending::Code(0))) {
            witness.see(&state.handle(now, event));
        }
        prop_assert!(witness.ended);
    }

    #[test]
    fn after_any_trouble_the_server_gets_back_to_one_ready_worker_for_each_slot(steps in steps()) {
        let (mut state, mut witness, mut now) = (State::new(2, SQLITE_WORKERS_MAX, DRAIN_TIMEOUT), Witness::default(), Duration::ZERO);
        witness.see(&state.handle(now, Event::Begin));
        witness.living.remove(&INIT);
        witness.see(&state.handle(now, Event::Exited(INIT, Ending::Code(0))));
        for (pause_ms, step) in steps {
            now += Duration::from_millis(pause_ms);
            if let Some(event) = witness.event_of(step) {
                witness.see(&state.handle(now, event));
            }
        }
        // From here on every process behaves well: it starts when asked to, and ends when told to.
        for _ in 0..64 {
            now += Duration::from_secs(2);
            witness.see(&state.handle(now, Event::Tick));
            while let Some(event) = witness.event_of(Step::Ready(0)) {
                witness.see(&state.handle(now, event));
            }
            for key in witness.told_to_end.clone().intersection(&witness.living.clone()) {
                witness.living.remove(key);
                witness.ready.remove(key);
                witness.see(&state.handle(now, Event::Exited(*key, Ending::Code(0))));
            }
        }
        prop_assert!(witness.ended || state.is_settled());
    }
}
