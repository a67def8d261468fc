//! Remembers which personas are heavy, as far as this process knows: a short patch of a large
//! document costs the document.
//!
//! The weight is only a hint for the order of writes. An unknown persona counts as light until this
//! process reads or writes it: once after a start, and once more whenever more personas were heavy
//! than are remembered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use persona_model::PersonaId;

use crate::GLANCE_BYTES_MAX;

/// Most personas that are remembered: 4,096 of the smallest heavy ones make 256 MiB of documents.
const REMEMBERED_MAX: usize = 4096;

/// Bytes of the personas that are known to be heavy.
#[derive(Default)]
pub(crate) struct Weights {
    heavy: Mutex<HashMap<PersonaId, usize>>,
    /// How many they are, so that nothing is locked as long as there are none.
    count: AtomicUsize,
}

impl Weights {
    /// Bytes of a persona, 0 unless it is known to be heavy.
    pub(crate) fn of(&self, id: PersonaId) -> usize {
        if self.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.heavy.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied().unwrap_or(0)
    }

    /// Remembers the bytes of a persona, or that it is light.
    pub(crate) fn learn(&self, id: PersonaId, bytes: usize) {
        let is_heavy = bytes > GLANCE_BYTES_MAX;
        if !is_heavy && self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut heavy = self.heavy.lock().unwrap_or_else(PoisonError::into_inner);
        if is_heavy {
            if heavy.len() >= REMEMBERED_MAX {
                // Each is learned again the next time that it is written.
                heavy.clear();
            }
            heavy.insert(id, bytes);
        } else {
            heavy.remove(&id);
        }
        self.count.store(heavy.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use persona_model::PersonaId;

    use super::{GLANCE_BYTES_MAX, REMEMBERED_MAX, Weights};

    #[test]
    fn heavy_personas_are_remembered_until_they_are_light_and_never_too_many() {
        let weights = Weights::default();
        let id = |number: usize| PersonaId::from_bytes((number as u128).to_be_bytes());
        assert_eq!(weights.of(id(1)), 0);
        weights.learn(id(1), GLANCE_BYTES_MAX);
        assert_eq!(weights.of(id(1)), 0);
        weights.learn(id(1), GLANCE_BYTES_MAX + 1);
        assert_eq!(weights.of(id(1)), GLANCE_BYTES_MAX + 1);
        weights.learn(id(1), 7);
        assert_eq!(weights.of(id(1)), 0);
        (0..3 * REMEMBERED_MAX).for_each(|number| weights.learn(id(number), usize::MAX));
        assert!(weights.heavy.lock().expect("no panic").len() <= REMEMBERED_MAX);
    }
}
