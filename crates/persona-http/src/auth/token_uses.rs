//! When tokens were used last, to the hour: a write for each request would cost more than most
//! requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use persona_model::Timestamp;
use persona_storage::{GuardedStore, TOKEN_USE_EVERY, Token, TokenChange};
use uuid::Uuid;

/// What this process has tried to note: one entry for each token at most.
#[derive(Clone, Debug, Default)]
pub struct TokenUses(Arc<Mutex<HashMap<Uuid, Timestamp>>>);

impl TokenUses {
    /// Notes a use, where none was noted for an hour. The request does not wait for it, and one
    /// that could not be kept is left out: it is tried again after an hour.
    pub(super) fn note(&self, store: &GuardedStore, token: &Token, now: Timestamp) {
        if !token.use_is_due(now) || !self.is_first(token.id, now) {
            return;
        }
        let (store, change) = (store.clone(), TokenChange::Use { id: token.id, at: now });
        tokio::spawn(async move {
            if let Err(error) = store.change_token(change).await {
                tracing::debug!(%error, "the use of a token could not be noted");
            }
        });
    }

    /// Whether this process has not tried it within the hour.
    fn is_first(&self, id: Uuid, now: Timestamp) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| {
            let apart = now.as_micros().saturating_sub(at.as_micros()).unsigned_abs();
            u128::from(apart) < TOKEN_USE_EVERY.as_micros()
        };
        if tried.get(&id).is_some_and(is_recent) {
            return false;
        }
        tried.retain(|_, at| is_recent(at));
        tried.insert(id, now);
        true
    }
}
