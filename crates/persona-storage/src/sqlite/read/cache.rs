//! The read cache of one process: a plain read that finds its answer here is as strict as a SELECT
//! (ADR 0054).
//!
//! A commit is published by the header of the WAL index, which is there before the commit is
//! acknowledged. A cached answer counts only while that header is the one that the cache was last
//! synchronised with; to look at it is the moment at which the read takes place. Where the header
//! is another one, the reader takes the new header **first**, then reads from the feed which
//! personas were changed since, drops their answers, and keeps the header that it took first. Three
//! statements hold at all times:
//!
//! 1. Every answer shows its persona with all changes up to [`State::sequence`], or newer.
//! 2. The content that [`State::header`] names has no change after [`State::sequence`].
//! 3. Every commit since the oldest answer was read appended its changes to the feed: the record of
//!    commits (`write/commit_record.rs`) tells of commits of other programs, and then all answers
//!    are dropped.
//!
//! The mutex is never held over a statement. A reader that reads a row first notes the version of
//! the state, and its answer is kept only while that version is still the same: otherwise a slow
//! reader could bring back what was dropped meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use persona_model::{HandleName, LabelName, PersonaId, owner_word_in};
use rusqlite::Connection;

use super::cached_answers::CachedAnswers;
use crate::fault_injection::{self, InjectedFault};
use crate::handle::Handle;
use crate::sqlite::error::from_driver;
use crate::sqlite::tables::{feed, purged};
use crate::sqlite::wal_index::{self, Header};
use crate::sqlite::write::commit_record::{CommitRecord, Succession};
use crate::{CacheEvent, Error, Glance, HandleLook, HandleTarget, Labelled, Observer};

/// Most lines of the feed that are read to find what was changed; after more of them, which take a
/// few milliseconds, dropping everything is cheaper.
const LINES_MAX: usize = 2_000;
/// How often one read tries to synchronise: while commits follow each other, the header can change
/// in between. After that the row is read, as without a cache.
const SYNCHRONISATIONS_MAX: usize = 3;
/// A header without a record counts as that of another program after this time. A writer of this
/// program records it within microseconds, unless the machine lets it wait.
const UNRECORDED_MAX: Duration = Duration::from_millis(100);

/// The cache of answers, which knows which of them are still valid.
pub(super) struct ReadCache {
    record: CommitRecord,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

struct State {
    answers: CachedAnswers,
    /// The header that the answers were last synchronised with; `None` before the first time.
    header: Option<Header>,
    /// The series of commits that made this header; `None` where another program made it.
    succession: Option<Succession>,
    /// The newest line of the feed of which every answer shows the change.
    sequence: u64,
    /// Raised with each synchronisation.
    version: u64,
    /// Since when the header has changed to one without a record.
    unrecorded_since: Option<Instant>,
}

/// What a look into the cache finds.
enum Look<T> {
    /// The answer, which holds.
    Found(T),
    /// No answer. One that is read from now on may be kept while the state has this version.
    Missing { version: u64 },
    /// Something was committed.
    Changed(Since),
}

/// What a reader is told.
enum Asked<T> {
    /// The answer, which holds.
    Found(T),
    /// The request has to read. What it finds may be kept while the state has this version, if
    /// there is one.
    Missing(Option<u64>),
}

/// The state that a synchronisation starts from.
#[derive(Clone, Copy)]
struct Since {
    succession: Option<Succession>,
    sequence: u64,
    version: u64,
    has_answers: bool,
}

/// What a synchronisation does with the answers.
enum Change {
    /// Drops the answers of the personas that were changed.
    Drop(Vec<PersonaId>),
    /// Drops all answers.
    Clear,
}

impl ReadCache {
    /// Makes a cache of this many bytes; `None` for 0.
    pub(super) fn new(
        bytes_max: usize,
        record: CommitRecord,
        observer: Arc<dyn Observer>,
    ) -> Option<Self> {
        let state = State {
            answers: CachedAnswers::new(bytes_max),
            header: None,
            succession: None,
            sequence: 0,
            version: 0,
            unrecorded_since: None,
        };
        (bytes_max > 0).then(|| Self { record, observer, state: Mutex::new(state) })
    }

