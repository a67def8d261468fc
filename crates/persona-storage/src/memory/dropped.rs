//! Revisions that are dropped from a history.

use persona_model::{PersonaId, Revision};

use super::rows::Rows;
use crate::decide::Revised;
use crate::squash::{self, Replaced};
use crate::{Error, Write};

impl Rows {
    /// Fails when a persona had this revision, and it was dropped.
    pub fn check_kept(&self, id: PersonaId, revision: Revision) -> Result<(), Error> {
        let is_past = self.current(id).is_some_and(|(current, _)| revision <= current.revision);
        let mut history = self.histories.get(&id).into_iter().flatten();
        if is_past && !history.any(|(persona, _)| persona.revision == revision) {
            return Err(Error::RevisionDropped { revision });
        }
        Ok(())
    }

    /// Drops the current revision where a new one squashes it.
    pub fn squash(&mut self, write: &Write, revised: &mut Revised) {
        let id = revised.persona.id;
        let since = self.autosaved_since.remove(&id);
        let mut dropped = None;
        if let Some((persona, record)) = self.current(id) {
            let replaced = Replaced { persona, autosaved_since: since, changed: &record.changed };
            let mut moves = self.labels.iter().filter(|((of, _), _)| *of == id);
            let was_labelled = moves
                .any(|(_, moves)| moves.iter().any(|one| one.revision == Some(persona.revision)));
            if squash::may_drop(write, replaced, revised) && !was_labelled {
                revised.changed = squash::changed_by_both(&record.changed, &revised.changed);
                let (key, author) = ((id, persona.revision), record.author.clone());
                self.dropped.insert(key, author);
                self.histories.get_mut(&id).and_then(Vec::pop);
                dropped = since;
            }
        }
        let since = squash::autosaved_since(write, revised, dropped);
        self.autosaved_since.extend(since.map(|since| (id, since)));
    }

    /// Adds the line of the feed for revisions that were dropped where an imported one comes from.
    pub fn tell_of_dropped(&mut self, write: &Write, revised: &Revised) {
        let id = revised.persona.id;
        let Some((before, _)) = self.current(id).filter(|_| revised.first_dropped(write).is_some())
        else {
            return;
        };
        let (at, kind) = squash::line_of_dropped(before, &revised.persona);
        if let Some(last) = Revision::new(revised.persona.revision.number() - 1) {
            self.tell(id, last, kind, at, None);
        }
    }
}
