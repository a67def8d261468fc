//! Which events of a batch a request may see: those of personas that it reaches now, also the ones
//! from the time before. No other place decides this, for streams and for pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use persona_storage::{Owners, Reached, View};

use super::batch::{Batch, Line};

/// A look at the owners of the personas of a batch.
pub(super) struct Look {
    pub owners: Owners,
    /// The text of what those are told that reach the same, made once for all of them. The look
    /// lives as long as its askers use it, and so do the texts.
    texts: Mutex<HashMap<persona_model::Reach, Bytes>>,
}

impl Look {
    pub(super) fn at(owners: Owners) -> Self {
        Self { owners, texts: Mutex::default() }
    }

    /// All events that a viewer reaches, in the form of a stream. `reserve` gets the text when it
    /// is made: its memory counts once, until the last of those that share it has sent it.
    ///
    /// # Errors
    ///
    /// That of `reserve`.
    pub(super) fn text<E>(
        &self,
        batch: &Batch,
        view: View<'_>,
        reached: &Reached,
        reserve: impl FnOnce(Bytes) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let reach = view.viewer().reach();
        // A poisoned lock can be used: no code panics while it is held.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get(reach) {
            return Ok(text.clone());
        }
        let lines = batch.behind(batch.before()).iter();
        let seen = lines.filter(|line| self.owners.has(reached, line.event.change.persona));
        let mut text = BytesMut::new();
        seen.for_each(|line| text.extend_from_slice(batch.part_of(line)));
        let text = reserve(text.freeze())?;
        texts.insert(reach.clone(), text.clone());
        Ok(text)
    }
}

/// See the module.
pub(super) enum Reach {
    Everything,
    Some(Arc<Look>, Reached),
    Nothing,
}

impl Reach {
    /// Whether it has an event.
    pub(super) fn has(&self, line: &Line) -> bool {
        match self {
            Self::Everything => true,
            Self::Some(look, reached) => look.owners.has(reached, line.event.change.persona),
            Self::Nothing => false,
        }
    }
}
