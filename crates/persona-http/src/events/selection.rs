//! Which events a request may see, and which of them it wants.

use persona_model::{Change, ChangeKind, LabelName, PersonaId};
use persona_storage::{Error, Event, GuardedStore, View, Viewer};

use super::batch::Line;

/// The events that a request is told of.
pub(super) struct Selection {
    /// The client of the request.
    pub viewer: Viewer,
    /// Only these personas; all of them where it is empty.
    pub personas: Vec<PersonaId>,
    /// Only these kinds of changes; all of them where it is empty.
    pub kinds: Vec<ChangeKind>,
    /// Only personas with each of these tags, by their hashes.
    pub tags: Vec<u64>,
    /// Only personas of this owner, by its hash; that of the empty word stands for no owner.
    pub owner: Option<u64>,
    /// Only moves of these labels; everything where it is empty.
    pub labels: Vec<LabelName>,
}

/// Whether a request may see an event. No other place decides this, for streams and for pages. A
/// request sees the events of personas that it reaches now, also those from the time before.
async fn may_see(view: View<'_>, event: &Event) -> Result<bool, Error> {
    view.reaches(event.change.persona).await
}

/// Whether a request may see every event, so that no single one has to be looked at.
fn may_see_all(viewer: &Viewer) -> bool {
    !viewer.is_bound()
}

impl Selection {
    /// Whether the request is told of every event.
    pub(super) fn is_everything(&self) -> bool {
        may_see_all(&self.viewer)
            && self.personas.is_empty()
            && self.kinds.is_empty()
            && self.tags.is_empty()
            && self.owner.is_none()
            && self.labels.is_empty()
    }

    /// Whether a change is a move of one of the labels that are followed.
    fn is_about(&self, change: &Change) -> bool {
        self.labels.is_empty()
            || change.label.as_ref().is_some_and(|name| self.labels.contains(name))
    }

    /// Whether the request wants an event, as far as the event itself tells.
    pub(super) fn wants(&self, line: &Line) -> bool {
        let change = &line.event.change;
        (self.personas.is_empty() || self.personas.contains(&change.persona))
            && (self.kinds.is_empty() || self.kinds.contains(&change.kind))
            && self.is_about(change)
    }

    /// Whether the request is told of an event.
    pub(super) async fn has(&self, store: &GuardedStore, line: &Line) -> Result<bool, Error> {
        if !self.wants(line) || !may_see(store.view(&self.viewer), &line.event).await? {
            return Ok(false);
        }
        if let Some(owner) = self.owner
            && !line.has_owner(store, owner).await?
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
