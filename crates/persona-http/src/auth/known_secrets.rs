//! The secrets with which requests were let in lately: what tells a token in use from a guess
//! without a look at the store.
//!
//! The table decides nothing but the order of two questions (`guess.rs`): a secret that is known
//! here is looked up as ever, so that a token that has ended is refused at once. A table of fixed
//! size is enough, because a token that is forgotten is only asked about in the other order.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use persona_storage::TokenHash;

/// Sets of the table.
const SETS: usize = 1_024;
/// Secrets of a set, a cache line: with the sets, room for 8,192 tokens in 64 KiB.
const WAYS: usize = 8;
/// What a free place has; no hash of a secret begins so, or one is never known.
const FREE: u64 = 0;

/// The secrets of one process.
#[derive(Clone)]
pub struct KnownSecrets(Arc<[AtomicU64]>);

impl Default for KnownSecrets {
    fn default() -> Self {
        Self((0..SETS * WAYS).map(|_| AtomicU64::new(FREE)).collect())
    }
}

impl KnownSecrets {
    /// Whether a request with this secret was let in lately.
    pub(super) fn has(&self, hash: &TokenHash) -> bool {
        let (set, tag) = self.place_of(hash);
        tag != FREE && set.iter().any(|place| place.load(Relaxed) == tag)
    }

    /// Notes a secret with which a request was let in, in place of another one where its set is
    /// full.
    pub(super) fn note(&self, hash: &TokenHash) {
        if self.has(hash) {
            return;
        }
        let (set, tag) = self.place_of(hash);
        let free = set.iter().find(|place| place.load(Relaxed) == FREE);
        let chosen = usize::from(hash.as_bytes()[10]) % WAYS;
        free.unwrap_or(&set[chosen]).store(tag, Relaxed);
    }

    /// Forgets a secret that counts no longer.
    pub(super) fn forget(&self, hash: &TokenHash) {
        let (set, tag) = self.place_of(hash);
        for place in set {
            // Another thread may have put another secret there meanwhile.
            let _ = place.compare_exchange(tag, FREE, Relaxed, Relaxed);
        }
    }

    /// The set of a secret, and what stands for the secret in it: 64 bits of its hash, which no
    /// client can choose.
    fn place_of(&self, hash: &TokenHash) -> (&[AtomicU64], u64) {
        let [first, second, third, fourth, fifth, sixth, seventh, eighth, low, high, ..] =
            *hash.as_bytes();
        let tag = [first, second, third, fourth, fifth, sixth, seventh, eighth];
        let set = usize::from(u16::from_le_bytes([low, high])) % SETS;
        (&self.0[set * WAYS..][..WAYS], u64::from_le_bytes(tag))
    }
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KnownSecrets")
    }
}

#[cfg(test)]
mod tests {
    use persona_storage::TokenHash;

    use super::{KnownSecrets, WAYS};

    /// Hashes of one set.
    fn hash(number: u8) -> TokenHash {
        let mut bytes = [number; 32];
        (bytes[8], bytes[9]) = (7, 7);
        TokenHash::from_bytes(bytes)
    }

    #[test]
    fn a_secret_is_known_until_it_is_forgotten_or_its_set_is_full() {
        let known = KnownSecrets::default();
        assert!(!known.has(&hash(1)));
        for number in 1..=u8::try_from(WAYS).expect("few") {
            known.note(&hash(number));
            known.note(&hash(number));
            assert!(known.has(&hash(number)));
        }
        assert!(known.has(&hash(1)), "there is room for all of them");
        known.forget(&hash(1));
        known.note(&hash(100));
        assert!(!known.has(&hash(1)) && known.has(&hash(2)) && known.has(&hash(100)));
        known.note(&hash(101));
        let kept = (2..=u8::try_from(WAYS).expect("few")).filter(|one| known.has(&hash(*one)));
        assert_eq!(kept.count() + usize::from(known.has(&hash(100))), WAYS - 1);
        assert!(known.has(&hash(101)));
        known.forget(&hash(50));
        assert!(known.has(&hash(101)), "one that is not known is no other one");
    }
}
