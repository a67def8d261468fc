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

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use bytes::Bytes;
    use persona_model::PersonaId;
    use persona_storage::{Error, GuardedStore, Owners, Token, TokenScope, TokenSecret, Viewer};

    use uuid::Uuid;

    use super::super::batch::{Batch, tests::event};
    use super::Look;
    use crate::openapi::failing::Failing;

    /// A viewer with a token of an owner.
    pub(in crate::events) fn of_owner(owner: &str) -> Viewer {
        let secret = TokenSecret::random().expect("a secret").hash();
        let now = event(1).change.at;
        let mut token = Token::new("t".into(), secret, TokenScope::Read, now).expect("a token");
        token.owner = Some(owner.into());
        Viewer::of(&token, &secret).expect("an owner")
    }

    #[test]
    fn followers_of_the_same_reach_share_a_text_and_its_memory_counts_once() {
        let persona = |number: u128| PersonaId::new(Uuid::from_u128(number));
        let mut events = [1, 2, 3].map(event);
        for (event, number) in events.iter_mut().zip([1, 2, 1]) {
            event.change.persona = persona(number);
        }
        let batch = Batch::of(0, events.to_vec()).expect("some events");
        let owners = vec![(persona(1), "ada".into()), (persona(2), "bea".into())];
        let look = Look::at(Owners::of(owners));
        let store = GuardedStore::new(Arc::new(Failing(|| Error::Closed("a test"))));
        let reserved = Cell::new(0);
        let told = |viewer: &Viewer| {
            let view = store.view(viewer);
            let reached = view.reached_by(&look.owners)?;
            let reserve = |text: Bytes| {
                reserved.set(reserved.get() + text.len());
                Ok::<_, ()>(text)
            };
            Some(look.text(&batch, view, &reached, reserve).expect("memory"))
        };
        let [first, second, third] = [0, 1, 2].map(|place| batch.part_of(&batch.behind(0)[place]));
        for _ in 0..2 {
            assert_eq!(told(&of_owner("ada")), Some([first, third].concat().into()));
        }
        assert_eq!(reserved.get(), first.len() + third.len());
        assert_eq!(told(&of_owner("bea")), Some(second.to_vec().into()));
        assert_eq!(reserved.get(), batch.text().len());
        assert_eq!(told(&of_owner("eve")), None);
    }
}
