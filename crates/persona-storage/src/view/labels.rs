//! Labels, as far as a viewer reaches their personas.

use std::sync::Arc;

use persona_model::{LabelName, PersonaId};

use super::View;
use crate::{
    Error, LabelMovePage, LabelMoves, Labelled, LabelsOf, MovedLabel, NotApplied, PersonaLabels,
};

impl View<'_> {
    /// See [`Store::labels`](crate::Store::labels).
    pub async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        let found = self.of_visible(id, self.store.labels(id)).await?;
        self.or_purged(id, found.flatten()).await
    }

    /// See [`Store::labelled`](crate::Store::labelled). The owner is of the same moment as the
    /// label.
    pub async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        let found = self.unless_hidden(id, self.store.labelled(id, name).await).await?.flatten();
        self.or_purged(id, found.filter(|found| self.sees_of(&found.owner))).await
    }

    /// See [`Store::labelled_at_once`](crate::Store::labelled_at_once), and
    /// [`View::glance_at_once`] for a purged persona.
    pub fn labelled_at_once(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Option<Result<Option<Arc<Labelled>>, Error>> {
        let found = self.store.labelled_at_once(id, name)?;
        let found = found.map(|found| found.filter(|found| self.sees_of(&found.owner)));
        self.unless_unsure(id, found)
    }

    /// See [`Store::labels_of`](crate::Store::labels_of). A persona is there by the owner that it
    /// has when its labels are read.
    pub async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        let mut found = self.store.labels_of(ids).await?;
        found.retain(|one| self.sees_of(&one.owner));
        Ok(found)
    }

    /// See [`Store::label_moves`](crate::Store::label_moves).
    pub async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        let found = self.of_visible(id, self.store.label_moves(id, name, before, limit)).await?;
        self.or_purged(id, found.flatten()).await
    }

    /// See [`Store::move_labels`](crate::Store::move_labels).
    pub async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        self.store.move_labels(moves.on_behalf_of(self.viewer)).await
    }
}
