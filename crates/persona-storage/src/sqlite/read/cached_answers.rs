//! Answers by identity, within a bound of bytes.
//!
//! Which answer makes room for another one is left to a library (S3-FIFO and CLOCK-PRO, as
//! `quick_cache` does it): personas that are read once, as by a client that walks through all of
//! them, do not take the place of those that are read again and again.

use persona_model::PersonaId;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::Representation;

/// Bytes that an entry takes up besides the text of its answer: the entry itself, its place in the
/// table, what is remembered of one that was evicted, what the allocator adds to the text, and the
/// tables' room for growth, which can be as much as they hold. A test compares it with what is
/// allocated.
const ENTRY_BYTES: usize = 512;
/// Bytes of an entry by which the number of entries is estimated: a persona of 2 KiB. It decides
/// how many evicted ones are remembered.
const ENTRY_BYTES_USUAL: usize = 2048 + ENTRY_BYTES;
/// An answer that would take up more than this part of the whole is not kept: it would take the
/// place of many that are asked for more often.
const PARTS_OF_ONE_ANSWER: usize = 16;

/// Counts the bytes of an entry.
#[derive(Clone)]
struct Bytes;

impl Weighter<PersonaId, Representation> for Bytes {
    fn weight(&self, _id: &PersonaId, answer: &Representation) -> u64 {
        bytes_of(answer) as u64
    }
}

fn bytes_of(answer: &Representation) -> usize {
    answer.body.len() + ENTRY_BYTES
}

/// The answers of one process.
pub(super) struct CachedAnswers {
    cache: Cache<PersonaId, Representation, Bytes>,
    answer_bytes_max: usize,
}

impl CachedAnswers {
    /// Makes room for this many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        let entries = bytes_max / ENTRY_BYTES_USUAL;
        Self {
            cache: Cache::with_weighter(entries, bytes_max as u64, Bytes),
            answer_bytes_max: bytes_max / PARTS_OF_ONE_ANSWER,
        }
    }

    pub(super) fn get(&self, id: PersonaId) -> Option<&Representation> {
        self.cache.get(&id)
    }

    /// Keeps an answer, unless it is too large a part of the whole.
    pub(super) fn insert(&mut self, answer: Representation) {
        if bytes_of(&answer) <= self.answer_bytes_max {
            self.cache.insert(answer.id, answer);
        }
    }

    pub(super) fn remove(&mut self, id: PersonaId) {
        self.cache.remove(&id);
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }

    /// Bytes that the answers take up, with everything around them.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{PersonaId, Revision};

    use super::CachedAnswers;
    use crate::Representation;

    const BYTES_MAX: usize = 4 * 1024 * 1024;
    /// What an allocator adds to a text, and what its owner needs besides: more than any that is in
    /// use adds.
    const TEXT_OVERHEAD: usize = 64;

    fn answer(number: u64, bytes: usize) -> Representation {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Representation {
            id: PersonaId::from_bytes(id),
            revision: Revision::FIRST,
            checksum: 7,
            deleted: false,
            body: vec![b'x'; bytes].into(),
        }
    }

    #[test]
    fn what_is_counted_for_an_answer_is_not_less_than_what_it_takes_up() {
        // The smallest answers have the most entries, and so the most tables beside their texts.
        for bytes in [1, 300, 2_000, 60_000] {
            let mut answers = CachedAnswers::new(BYTES_MAX);
            for number in 0..4 * (BYTES_MAX / (bytes + 100)) as u64 {
                answers.insert(answer(number, bytes));
                // Some are asked for again, so that both lists of the cache are filled.
                answers.get(answer(number / 2, 0).id);
            }
            let texts = answers.cache.len() * (bytes + TEXT_OVERHEAD);
            let taken = texts + answers.cache.memory_used().total();
            let counted = usize::try_from(answers.bytes()).expect("a size");
            assert!(taken <= BYTES_MAX, "{bytes}: {taken} of {BYTES_MAX} bytes, {counted} counted");
            assert!(counted > BYTES_MAX * 9 / 10, "{bytes}: only {counted} bytes are in use");
        }
    }
}
