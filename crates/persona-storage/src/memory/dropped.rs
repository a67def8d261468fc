//! Revisions that are dropped from a history.

use persona_model::{Change, ChangeKind, Persona, PersonaId, Revision, Timestamp, metadata_text};

use super::rows::Rows;
use super::store::MemoryStore;
use crate::decide::Revised;
use crate::retention::Old;
use crate::squash::{self, Replaced};
use crate::{Error, HistoryLimits, HistoryPruned, Outcome, RevisionRecord, Write};

impl MemoryStore {
    /// Drops the old revisions that the limits let go, as maintenance does for other stores.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn prune(&self, limits: &HistoryLimits) -> Result<HistoryPruned, Error> {
        let now = self.time.now();
        Ok(self.rows()?.prune(limits, now))
    }
}

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
            let is_under_key = squash::named_key(write, persona).is_some_and(|key| {
                self.replays.get(key).is_some_and(|(_, made)| {
                    let (outcome, answer) = (made.outcome, &made.representation);
                    (outcome, answer.id, answer.revision)
                        == (Outcome::Updated, id, persona.revision)
                })
            });
            let (autosaved_since, changed) = (since, record.changed.as_slice());
            let replaced = Replaced { persona, autosaved_since, changed, is_under_key };
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

    /// Drops the old revisions that the limits let go.
    pub fn prune(&mut self, limits: &HistoryLimits, now: Timestamp) -> HistoryPruned {
        let mut pruned = HistoryPruned::default();
        let ids: Vec<PersonaId> = self.histories.keys().copied().collect();
        for id in ids {
            for revision in self.old_revisions(id, limits, now) {
                let Some(history) = self.histories.get_mut(&id) else { continue };
                let of = |(persona, _): &(Persona, RevisionRecord)| persona.revision == revision;
                let Some(place) = history.iter().position(of) else { continue };
                let (persona, record) = history.remove(place);
                pruned.revisions += 1;
                let texts = metadata_text(&persona).len() + persona.document.text().len();
                pruned.bytes += texts as u64;
                self.dropped.insert((id, revision), record.author);
            }
        }
        pruned
    }

    fn old_revisions(
        &self,
        id: PersonaId,
        limits: &HistoryLimits,
        now: Timestamp,
    ) -> Vec<Revision> {
        let Some((current, _)) = self.current(id) else { return Vec::new() };
        let line_of = |number: u64| {
            let is_it = |change: &&Change| {
                change.persona == id && change.revision.number() == number && change.label.is_none()
            };
            self.changes.iter().find(is_it)
        };
        let goes = |(persona, record): &&(Persona, RevisionRecord)| {
            let number = persona.revision.number();
            let is_deletion =
                |number| line_of(number).is_some_and(|line| line.kind == ChangeKind::Deleted);
            let mut moves = self.labels.iter().filter(|((of, _), _)| *of == id);
            let old = Old {
                revision: number,
                current: current.revision.number(),
                // One that stands for several has the line of the last of them.
                replaced_at: (number + 1..=current.revision.number())
                    .find_map(line_of)
                    .map_or(now, |line| line.at),
                is_deletion: is_deletion(number) || is_deletion(number - 1),
                changed: &record.changed,
                was_labelled: moves.any(|(_, moves)| {
                    moves.iter().any(|one| one.revision == Some(persona.revision))
                }),
            };
            limits.lets_go(&old, now)
        };
        let history = self.histories.get(&id).into_iter().flatten();
        history.filter(goes).map(|(persona, _)| persona.revision).collect()
    }
}