    /// The answer for a persona: a valid one from the cache, or the result of `read`.
    ///
    /// The connection is one that has read before and has no transaction open.
    pub(super) fn glance(
        &self,
        connection: &Connection,
        id: PersonaId,
        read: impl FnOnce(&Connection) -> Result<Glance, Error>,
    ) -> Result<Glance, Error> {
        let version = match self.ask(connection, |answers| answers.get(id).cloned()) {
            Asked::Found(answer) => return Ok(Glance::Whole(Some(answer))),
            Asked::Missing(version) => version,
        };
        let glance = read(connection)?;
        if let (Some(version), Glance::Whole(Some(answer))) = (version, &glance) {
            self.keep(version, |answers| answers.insert(answer.clone()));
        }
        Ok(glance)
    }

    /// The same for a persona by a label. Every move of a label has a line in the feed, as every
    /// change of its persona has, so that the persona and what was read by its labels are dropped
    /// together.
    pub(super) fn labelled(
        &self,
        connection: &Connection,
        id: PersonaId,
        name: &LabelName,
        read: impl FnOnce(&Connection) -> Result<Option<Arc<Labelled>>, Error>,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        let version = match self.ask(connection, |answers| answers.by_label(id, name).cloned()) {
            Asked::Found(found) => return Ok(Some(found)),
            Asked::Missing(version) => version,
        };
        let found = read(connection)?;
        if let (Some(version), Some(found)) = (version, &found)
            && found.whole().is_some()
        {
            self.keep(version, |answers| answers.insert_by_label(id, found));
        }
        Ok(found)
    }

    /// Asks a cache that is synchronised, if that is possible, and counts what came of it.
    fn ask<T>(
        &self,
        connection: &Connection,
        find: impl Fn(&CachedAnswers) -> Option<T>,
    ) -> Asked<T> {
        let version = match self.current(connection, &find) {
            Look::Found(answer) => {
                self.observer.read_cache(CacheEvent::Hit);
                return Asked::Found(answer);
            }
            Look::Missing { version } => Some(version),
            Look::Changed(_) => None,
        };
        self.observer.read_cache(CacheEvent::Miss);
        Asked::Missing(version)
    }

    /// What a handle leads a client to, as [`ReadCache::glance`] for an identity. An answer that is
    /// kept shows that it is called so among those that the client finds first; `read` tells
    /// everything else.
    pub(super) fn look_at_handle(
        &self,
        connection: &Connection,
        (name, first_owner): (&HandleName, &str),
        read: impl FnOnce(&Connection) -> Result<HandleLook, Error>,
    ) -> Result<HandleLook, Error> {
        let find = |answers: &CachedAnswers| answers.by_handle(first_owner, name.as_str()).cloned();
        let version = match self.ask(connection, find) {
            Asked::Found(answer) => {
                let target = HandleTarget::Persona(answer.id);
                return Ok(HandleLook { target, glance: Glance::Whole(Some(answer)) });
            }
            Asked::Missing(version) => version,
        };
        let look = read(connection)?;
        if let (Some(version), Glance::Whole(Some(answer))) = (version, &look.glance)
            && !answer.deleted
            && owner_word_in(&answer.body) == Some(first_owner)
        {
            let handle = Handle { owner: first_owner.into(), handle: name.to_string() };
            self.keep(version, |answers| answers.insert_by_handle(answer.clone(), handle));
        }
        Ok(look)
    }

    /// A look at a cache that is synchronised, if that is possible.
    fn current<T>(
        &self,
        connection: &Connection,
        find: &impl Fn(&CachedAnswers) -> Option<T>,
    ) -> Look<T> {
        let mut look = self.look(connection, find);
        for _ in 0..SYNCHRONISATIONS_MAX {
            let Look::Changed(since) = look else { break };
            if !self.synchronise(connection, since) {
                break;
            }
            look = self.look(connection, find);
        }
        look
    }

