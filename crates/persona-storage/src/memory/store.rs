//! The contract over the rows of the reference store.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use persona_model::{
    Change, Clock, FeedPlace, HandleName, LabelName, ListRequest, Persona, PersonaId, Position,
    Reach, Revision,
};

use super::rows::Rows;
use super::{counts, labels, lists, tokens};
use crate::atomic::Budget;
use crate::label::Holder;
use crate::time::Time;
use crate::{
    AtomicBatch, BackendDetails, Count, CountRequest, EVENTS_AT_ONCE_MAX, Error, Event, Export,
    ExportRequest, Exported, GLANCE_BYTES_MAX, Glance, HandleLook, IDEMPOTENCY_KEYS_MAX,
    LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss, MovedLabel, NotApplied, Page,
    PersonaLabels, Purge, ReadRoom, Representation, RevisionPage, RevisionRecord, RevisionSummary,
    Status, Store, Token, TokenChange, TokenHash, TokenLook, TokenPage, Tombstone, Write, Written,
};

/// Pause between two looks for the next event.
const PAUSE: Duration = Duration::from_millis(1);

/// Keeps personas in the memory of one process.
pub struct MemoryStore {
    pub(super) time: Time,
    keys_max: u64,
    rows: Mutex<Rows>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { time: Time::new(clock), keys_max: IDEMPOTENCY_KEYS_MAX, rows: Mutex::default() }
    }

    /// The same, with another limit for idempotency keys.
    #[must_use]
    pub fn keeping_keys(mut self, max: u64) -> Self {
        self.keys_max = max;
        self
    }

    pub(super) fn rows(&self) -> Result<MutexGuard<'_, Rows>, Error> {
        let rows = self
            .rows
            .lock()
            .map_err(|_| Error::Closed("a thread panicked while it held the rows"))?;
        if rows.closed { Err(Error::Closed("it was closed")) } else { Ok(rows) }
    }

    fn look(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let rows = self.rows()?;
        revision.map_or(Ok(()), |revision| rows.check_kept(id, revision))?;
        let history = rows.histories.get(&id).map_or(&[][..], Vec::as_slice);
        let found = revision.map_or(history.last(), |revision| {
            history.iter().find(|(persona, _)| persona.revision == revision)
        });
        Ok(match found {
            Some((persona, _)) if persona.document.text().len() > GLANCE_BYTES_MAX => Glance::Large,
            found => Glance::Whole(found.map(|(_, record)| record.representation.clone())),
        })
    }

    fn look_by_label(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        let holder = labels::holder(&*self.rows()?, id);
        let Some(Holder { owner, deleted, mut labels, .. }) = holder else { return Ok(None) };
        let label = labels.remove(name);
        let found = match &label {
            Some(label) => self.look(id, Some(label.revision))?,
            None => Glance::Whole(None),
        };
        Ok(Some(Arc::new(Labelled { owner, deleted, label, found })))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        self.look(id, revision)
    }

    fn glance_at_once(&self, id: PersonaId) -> Option<Result<Option<Representation>, Error>> {
        match self.look(id, None) {
            Ok(Glance::Whole(answer)) => Some(Ok(answer)),
            Ok(Glance::Large) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error> {
        Ok(self.rows()?.current(id).map(|(_, record)| record.representation.clone()))
    }

    async fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> Result<HandleLook, Error> {
        Ok(self.rows()?.look_at_handle(name, reach))
    }

    fn look_at_handle_at_once(
        &self,
        name: &HandleName,
        reach: &Reach,
    ) -> Option<Result<HandleLook, Error>> {
        Some(self.rows().map(|rows| rows.look_at_handle(name, reach)))
    }

    async fn owner_of(&self, id: PersonaId) -> Result<Option<String>, Error> {
        let rows = self.rows()?;
        Ok(rows.current(id).map(|(persona, _)| persona.document.owner_word().to_owned()))
    }

    async fn owners_of(&self, ids: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error> {
        self.rows().map(|rows| rows.owners_of(ids))
    }

    async fn epoch(&self) -> Result<String, Error> {
        Ok("a store in memory has one life".into())
    }

    async fn tombstone(&self, id: PersonaId) -> Result<Option<Tombstone>, Error> {
        Ok(self.rows()?.tombstones.get(&id).cloned())
    }

    fn tombstone_at_once(&self, id: PersonaId) -> Option<Result<Option<Tombstone>, Error>> {
        Some(self.rows().map(|rows| rows.tombstones.get(&id).cloned()))
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        lists::page(&*self.rows()?, &request)
    }

    async fn counts(&self, request: CountRequest) -> Result<Vec<Count>, Error> {
        Ok(counts::page(&*self.rows()?, &request))
    }

    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        let rows = self.rows()?;
        rows.check_kept(id, revision)?;
        let found = rows
            .histories
            .get(&id)
            .and_then(|history| history.iter().find(|(persona, _)| persona.revision == revision));
        Ok(found.map(|(_, record)| record.clone()))
    }

    async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        let rows = self.rows()?;
        let Some(history) = rows.histories.get(&id) else { return Ok(None) };
        let is_before = |(persona, _): &&(Persona, RevisionRecord)| {
            before.is_none_or(|before| persona.revision < before)
        };
        let mut all =
            history.iter().rev().filter(is_before).map(|(persona, record)| RevisionSummary {
                revision: persona.revision,
                at: record.at,
                author: record.author.clone(),
                note: record.note.clone(),
                changed: record.changed.clone(),
                base: record.base,
                deleted: record.representation.deleted,
                document_bytes: persona.document.text().len() as u64,
            });
        let items = all.by_ref().take(limit).collect();
        Ok(Some(RevisionPage { items, has_more: all.next().is_some() }))
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, Error> {
        Ok(self
            .rows()?
            .changes
            .iter()
            .filter(|change| change.sequence > sequence)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error> {
        self.rows()?.events_after(place, limit)
    }

    async fn next_events(&self, place: FeedPlace) -> Result<Vec<Event>, Error> {
        loop {
            let events = self.rows()?.events_after(place, EVENTS_AT_ONCE_MAX)?;
            if !events.is_empty() {
                return Ok(events);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn feed_end(&self) -> Result<Position, Error> {
        Ok(self.rows()?.changes.last().map(Position::of).unwrap_or_default())
    }

    async fn export_some(&self, request: ExportRequest) -> Result<Export, Error> {
        let (rows, exported, owners) = (self.rows()?, request.exported, request.owners());
        let is_asked_for = |persona: &Persona| {
            let (owner, handle) = (persona.document.owner_word(), persona.document.handle());
            owners.as_ref().is_none_or(|owners| owners.contains(&owner))
                && request.handle_prefix.as_ref().is_none_or(|prefix| {
                    handle.is_some_and(|handle| handle.starts_with(prefix.as_str()))
                })
        };
        if exported == Exported::History {
            let is_wanted = |change: &&Change| {
                rows.current(change.persona).is_some_and(|(persona, _)| is_asked_for(persona))
            };
            let lines = rows.changes.iter().filter(is_wanted);
            let lines = lines.filter_map(|change| rows.history_line(change));
            return Ok(Export::of(lines.collect::<Vec<_>>(), Ok(())));
        }
        let mut all: Vec<_> =
            rows.histories.values().filter_map(|history| history.last()).collect();
        all.sort_by_key(|(persona, _)| (persona.created_at, persona.id));
        let wanted = all
            .into_iter()
            .filter(|(persona, _)| is_asked_for(persona))
            .filter(|(persona, _)| exported == Exported::All || persona.deleted_at.is_none())
            .map(|(_, record)| record.representation.clone());
        Ok(Export::of(wanted.collect::<Vec<_>>(), Ok(())))
    }

    async fn write(&self, write: Write) -> Result<Written, Error> {
        if Instant::now() >= write.deadline {
            return Err(Error::Busy { what: "its turn to write" });
        }
        let mut rows = self.rows()?;
        let now = rows.next_time(self.time.now());
        rows.apply(&write, now, self.keys_max)
    }

    async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        if Instant::now() >= batch.deadline() {
            return Err(Error::Busy { what: "its turn to write" }.into());
        }
        let mut rows = self.rows()?;
        let (mut applied, mut budget) = (rows.clone(), Budget::WHOLE);
        let mut written = Vec::with_capacity(batch.writes().len());
        for (place, write) in batch.writes().iter().enumerate() {
            let now = applied.next_time(self.time.now());
            let one = applied.apply_within(write, now, self.keys_max, &mut budget);
            written.push(one.map_err(NotApplied::at(place))?);
        }
        *rows = applied;
        Ok(written)
    }

    async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        if Instant::now() >= purge.deadline {
            return Err(Error::Busy { what: "its turn to write" });
        }
        let mut rows = self.rows()?;
        let now = rows.next_time(self.time.now());
        rows.purge(&purge, now)
    }

    async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        Ok(labels::holder(&*self.rows()?, id).map(Holder::into_labels))
    }

    async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        self.look_by_label(id, name)
    }

    fn labelled_at_once(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Option<Result<Option<Arc<Labelled>>, Error>> {
        Some(self.look_by_label(id, name))
    }

    async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        let rows = self.rows()?;
        let holders = ids.iter().filter_map(|id| labels::holder(&rows, *id));
        Ok(holders.filter_map(Holder::into_labels_of).collect())
    }

    async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        Ok(labels::moves_of(&*self.rows()?, id, name, before, limit))
    }

    async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        if Instant::now() >= moves.deadline {
            return Err(Error::Busy { what: "its turn to write" }.into());
        }
        labels::move_all(&mut *self.rows()?, &moves, &self.time, self.keys_max)
    }

    fn token_at_once(&self, hash: Option<&TokenHash>) -> Option<Result<TokenLook, Error>> {
        Some(self.rows().map(|rows| tokens::look(&rows.tokens, hash)))
    }

    async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        Ok(tokens::look(&self.rows()?.tokens, hash))
    }

    async fn tokens(&self, page: &TokenPage) -> Result<Vec<Token>, Error> {
        Ok(tokens::page(&self.rows()?.tokens, page))
    }

    async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        Ok(tokens::change(&mut self.rows()?.tokens, &change)?)
    }

    async fn ready(&self) -> Result<(), Error> {
        self.rows().map(drop)
    }

    fn read_room(&self) -> ReadRoom {
        ReadRoom { lists: 4, exports: 4, large: 4 }
    }

    async fn status(&self) -> Result<Status, Error> {
        Ok(Status {
            backend: "memory",
            engine_version: env!("CARGO_PKG_VERSION").into(),
            durability: "none",
            durability_meaning: "everything is lost when the process ends",
            schema_version: 0,
            personas: self.rows()?.living().count() as u64,
            database_bytes: 0,
            history: crate::HistorySize::default(),
            details: BackendDetails::Memory,
        })
    }

    async fn lost(&self) -> Loss {
        std::future::pending().await
    }

    async fn close(&self) {
        if let Ok(mut rows) = self.rows.lock() {
            rows.closed = true;
        }
    }
}
