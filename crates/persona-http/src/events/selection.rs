//! Which events a request may see, and which of them it wants.

use std::sync::Arc;

use persona_model::{Change, ChangeKind, LabelName, PersonaId};
use persona_storage::{Error, GuardedStore, Owners, View, Viewer};

use super::batch::{Batch, Line};

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

/// Which events of a batch a request may see. No other place decides this, for streams and for
/// pages. A request sees the events of personas that it reaches now, also those from the time
/// before.
pub(super) struct Reach<'a> {
    view: View<'a>,
    /// `None` where it reaches all of them.
    owners: Option<Arc<Owners>>,
}

impl Reach<'_> {
    /// Whether it has an event.
    pub(super) fn has(&self, line: &Line) -> bool {
        let persona = line.event.change.persona;
        self.owners.as_ref().is_none_or(|owners| self.view.reaches_by(owners, persona))
    }
}

impl Selection {
    /// Whether the request is told of every event.
    pub(super) fn is_everything(&self) -> bool {
        !self.viewer.is_bound()
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

    /// What the request reaches of a batch, by the owners that its personas have now.
    pub(super) async fn reach<'a>(
        &'a self,
        store: &'a GuardedStore,
        batch: &Batch,
    ) -> Result<Reach<'a>, Error> {
        let owners = if self.viewer.is_bound() { Some(batch.owners(store).await?) } else { None };
        Ok(Reach { view: store.view(&self.viewer), owners })
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
