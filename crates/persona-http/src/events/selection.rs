//! Which events a request may see, and which of them it wants.

use persona_model::{ChangeKind, PersonaId};
use persona_storage::{Error, Event, Store};

use super::batch::Line;
use crate::auth::Identity;

/// What a request is told of.
pub(super) struct Selection {
    /// On behalf of which token it is told.
    pub identity: Option<Identity>,
    /// Only these personas; all of them where it is empty.
    pub personas: Vec<PersonaId>,
    /// Only these kinds of changes; all of them where it is empty.
    pub kinds: Vec<ChangeKind>,
    /// Only personas with each of these tags, by their hashes.
    pub tags: Vec<u64>,
}

/// Whether a request may see an event: the one place that decides it, for streams and for pages.
///
/// Every token that is let in may read every persona.
fn may_see(_identity: Option<&Identity>, _event: &Event) -> bool {
    true
}

/// Whether a request may see every event, so that no single one has to be looked at.
fn may_see_all(_identity: Option<&Identity>) -> bool {
    true
}

impl Selection {
    /// Whether the request is told of every event.
    pub(super) fn is_everything(&self) -> bool {
        may_see_all(self.identity.as_ref())
            && self.personas.is_empty()
            && self.kinds.is_empty()
            && self.tags.is_empty()
    }

    /// Whether the request is told of an event.
    pub(super) async fn has(&self, store: &dyn Store, line: &Line) -> Result<bool, Error> {
        let change = &line.event.change;
        if !may_see(self.identity.as_ref(), &line.event)
            || !(self.personas.is_empty() || self.personas.contains(&change.persona))
            || !(self.kinds.is_empty() || self.kinds.contains(&change.kind))
        {
            return Ok(false);
        }
        for tag in &self.tags {
            if !line.has_tag(store, *tag).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
