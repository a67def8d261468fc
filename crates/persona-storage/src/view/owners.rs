//! The owners of several personas, of one look for many viewers.

use std::collections::HashMap;

use persona_model::PersonaId;

use super::{GuardedStore, View};
use crate::Error;

/// The owners of some personas. It tells a viewer only which of them it reaches.
pub struct Owners {
    /// The words of all owners, each once.
    words: Vec<String>,
    /// The place of the word of each persona.
    places: HashMap<PersonaId, usize>,
}

/// Which of some personas a viewer reached when their owners were looked at: at least one.
pub struct Reached(Vec<bool>);

impl Owners {
    /// What a look found.
    pub fn of(found: Vec<(PersonaId, String)>) -> Self {
        let (mut words, mut known) = (Vec::new(), HashMap::new());
        let places = found.into_iter().map(|(id, word)| {
            let place = *known.entry(word).or_insert_with_key(|word| {
                words.push(word.clone());
                words.len() - 1
            });
            (id, place)
        });
        let places = places.collect();
        Self { words, places }
    }

    /// Whether a viewer reached a persona.
    pub fn has(&self, reached: &Reached, id: PersonaId) -> bool {
        self.places.get(&id).is_some_and(|place| reached.0[*place])
    }
}

impl GuardedStore {
    /// Looks at the owners of personas.
    ///
    /// # Errors
    ///
    /// See [`Store::owners_of`](crate::Store::owners_of).
    pub async fn owners(&self, ids: &[PersonaId]) -> Result<Owners, Error> {
        Ok(Owners::of(self.0.owners_of(ids).await?))
    }
}

impl View<'_> {
    /// Of which personas [`View::reaches`] would have told that the viewer reaches them when their
    /// owners were looked at; `None` where of none. The time is that of a comparison for each of
    /// the owners, however many personas there are.
    pub fn reached_by(&self, owners: &Owners) -> Option<Reached> {
        if !owners.words.iter().any(|word| self.sees_of(word)) {
            return None;
        }
        Some(Reached(owners.words.iter().map(|word| self.sees_of(word)).collect()))
    }
}
