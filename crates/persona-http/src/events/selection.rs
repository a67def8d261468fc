//! Which events a request may see, and which of them it wants.

use persona_model::{Change, ChangeKind, LabelName, PersonaId};
use persona_storage::{Error, GuardedStore, Viewer};

use super::batch::{Batch, Line};
use super::reach::Reach;

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

impl Selection {
    /// Whether the request is told of every event.
    pub(super) fn is_everything(&self) -> bool {
        !self.viewer.is_bound() && self.is_all_in_reach()
    }

    /// Whether the request is told of every event that it may see.
    pub(super) fn is_all_in_reach(&self) -> bool {
        self.personas.is_empty()
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

    /// What the request reaches of a batch, by the owners that its personas have now.
    pub(super) async fn reach(&self, store: &GuardedStore, batch: &Batch) -> Result<Reach, Error> {
        if !self.viewer.is_bound() {
            return Ok(Reach::Everything);
        }
        let look = batch.look(store).await?;
        let reached = store.view(&self.viewer).reached_by(&look.owners);
        Ok(reached.map_or(Reach::Nothing, |reached| Reach::Some(look, reached)))
    }

    /// Whether more than the event itself tells has to be read to know whether it is wanted.
    pub(super) fn reads(&self) -> bool {
        self.owner.is_some() || !self.tags.is_empty()
    }

    /// Whether the request wants an event, by what it reads.
    pub(super) async fn has(&self, store: &GuardedStore, line: &Line) -> Result<bool, Error> {
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
