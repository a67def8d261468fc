//! The reference store: the contract in its simplest form, the oracle of the tests. Never offered
//! to users.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use persona_model::{
    Change, Clock, Cursor, ListRequest, Nearness, Persona, PersonaId, Position, Rank, Revision,
    Since, Sort, SortKey, Timestamp, history_line, join_representation, metadata_text,
};

use crate::checksum;
use crate::decide::{Current, Decision, decide};
use crate::time::{Time, after, newest_of};
use crate::{
    BackendDetails, Error, Export, Exported, GLANCE_BYTES_MAX, Glance, IDEMPOTENCY_KEYS_MAX,
    Idempotency, Loss, Outcome, Page, ReadRoom, Representation, RevisionRecord, Status, Store,
    Write, Written,
};

/// Keeps personas in the memory of one process.
pub struct MemoryStore {
    time: Time,
    keys_max: u64,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// Every revision of every persona, oldest first.
    histories: HashMap<PersonaId, Vec<(Persona, RevisionRecord)>>,
    changes: Vec<Change>,
    replays: HashMap<String, (Idempotency, Written)>,
    closed: bool,
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

    fn rows(&self) -> Result<MutexGuard<'_, Rows>, Error> {
        let rows = self
            .rows
            .lock()
            .map_err(|_| Error::Closed("a thread panicked while it held the rows"))?;
        if rows.closed { Err(Error::Closed("it was closed")) } else { Ok(rows) }
    }

    fn look(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let rows = self.rows()?;
        let history = rows.histories.get(&id).map_or(&[][..], Vec::as_slice);
        let found = revision.map_or(history.last(), |revision| {
            history.iter().find(|(persona, _)| persona.revision == revision)
        });
        Ok(match found {
            Some((persona, _)) if persona.document.text().len() > GLANCE_BYTES_MAX => Glance::Large,
            found => Glance::Whole(found.map(|(_, record)| record.representation.clone())),
        })
    }
}

impl Rows {
    fn current(&self, id: PersonaId) -> Option<&(Persona, RevisionRecord)> {
        self.histories.get(&id)?.last()
    }

    fn living(&self) -> impl Iterator<Item = &Persona> {
        self.histories
            .values()
            .filter_map(|history| history.last())
            .map(|(persona, _)| persona)
            .filter(|persona| persona.deleted_at.is_none())
    }

    fn apply(&mut self, write: &Write, now: Timestamp, keys_max: u64) -> Result<Written, Error> {
        if let Some(wanted) = &write.idempotency
            && let Some((known, written)) = self.replays.get(&wanted.key)
        {
            let replay = Written { replayed: true, ..written.clone() };
            return if known == wanted { Ok(replay) } else { Err(Error::KeyReused) };
        }
        if write.idempotency.is_some() && self.replays.len() as u64 >= keys_max {
            return Err(Error::TooManyKeys { max: keys_max });
        }
        let id = write.operation.id();
        let history = self.histories.get(&id).map_or(&[][..], Vec::as_slice);
        let document_at = |revision: Revision| {
            Ok(history
                .iter()
                .find(|(persona, _)| persona.revision == revision)
                .map(|(persona, _)| persona.document.clone()))
        };
        let current = history
            .last()
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
            Decision::Change(revised) => {
                self.check_handle(id, &revised.persona)?;
                let persona = revised.persona;
                let answer = answer_of(&persona);
                let changed = revised.changed.into_iter().map(String::from).collect();
                let (at, author) = (persona.updated_at, persona.updated_by.clone());
                let record = RevisionRecord {
                    representation: answer.clone(),
                    at,
                    author,
                    changed,
                    base: revised.base,
                };
                let sequence = self.changes.len() as u64 + 1;
                self.changes.push(Change {
                    sequence,
                    persona: id,
                    revision: persona.revision,
                    kind: revised.kind,
                    at,
                });
                self.histories.entry(id).or_default().push((persona, record));
                Written { outcome: revised.outcome, representation: answer, replayed: false }
            }
        };
        if let Some(idempotency) = &write.idempotency {
            self.replays.insert(idempotency.key.clone(), (idempotency.clone(), written.clone()));
        }
        Ok(written)
    }

    /// The newest change. Fails when the line from which on changes are wanted is another one.
    fn position(&self, since: Since) -> Result<Position, Error> {
        if let Since::Position(wanted) = since
            && wanted != Position::default()
            && !self.changes.iter().any(|change| Position::of(change) == wanted)
        {
            return Err(Error::UnknownPosition);
        }
        Ok(self.changes.last().map(Position::of).unwrap_or_default())
    }

    /// The revision that a change made, as a line of a history.
    fn history_line(&self, change: &Change) -> Option<Representation> {
        let history = self.histories.get(&change.persona)?;
        let (last, _) = history.last()?;
        let (_, record) = history.iter().find(|(past, _)| past.revision == change.revision)?;
        let line = history_line(&record.representation.body, last.revision, record.base);
        Some(Representation { body: line.into(), ..record.representation.clone() })
    }

    fn changed(&self, persona: &Persona, since: Since) -> bool {
        match since {
            Since::Time(time) => persona.updated_at >= time,
            Since::Position(after) => self
                .changes
                .iter()
                .any(|change| change.sequence > after.sequence && change.persona == persona.id),
        }
    }

    fn check_handle(&self, id: PersonaId, persona: &Persona) -> Result<(), Error> {
        let Some(handle) = persona.document.handle().filter(|_| persona.deleted_at.is_none())
        else {
            return Ok(());
        };
        match self.living().find(|other| other.id != id && other.document.handle() == Some(handle))
        {
            Some(holder) => Err(Error::HandleTaken { handle: handle.into(), holder: holder.id }),
            None => Ok(()),
        }
    }
}

