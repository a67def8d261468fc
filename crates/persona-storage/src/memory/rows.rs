//! The rows of the reference store, and how a write changes them.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use persona_model::{
    Change, ChangeKind, FeedPlace, HandleName, HistoryFacts, LabelName, Persona, PersonaId,
    Position, Reach, Revision, Since, Timestamp, has_labels, history_line, join_representation,
    metadata_text,
};

use super::labels;
use crate::atomic::Budget;
use crate::checksum;
use crate::decide::{Current, Decision, Revised, decide};
use crate::handle::{self, Handle, HandleRow};
use crate::time::{after, newest_of};
use crate::{
    Error, Event, GLANCE_BYTES_MAX, Glance, HandleLook, Idempotency, MoveRecord, MovedLabel,
    Outcome, Purge, Representation, RevisionRecord, Token, Tombstone, Write, Written, event, purge,
};

/// The rows of the reference store.
#[derive(Clone, Default)]
pub(super) struct Rows {
    /// Every revision of every persona, oldest first.
    pub histories: HashMap<PersonaId, Vec<(Persona, RevisionRecord)>>,
    pub changes: Vec<Change>,
    pub tokens: Vec<Token>,
    /// The moves of every label, oldest first.
    pub labels: BTreeMap<(PersonaId, LabelName), Vec<MoveRecord>>,
    /// Which persona had a handle last that none has now.
    former_handles: HashMap<Handle, PersonaId>,
    /// What is left of personas that were purged.
    pub tombstones: HashMap<PersonaId, Tombstone>,
    /// The authors of revisions that were dropped: what the feed still tells of them.
    pub dropped: HashMap<(PersonaId, Revision), Option<String>>,
    /// When the first autosave was made of those that the current revision of a persona stands for.
    pub autosaved_since: HashMap<PersonaId, Timestamp>,
    pub replays: HashMap<String, (Idempotency, Written)>,
    /// The answers to moves of labels, by their keys.
    /// The personas of the moves with each key, and their answers.
    pub moves_replays: HashMap<String, (Idempotency, Vec<PersonaId>, Vec<MovedLabel>)>,
    pub closed: bool,
}

impl Rows {
    pub fn current(&self, id: PersonaId) -> Option<&(Persona, RevisionRecord)> {
        self.histories.get(&id)?.last()
    }

    pub fn living(&self) -> impl Iterator<Item = &Persona> {
        self.histories
            .values()
            .filter_map(|history| history.last())
            .map(|(persona, _)| persona)
            .filter(|persona| persona.deleted_at.is_none())
    }

    /// The time for a change that is made now.
    pub fn next_time(&self, now: Timestamp) -> Timestamp {
        let stamps = self.changes.iter().map(|change| change.at).filter(|at| *at <= newest_of(now));
        after(stamps.max().unwrap_or_default(), now)
    }

    /// Bytes of the document of a persona, if the write may change it.
    fn document_bytes(&self, write: &Write) -> usize {
        let reached = self.reached(write);
        reached.map_or(0, |(persona, _)| persona.document.text().len())
    }

    /// The persona of a write, if the write may change it.
    fn reached(&self, write: &Write) -> Option<&(Persona, RevisionRecord)> {
        let is_reached =
            |(persona, _): &&(Persona, _)| !write.overlooks(persona.document.owner_word());
        self.current(write.operation.id()).filter(is_reached)
    }

    /// Applies one write of an atomic batch, within the budget.
    pub fn apply_within(
        &mut self,
        write: &Write,
        now: Timestamp,
        keys_max: u64,
        budget: &mut Budget,
    ) -> Result<Written, Error> {
        let is_new = !self.is_known(write);
        let before = self.document_bytes(write);
        if is_new && before > budget.left() {
            return Err(Budget::USED_UP);
        }
        let written = self.apply(write, now, keys_max)?;
        if is_new {
            budget.take(before, self.document_bytes(write))?;
        }
        Ok(written)
    }

    /// The owners of those of some personas that exist or were purged.
    pub fn owners_of(&self, ids: &[PersonaId]) -> Vec<(PersonaId, String)> {
        let owner = |id: &PersonaId| {
            let word = self.current(*id).map(|(persona, _)| persona.document.owner_word());
            let word = word.or_else(|| Some(self.tombstones.get(id)?.owner.as_str()))?;
            Some((*id, word.to_owned()))
        };
        ids.iter().filter_map(owner).collect()
    }

    /// Whether an answer is stored under the key of a write.
    fn is_known(&self, write: &Write) -> bool {
        write.idempotency.as_ref().is_some_and(|wanted| self.replays.contains_key(&wanted.key))
    }

