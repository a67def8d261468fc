//! The owners of several personas, of one look for many viewers.

use std::collections::HashMap;

use persona_model::PersonaId;

use super::{GuardedStore, View};
use crate::Error;

/// The owners of some personas. It tells a viewer only whether it reaches one of them.
pub struct Owners(HashMap<PersonaId, String>);

impl GuardedStore {
    /// Looks at the owners of personas.
    ///
    /// # Errors
    ///
    /// See [`Store::owners_of`](crate::Store::owners_of).
    pub async fn owners(&self, ids: &[PersonaId]) -> Result<Owners, Error> {
        Ok(Owners(self.0.owners_of(ids).await?.into_iter().collect()))
    }
}

impl View<'_> {
    /// What [`View::reaches`] would have told when owners were looked at.
    pub fn reaches_by(&self, owners: &Owners, id: PersonaId) -> bool {
        !self.viewer.is_bound() || owners.0.get(&id).is_some_and(|word| self.sees_of(word))
    }
}
