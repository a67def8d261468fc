//! The turns of writes at their personas: one write of a persona at a time, in order of arrival.
//!
//! Every persona has turns of its own, so that a write that takes long holds up no write of another
//! persona. Turns exist only while a write has or awaits one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use persona_model::PersonaId;
use tokio::sync::OwnedMutexGuard;

/// The turns of all personas in one process.
#[derive(Clone, Default)]
pub(super) struct PersonaTurns(Arc<Mutex<HashMap<PersonaId, Entry>>>);

#[derive(Default)]
struct Entry {
    /// Held by the write that has the turn; waits are served in order.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Number of writes that have the turn or wait for it.
    writes: usize,
}

/// A write's turn at its persona, which ends when this is dropped.
pub(super) struct PersonaTurn {
    // Dropped first: the next write has the turn before the entry is looked at.
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// One of the writes that an entry counts.
struct Place {
    turns: PersonaTurns,
    id: PersonaId,
}

impl PersonaTurns {
    /// Waits for the turn at a persona. The place among the waiting writes is given up when the
    /// future is dropped.
    pub(super) async fn take(&self, id: PersonaId) -> PersonaTurn {
        let turn = {
            let mut entries = self.entries();
            let entry = entries.entry(id).or_default();
            entry.writes += 1;
            Arc::clone(&entry.turn)
        };
        let place = Place { turns: self.clone(), id };
        PersonaTurn { _turn: turn.lock_owned().await, _place: place }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<PersonaId, Entry>> {
        // A poisoned lock can be used: no code panics while the entries are inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.turns.entries();
        if let Some(entry) = entries.get_mut(&self.id) {
            entry.writes -= 1;
            if entry.writes == 0 {
                entries.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use persona_model::PersonaId;

    use super::{PersonaTurn, PersonaTurns};

    fn id(number: u128) -> PersonaId {
        PersonaId::from_bytes(number.to_be_bytes())
    }

    /// The turn, if it can be had without a wait.
    fn at_once(turns: &PersonaTurns, id: PersonaId) -> Option<PersonaTurn> {
        match pin!(turns.take(id)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn no_persona_waits_for_another_one_and_nothing_is_kept_of_turns_that_are_over() {
        let turns = PersonaTurns::default();
        let held: Vec<_> = (0..10_000).filter_map(|number| at_once(&turns, id(number))).collect();
        assert_eq!(held.len(), 10_000);
        assert!(at_once(&turns, id(0)).is_none(), "one write of a persona at a time");
        drop(held);
        assert!(turns.entries().is_empty());
    }

    #[test]
    fn writes_of_a_persona_take_turns_in_order_of_arrival_without_those_that_gave_up() {
        let turns = PersonaTurns::default();
        let context = &mut Context::from_waker(Waker::noop());
        let first = at_once(&turns, id(1)).expect("the first turn");
        let (mut second, mut third) = (Box::pin(turns.take(id(1))), Box::pin(turns.take(id(1))));
        assert!(second.as_mut().poll(context).is_pending());
        assert!(third.as_mut().poll(context).is_pending());
        drop(first);
        assert!(third.as_mut().poll(context).is_pending(), "the second write is before it");
        assert!(at_once(&turns, id(1)).is_none(), "two writes are before it");
        drop(second);
        let Poll::Ready(held) = third.as_mut().poll(context) else { panic!("no turn") };
        assert_eq!(turns.entries().len(), 1);
        drop((held, third));
        assert!(turns.entries().is_empty());
    }
}