    pub fn apply(
        &mut self,
        write: &Write,
        now: Timestamp,
        keys_max: u64,
    ) -> Result<Written, Error> {
        if let Some(wanted) = &write.idempotency
            && let Some((known, written)) = self.replays.get(&wanted.key)
        {
            if known != wanted {
                return Err(Error::KeyReused);
            }
            let id = written.representation.id;
            if let Some(tombstone) = self.tombstones.get(&id) {
                return Err(tombstone.refusal(write));
            }
            let owner = self.current(id).map(|(persona, _)| persona.document.owner_word());
            if owner.is_some_and(|owner| write.hides(owner)) {
                return Err(Error::NotFound);
            }
            self.check_kept(id, written.representation.revision)?;
            return Ok(Written { replayed: true, ..written.clone() });
        }
        if let Some(wanted) = &write.idempotency {
            if self.moves_replays.contains_key(&wanted.key) {
                return Err(Error::KeyReused);
            }
            self.check_room_for_key(keys_max)?;
        }
        let id = write.operation.id();
        if let Some(tombstone) = self.tombstones.get(&id) {
            return Err(tombstone.refusal(write));
        }
        let history = self.histories.get(&id).map_or(&[][..], Vec::as_slice);
        let document_at = |revision: Revision| {
            self.check_kept(id, revision)?;
            Ok(history
                .iter()
                .find(|(persona, _)| persona.revision == revision)
                .map(|(persona, _)| persona.document.clone()))
        };
        let current = self
            .reached(write)
            .map(|(persona, record)| Current { persona, tag: record.representation.tag() });
        let written = match decide(write, current, now, document_at)? {
            Decision::Unchanged => {
                let (_, record) = history.last().ok_or(Error::NotFound)?;
                Written {
                    outcome: Outcome::Unchanged,
                    representation: record.representation.clone(),
                    replayed: false,
                }
            }
            Decision::Change(mut revised) => {
                self.check_handle(id, &revised.persona)?;
                self.squash(write, &mut revised);
                self.tell_of_dropped(write, &revised);
                self.keep(*revised)
            }
        };
        if let Some(idempotency) = &write.idempotency {
            self.replays.insert(idempotency.key.clone(), (idempotency.clone(), written.clone()));
        }
        Ok(written)
    }

    /// Keeps a new revision.
    fn keep(&mut self, revised: Revised) -> Written {
        let (persona, outcome) = (revised.persona, revised.outcome);
        self.move_handle(&persona);
        let answer = representation_of(&persona);
        let changed = revised.changed.into_iter().map(String::from).collect();
        let (at, author) = (persona.updated_at, persona.updated_by.clone());
        let (base, note) = (revised.base, revised.note);
        let representation = answer.clone();
        let record = RevisionRecord { representation, at, author, changed, base, note };
        self.tell(persona.id, persona.revision, revised.kind, at, None);
        self.histories.entry(persona.id).or_default().push((persona, record));
        Written { outcome, representation: answer, replayed: false }
    }

    /// Purges a persona.
    pub fn purge(&mut self, purge: &Purge, now: Timestamp) -> Result<Tombstone, Error> {
        let id = purge.id;
        let Some((persona, record)) = self.current(id) else {
            return purge::of_missing(purge, self.tombstones.get(&id).cloned());
        };
        let found = purge::Found {
            tag: record.representation.tag(),
            updated_at: persona.updated_at,
            owner: persona.document.owner_word(),
            handle: persona.document.handle(),
        };
        purge::check(purge, &found)?;
        let (revision, owner) = (persona.revision, found.owner.to_owned());
        let tombstone = Tombstone { id, revision, owner, at: now, author: purge.author.clone() };
        self.histories.remove(&id);
        self.labels.retain(|(persona, _), _| *persona != id);
        self.former_handles.retain(|_, persona| *persona != id);
        self.tell(id, revision, ChangeKind::Purged, now, None);
        self.tombstones.insert(id, tombstone.clone());
        Ok(tombstone)
    }

    /// Fails when as many keys are kept as may be.
    pub fn check_room_for_key(&self, keys_max: u64) -> Result<(), Error> {
        let kept = self.replays.len() + self.moves_replays.len();
        if kept as u64 >= keys_max { Err(Error::TooManyKeys { max: keys_max }) } else { Ok(()) }
    }

    /// Adds a line to the feed.
    pub fn tell(
        &mut self,
        persona: PersonaId,
        revision: Revision,
        kind: ChangeKind,
        at: Timestamp,
        label: Option<LabelName>,
    ) {
        let sequence = self.changes.len() as u64 + 1;
        self.changes.push(Change { sequence, persona, revision, kind, at, label });
    }

    /// The newest change. Fails when the line from which on changes are wanted is another one.
    pub fn position(&self, since: Since) -> Result<Position, Error> {
        if let Since::Position(wanted) = since
            && wanted != Position::default()
            && !self.changes.iter().any(|change| Position::of(change) == wanted)
        {
            return Err(Error::UnknownPosition);
        }
        Ok(self.changes.last().map(Position::of).unwrap_or_default())
    }

    /// The events behind a place.
    pub fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error> {
        let lines = self.changes.iter().filter(|change| change.sequence >= place.sequence);
        let events = lines
            .take(event::lines_for(limit))
            .map(|change| Event { change: change.clone(), author: self.author_of(change) });
        event::behind(place, events.collect(), limit)
    }