    fn look<T>(
        &self,
        connection: &Connection,
        find: &impl Fn(&CachedAnswers) -> Option<T>,
    ) -> Look<T> {
        // The moment at which a read that finds its answer takes place.
        let header = wal_index::header(connection);
        let state = self.state();
        if header.is_none() || header != state.header {
            return Look::Changed(Since {
                succession: state.succession,
                sequence: state.sequence,
                version: state.version,
                has_answers: !state.answers.is_empty(),
            });
        }
        match find(&state.answers) {
            Some(answer) => Look::Found(answer),
            None => Look::Missing { version: state.version },
        }
    }

    /// Synchronises the cache with what is committed now. `false` if that is not possible now; then
    /// the row must be read, and is not stored.
    fn synchronise(&self, connection: &Connection, since: Since) -> bool {
        let Some(header) = wal_index::header(connection) else { return false };
        let recorded = self.record.read().filter(|recorded| recorded.header == header);
        let succession = recorded.map(|recorded| recorded.succession);
        let is_own = (succession.is_some() && succession == since.succession)
            || fault_injection::is_on(InjectedFault::OverlookForeignCommit);
        if !is_own && succession.is_none() && since.has_answers && !self.is_foreign() {
            return false;
        }
        let changes = if is_own {
            changes_since(connection, since.sequence)
        } else {
            feed::newest(connection).map(|newest| (Change::Clear, newest)).map_err(from_driver)
        };
        // An error is ignored here, because the read of the row reports it.
        let Ok((change, sequence)) = changes else { return false };
        let header =
            fault_injection::header_after_changes(header, || wal_index::header(connection));
        let mut state = self.state();
        // Another thread may have done it meanwhile, up to another commit.
        if state.version == since.version {
            self.apply(&mut state, &change);
            state.header = Some(header);
            state.succession = succession;
            state.sequence = sequence;
            state.version += 1;
            state.unrecorded_since = None;
        }
        true
    }

    /// Whether a header that is not recorded is that of another program: it has not been recorded
    /// for longer than a writer of this program needs.
    fn is_foreign(&self) -> bool {
        let mut state = self.state();
        state.unrecorded_since.get_or_insert_with(Instant::now).elapsed() >= UNRECORDED_MAX
    }

    fn apply(&self, state: &mut State, change: &Change) {
        match change {
            Change::Drop(ids) => {
                self.observer.read_cache(CacheEvent::Synchronised);
                for id in ids {
                    state.answers.remove(*id);
                }
            }
            Change::Clear => {
                if !state.answers.is_empty() {
                    self.observer.read_cache(CacheEvent::Cleared);
                }
                state.answers.clear();
            }
        }
        self.observer.read_cache_bytes(state.answers.bytes());
    }

    /// Keeps an answer that was read since the state had this version, if it still has.
    fn keep(&self, version: u64, insert: impl FnOnce(&mut CachedAnswers)) {
        let mut state = self.state();
        if state.version == version {
            insert(&mut state.answers);
            self.observer.read_cache_bytes(state.answers.bytes());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The answers and what they were synchronised with are changed by code that cannot panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was changed after a line of the feed, and the newest line.
fn changes_since(connection: &Connection, sequence: u64) -> Result<(Change, u64), Error> {
    if fault_injection::is_on(InjectedFault::SkipSynchronisation) {
        return Ok((Change::Drop(Vec::new()), sequence));
    }
    let lines = feed::changed_after(connection, sequence, LINES_MAX + 1).map_err(from_driver)?;
    let newest = lines.last().map_or(sequence, |(newest, _)| *newest);
    if lines.len() > LINES_MAX {
        let newest = feed::newest(connection).map_err(from_driver)?;
        return Ok((Change::Clear, newest));
    }
    let is_kept = |id: &PersonaId| {
        fault_injection::is_on(InjectedFault::KeepCachedPurged)
            && matches!(purged::find(connection, *id), Ok(Some(_)))
    };
    let ids = lines.into_iter().map(|(_, id)| id).filter(|id| !is_kept(id)).collect();
    Ok((Change::Drop(fault_injection::leave_out_one(ids)), newest))
}
