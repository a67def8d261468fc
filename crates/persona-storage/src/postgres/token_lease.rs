//! Leases of tokens: for how long a process uses a token without reading it again (ADR 0062).
//!
//! A database server publishes nothing that could be compared without asking it. So what was read
//! is believed for [`LEASE`] from the moment at which the question was *asked*, by a clock that
//! cannot be set and goes on while the machine sleeps. From the half of that time on it is read
//! again beside the requests. A look that is older is not believed: it is read first, and where
//! that is not possible, the request is refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::fault_injection::{self, InjectedFault};
use crate::{TokenHash, TokenLook};

/// How long what was read of a token is believed. So a token in use is read once a second, and a
/// revocation takes little more than two seconds.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// From this age on it is read again.
const AGEING_AFTER: Duration = Duration::from_secs(1);
/// Looks that are kept before those that are too old are removed for the first time; after that
/// when they are twice as many as were left.
const PRUNE_FROM: usize = 1_024;

/// The looks of one process.
#[derive(Default)]
pub(super) struct TokenLeases(Mutex<State>);

#[derive(Default)]
struct State {
    /// One for each token at most, with its secret before; `None` is whether there is any.
    looks: HashMap<Option<TokenHash>, Kept>,
    left_by_pruning: usize,
}

struct Kept {
    look: TokenLook,
    /// When the question was asked.
    asked: Duration,
    /// Whether it is being read again.
    is_read_again: bool,
}

/// The known result for a secret.
pub(super) enum Lease {
    /// No valid result.
    None,
    /// A valid result.
    Fresh(TokenLook),
    /// A valid result that the caller must refresh.
    Ageing(TokenLook),
}

impl TokenLeases {
    /// Elapsed time, sleep of the machine included.
    #[expect(clippy::unused_self, reason = "the time of these leases and of nothing else")]
    pub(super) fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
    }

    /// What is known now.
    pub(super) fn look(&self, hash: Option<&TokenHash>) -> Lease {
        self.look_at(self.now(), hash)
    }

    fn look_at(&self, now: Duration, hash: Option<&TokenHash>) -> Lease {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = state.looks.get_mut(&hash.copied()) else { return Lease::None };
        let age = now.saturating_sub(kept.asked);
        if fault_injection::is_on(InjectedFault::BelieveOldTokens) {
            return Lease::Fresh(kept.look.clone());
        }
        if age >= LEASE {
            return Lease::None;
        }
        if age < AGEING_AFTER || std::mem::replace(&mut kept.is_read_again, true) {
            return Lease::Fresh(kept.look.clone());
        }
        Lease::Ageing(kept.look.clone())
    }

    /// Stores the answer to a question that was asked at this time. Unknown secrets are not stored,
    /// so that a client that tries many takes no memory, and a new token works at once.
    pub(super) fn keep(&self, asked: Duration, hash: Option<&TokenHash>, look: &TokenLook) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = hash.copied();
        if key.is_some() && !matches!(look, TokenLook::Known(_)) {
            state.looks.remove(&key);
            return;
        }
        if state.looks.get(&key).is_some_and(|kept| kept.asked > asked) {
            // Another question was asked later and is answered already.
            return;
        }
        state.looks.insert(key, Kept { look: look.clone(), asked, is_read_again: false });
        if state.looks.len() > PRUNE_FROM.max(2 * state.left_by_pruning) {
            state.looks.retain(|_, kept| asked.saturating_sub(kept.asked) < LEASE);
            state.left_by_pruning = state.looks.len();
        }
    }

    /// Notes that a refresh failed, so that the next request may try again.
    pub(super) fn not_read(&self, hash: Option<&TokenHash>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = state.looks.get_mut(&hash.copied()) {
            kept.is_read_again = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use persona_model::Timestamp;
    use uuid::Uuid;

    use super::{AGEING_AFTER, LEASE, Lease, PRUNE_FROM, TokenLeases};
    use crate::{Token, TokenHash, TokenLook, TokenScope};

    fn hash(number: u32) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash::from_bytes(bytes)
    }

    fn known(number: u32) -> TokenLook {
        TokenLook::Known(Arc::new(Token {
            id: Uuid::from_u128(number.into()),
            name: number.to_string(),
            hash: hash(number),
            previous: None,
            scope: TokenScope::Read,
            act_as: false,
            owner: None,
            shared: false,
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            revoked_at: None,
            used_at: None,
        }))
    }

    /// One letter for the state of a lease at a time.
    fn state(leases: &TokenLeases, now: Duration, key: Option<&TokenHash>) -> char {
        match leases.look_at(now, key) {
            Lease::None => '-',
            Lease::Fresh(_) => 'f',
            Lease::Ageing(_) => 'a',
        }
    }

    #[test]
    fn a_look_is_believed_from_when_it_was_asked_for_and_read_again_once_before_its_end() {
        let (leases, asked, key) = (TokenLeases::default(), Duration::from_secs(100), hash(1));
        let key = Some(&key);
        assert_eq!(state(&leases, asked, key), '-');
        leases.keep(asked, key, &known(1));
        let before =
            |time: Duration| time.checked_sub(Duration::from_nanos(1)).expect("it is later");
        let ageing = asked + AGEING_AFTER;
        let states = [
            (asked, 'f'),
            (before(ageing), 'f'),
            (ageing, 'a'),
            (ageing, 'f'),
            (before(asked + LEASE), 'f'),
            (asked + LEASE, '-'),
        ];
        for (now, expected) in states {
            assert_eq!(state(&leases, now, key), expected, "{now:?}");
        }
        leases.not_read(key);
        assert_eq!(state(&leases, ageing, key), 'a', "another request tries");
    }

    #[test]
    fn an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one() {
        let (leases, asked, key) = (TokenLeases::default(), Duration::from_secs(100), hash(1));
        let key = Some(&key);
        leases.keep(asked + AGEING_AFTER, key, &known(1));
        leases.keep(asked, key, &known(1));
        assert_eq!(state(&leases, asked + LEASE, key), 'a');
        leases.keep(asked, key, &TokenLook::Unknown);
        assert_eq!(state(&leases, asked, key), '-', "a token that is gone is forgotten at once");
    }

    #[test]
    fn unknown_secrets_take_no_memory_and_old_looks_are_removed() {
        let (leases, asked) = (TokenLeases::default(), Duration::from_secs(100));
        leases.keep(asked, None, &TokenLook::NoneKept);
        assert_eq!(state(&leases, asked, None), 'f');
        for number in 0..5_000 {
            leases.keep(asked, Some(&hash(number)), &TokenLook::Unknown);
        }
        assert_eq!(leases.0.lock().expect("no panic").looks.len(), 1);
        for number in 0..5_000 {
            leases.keep(asked + LEASE * number, Some(&hash(number)), &known(number));
        }
        assert!(leases.0.lock().expect("no panic").looks.len() <= PRUNE_FROM + 1);
    }
}
