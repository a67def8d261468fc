//! The tokens that one process has seen lately: a look that is answered from here is as strict as a
//! SELECT, whatever program wrote to the file (ADR 0062).
//!
//! A look counts only while the header of the WAL index is the one that was taken *before* the look
//! was read. With the next commit of any program everything here is void and is read again, a token
//! at a time; so nothing has to tell which commits concern tokens. Without a header only the
//! database answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::fault_injection::{self, InjectedFault};
use crate::sqlite::wal_index::{self, Header};
use crate::{Error, TokenHash, TokenLook};

/// The cache of tokens of one process.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<State>);

#[derive(Default)]
struct State {
    /// What the database held when the looks were read.
    header: Option<Header>,
    /// One for each token at most, with its secret before: a look that finds none is not kept, so a
    /// client that tries many secrets takes no memory.
    looks: HashMap<TokenHash, TokenLook>,
    /// Whether there is any token.
    any: Option<TokenLook>,
}

impl State {
    fn get(&self, hash: Option<&TokenHash>) -> Option<&TokenLook> {
        match hash {
            Some(hash) => self.looks.get(hash),
            None => self.any.as_ref(),
        }
    }

    fn keep(&mut self, header: Header, hash: Option<&TokenHash>, look: &TokenLook) {
        if self.header != Some(header) {
            *self = Self { header: Some(header), ..Self::default() };
        }
        match (hash, look) {
            (Some(hash), TokenLook::Known(_)) => drop(self.looks.insert(*hash, look.clone())),
            (None, _) => self.any = Some(look.clone()),
            (Some(_), TokenLook::NoneKept | TokenLook::Unknown) => {}
        }
    }
}

impl TokenCache {
    /// A valid look from the cache, or the result of `read`.
    ///
    /// The connection has no transaction open.
    pub(super) fn look(
        &self,
        connection: &Connection,
        hash: Option<&TokenHash>,
        read: impl FnOnce(&Connection) -> Result<TokenLook, Error>,
    ) -> Result<TokenLook, Error> {
        // The moment at which a look that finds its answer here takes place.
        let header = wal_index::header(connection);
        if let Some(look) = self.kept(header, hash) {
            return Ok(look);
        }
        let look = read(connection)?;
        if let Some(header) = header {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(header, hash, &look);
        }
        Ok(look)
    }

    fn kept(&self, header: Option<Header>, hash: Option<&TokenHash>) -> Option<TokenLook> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = (header.is_some() && header == state.header)
            || fault_injection::is_on(InjectedFault::BelieveOldTokens);
        state.get(hash).filter(|_| holds).cloned()
    }
}
