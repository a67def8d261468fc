//! Records when tokens were used last, to the hour: a write for each request would cost more than
//! most requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use persona_model::Timestamp;
use persona_storage::{GuardedStore, TOKEN_USE_EVERY, Token, TokenChange};
use uuid::Uuid;

/// When this process last tried to record a use, for each token.
#[derive(Clone, Debug, Default)]
pub struct TokenUses(Arc<Mutex<HashMap<Uuid, Timestamp>>>);

impl TokenUses {
    /// Records a use of a token, if none was recorded within the hour. The request does not wait
    /// for the write. If the write fails, the use is lost, and the next try is an hour later.
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

    /// Whether this process has not tried to record a use of the token within the hour.
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
