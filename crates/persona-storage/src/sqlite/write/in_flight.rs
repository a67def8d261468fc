//! Knows which personas have a write in progress in this process: a result foreseen for another
//! write of them would be void before its turn.
//!
//! The table is only a hint for where the work is done. The check behind the lock decides whether a
//! foreseen result counts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use persona_model::PersonaId;

/// The writes that were begun and not answered, by persona. As many as the requests of a process.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashMap<PersonaId, u32>>);

/// A write that was begun, until this is dropped.
pub(crate) struct Flight<'a> {
    writes: &'a InFlight,
    id: PersonaId,
    /// Whether no other write of the persona was on its way when it began.
    pub is_alone: bool,
}

impl InFlight {
    /// Begins a write of a persona.
    pub(crate) fn begin(&self, id: PersonaId) -> Flight<'_> {
        let mut counts = self.counts();
        let count = counts.entry(id).or_insert(0);
        *count += 1;
        Flight { writes: self, id, is_alone: *count == 1 }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<PersonaId, u32>> {
        // Nothing that is done while it is locked leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut counts = self.writes.counts();
        if let Some(count) = counts.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use persona_model::PersonaId;

    use super::InFlight;

    #[test]
    fn a_write_is_alone_until_another_one_of_its_persona_begins_and_when_all_have_ended() {
        let writes = InFlight::default();
        let id = PersonaId::from_bytes([1; 16]);
        let first = writes.begin(id);
        assert!(first.is_alone && writes.begin(PersonaId::from_bytes([2; 16])).is_alone);
        let second = writes.begin(id);
        assert!(!second.is_alone);
        drop(first);
        assert!(!writes.begin(id).is_alone, "the second one is still on its way");
        drop(second);
        assert!(writes.begin(id).is_alone);
        assert!(writes.counts().is_empty(), "nothing is remembered");
    }
}