    fn author_of(&self, change: &Change) -> Option<String> {
        if change.kind == ChangeKind::Purged {
            return self.tombstones.get(&change.persona)?.author.clone();
        }
        let Some(label) = &change.label else {
            let known = self.record_of(change).map(|(_, record)| record.author.clone());
            let dropped = || self.dropped.get(&(change.persona, change.revision)).cloned();
            return known.or_else(dropped).flatten();
        };
        // No two changes have the same time.
        let mut moves = self.labels.get(&(change.persona, label.clone()))?.iter();
        moves.find(|one| one.at == change.at)?.author.clone()
    }

    /// The revision that a change made, or that a label points to.
    fn record_of(&self, change: &Change) -> Option<&(Persona, RevisionRecord)> {
        let mut history = self.histories.get(&change.persona)?.iter();
        history.find(|(past, _)| past.revision == change.revision)
    }

    /// The revision that a change made, as a line of a history; `None` where it made none.
    pub fn history_line(&self, change: &Change) -> Option<Representation> {
        if change.label.is_some() {
            return None;
        }
        let history = self.histories.get(&change.persona)?;
        let (last, _) = history.last()?;
        let (_, record) = self.record_of(change)?;
        let labels = if has_labels(change.revision, last.revision, last.deleted_at.is_some()) {
            labels::past(self, change.persona)
        } else {
            Vec::new()
        };
        let (last, note) = (last.revision, record.note.as_deref());
        let earlier = history.iter().map(|(past, _)| past.revision);
        let previous = earlier.filter(|revision| *revision < change.revision).max();
        let previous = previous.filter(|previous| previous.next() != change.revision);
        let facts = HistoryFacts { last, previous, base: record.base, note, labels };
        let line = history_line(&record.representation.body, &facts);
        Some(Representation { body: line.into(), ..record.representation.clone() })
    }

    pub fn changed(&self, persona: &Persona, since: Since) -> bool {
        match since {
            Since::Time(time) => persona.updated_at >= time,
            Since::Position(after) => self.changes.iter().any(|change| {
                change.sequence > after.sequence
                    && change.persona == persona.id
                    && change.label.is_none()
            }),
        }
    }

    /// Keeps what a persona gives up as it becomes this, and forgets what it takes.
    fn move_handle(&mut self, after: &Persona) {
        let had = self.current(after.id).and_then(|(before, _)| Handle::of(before));
        let has = Handle::of(after);
        if had == has {
            return;
        }
        self.former_handles.extend(had.map(|had| (had, after.id)));
        if let Some(has) = has {
            self.former_handles.remove(&has);
        }
    }

    /// What a handle leads a client to.
    pub fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> HandleLook {
        let is_so_called = |handle: &Handle| handle.handle == name.as_str();
        let living = self.living().filter_map(|persona| {
            let owner = Handle::of(persona).filter(is_so_called)?.owner;
            Some((owner, persona.id, false))
        });
        let former = self.former_handles.iter().filter(|(handle, _)| is_so_called(handle));
        let former = former.map(|(handle, id)| (handle.owner.clone(), *id, true));
        let rows = living.chain(former).filter_map(|(owner, persona, is_former)| {
            let (now, record) = self.current(persona)?;
            let is_same =
                now.document.handle() == Some(name.as_str()) && now.document.owner_word() == owner;
            let representation = record.representation.clone();
            Some(HandleRow {
                persona,
                is_former,
                owner_now: now.document.owner_word().into(),
                is_of_deleted: is_former && is_same && now.deleted_at.is_some(),
                glance: if now.document.text().len() > GLANCE_BYTES_MAX {
                    Glance::Large
                } else {
                    Glance::Whole(Some(representation))
                },
                owner,
            })
        });
        handle::choose(reach, rows.collect())
    }

    fn check_handle(&self, id: PersonaId, persona: &Persona) -> Result<(), Error> {
        let Some(handle) = persona.document.handle().filter(|_| persona.deleted_at.is_none())
        else {
            return Ok(());
        };
        let owner = persona.document.owner();
        let is_other = |other: &&Persona| {
            other.id != id
                && other.document.handle() == Some(handle)
                && other.document.owner() == owner
        };
        match self.living().find(is_other) {
            Some(holder) => Err(Error::HandleTaken { handle: handle.into(), holder: holder.id }),
            None => Ok(()),
        }
    }
}

fn representation_of(persona: &Persona) -> Representation {
    let (metadata, document, deleted) =
        (metadata_text(persona), persona.document.text(), persona.deleted_at.is_some());
    let checksum =
        checksum::of(persona.id, persona.revision.number(), deleted, &metadata, document);
    Representation {
        id: persona.id,
        revision: persona.revision,
        checksum,
        deleted,
        body: Bytes::from(join_representation(&metadata, document)),
    }
}