fn answer_of(persona: &Persona) -> Representation {
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

/// What a list is ordered by: a number or a text.
fn sort_value<'a>(persona: &'a Persona, request: &ListRequest) -> (i64, &'a str) {
    match request.sort.key {
        SortKey::Name => (0, persona.document.name()),
        SortKey::CreatedAt => (persona.created_at.as_micros(), ""),
        SortKey::UpdatedAt => (persona.updated_at.as_micros(), ""),
        SortKey::Relevance => {
            let search = request.filter.search.as_ref();
            let nearness =
                search.map_or(Nearness::Name, |search| search.nearness(&persona.document));
            (Rank::new(nearness, persona.created_at).number(), "")
        }
    }
}

/// Which of two places in a list comes first.
fn compare(one: ((i64, &str), PersonaId), other: ((i64, &str), PersonaId), sort: Sort) -> Ordering {
    let turned = |order: Ordering, is_turned: bool| if is_turned { order.reverse() } else { order };
    let by_identity = turned(one.1.cmp(&other.1), sort.is_newest_first_among_equals());
    turned(one.0.cmp(&other.0), sort.descending).then(by_identity)
}

fn cursor_value(cursor: &Cursor, key: SortKey) -> (i64, &str) {
    match key {
        SortKey::Name => (0, &cursor.key),
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
            (cursor.key.parse().unwrap_or_default(), "")
        }
    }
}

fn meets(persona: &Persona, request: &ListRequest) -> bool {
    let filter = &request.filter;
    let tags = persona.document.folded_tags();
    (filter.include_deleted || persona.deleted_at.is_none())
        && filter.kind.is_none_or(|kind| persona.document.kind() == kind)
        && filter.is_active.is_none_or(|active| persona.document.is_active() == active)
        && filter.search.as_ref().is_none_or(|search| search.is_met_by(&persona.document))
        && filter.tags.iter().all(|tag| tags.contains(tag))
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

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        let rows = self.rows()?;
        let key = request.sort.key;
        let since = request.filter.updated_since;
        let position = since.map(|since| rows.position(since)).transpose()?;
        let mut all: Vec<&(Persona, RevisionRecord)> = rows
            .histories
            .values()
            .filter_map(|history| history.last())
            .filter(|(persona, _)| {
                meets(persona, &request) && since.is_none_or(|since| rows.changed(persona, since))
            })
            .collect();
        let total = request.count.then_some(all.len() as u64);
        all.sort_by(|(one, _), (other, _)| {
            compare(
                (sort_value(one, &request), one.id),
                (sort_value(other, &request), other.id),
                request.sort,
            )
        });
        if let Some(after) = &request.after {
            let start = (cursor_value(after, key), after.id);
            all.retain(|(persona, _)| {
                compare((sort_value(persona, &request), persona.id), start, request.sort).is_gt()
            });
        }
        let fitting = crate::store::fitting(
            all.iter().map(|(_, record)| record.representation.body.len()),
            request.limit,
        );
        let more = all.len() > fitting;
        all.truncate(fitting);
        let next_cursor = all.last().filter(|_| more).map(|(persona, _)| {
            let (number, name) = sort_value(persona, &request);
            let key = if key == SortKey::Name { name.to_owned() } else { number.to_string() };
            Cursor { key, id: persona.id }.encode(&request.filter, request.sort)
        });
        Ok(Page {
            items: all.into_iter().map(|(_, record)| record.representation.clone()).collect(),
            next_cursor,
            total,
            position,
        })
    }

    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        let rows = self.rows()?;
        let found = rows
            .histories
            .get(&id)
            .and_then(|history| history.iter().find(|(persona, _)| persona.revision == revision));
        Ok(found.map(|(_, record)| record.clone()))
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

    async fn export(&self, exported: Exported) -> Result<Export, Error> {
        let rows = self.rows()?;
        if exported == Exported::History {
            let lines = rows.changes.iter().filter_map(|change| rows.history_line(change));
            return Ok(Export::of(lines.collect::<Vec<_>>(), Ok(())));
        }
        let mut all: Vec<_> =
            rows.histories.values().filter_map(|history| history.last()).collect();
        all.sort_by_key(|(persona, _)| (persona.created_at, persona.id));
        let wanted = all
            .into_iter()
            .filter(|(persona, _)| exported == Exported::All || persona.deleted_at.is_none())
            .map(|(_, record)| record.representation.clone());
        Ok(Export::of(wanted.collect::<Vec<_>>(), Ok(())))
    }

    async fn write(&self, write: Write) -> Result<Written, Error> {
        if Instant::now() >= write.deadline {
            return Err(Error::Busy { what: "its turn to write" });
        }
        let mut rows = self.rows()?;
        let now = self.time.now();
        let stamps = rows.changes.iter().map(|change| change.at).filter(|at| *at <= newest_of(now));
        let now = after(stamps.max().unwrap_or_default(), now);
        rows.apply(&write, now, self.keys_max)
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
