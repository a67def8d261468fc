//! One request inside a running write transaction.

use persona_model::{Revision, Timestamp};
use rusqlite::Connection;

use super::foresight::Foreseen;
use crate::decide::{Decision, Revised, decide};
use crate::fault_injection::{self, InjectedFault};
use crate::sqlite::error::from_driver;
use crate::sqlite::search::Entry;
use crate::sqlite::tables::history::History;
use crate::sqlite::tables::personas::{Found, Stored, Texts};
use crate::sqlite::tables::{dropped, feed, handles, idempotency, personas, purged, revisions};
use crate::squash::{self, Replaced};
use crate::{Error, Outcome, Representation, Write, Written};

/// The result of a request in the running transaction.
pub(crate) enum Step {
    /// The request was applied.
    Applied(Applied),
    /// The request was not applied: it changes a persona of this many bytes, and should be worked
    /// out before the lock first.
    IsHeavy(usize),
}

/// A request that was applied.
pub(crate) struct Applied {
    pub written: Written,
    /// The entry for the search indexes.
    pub entry: Option<Entry>,
    /// Bytes of its document, before or after it, whichever is larger; 0 for a repetition.
    pub bytes: usize,
}

/// Applies one request, except for its entry for the search indexes: the caller writes the entries
/// of all requests of the transaction together. On an error the caller rolls back to where the
/// request began.
///
/// `bytes_max` are the most bytes of a document that may be read and worked on here.
///
/// Everything that is read here is read behind the writer lock, so the row that the rules see is
/// the row that the statements change.
pub(crate) fn apply(
    connection: &Connection,
    write: &Write,
    foreseen: Option<Foreseen>,
    bytes_max: usize,
    now: Timestamp,
    keys_max: u64,
) -> Result<Step, Error> {
    if let Some(wanted) = &write.idempotency
        && let Some(replay) = idempotency::find(connection, wanted, write)?
    {
        return Ok(Step::Applied(Applied { written: replay, entry: None, bytes: 0 }));
    }
    if write.idempotency.is_some()
        && idempotency::is_full(connection, keys_max).map_err(from_driver)?
    {
        return Err(Error::TooManyKeys { max: keys_max });
    }
    let id = write.operation.id();
    let (current, decision) = match seen(connection, write, foreseen, bytes_max)? {
        Seen::Whole(current, decision) => (current, decision),
        Seen::Larger(bytes) => return Ok(Step::IsHeavy(bytes)),
    };
    if current.is_none()
        && let Some(tombstone) = purged::find(connection, id).map_err(from_driver)?
    {
        return Err(tombstone.refusal(write));
    }
    let document_at = |revision: Revision| match &current {
        Some(stored) => revisions::document(connection, id, &stored.history, revision),
        None => Ok(None),
    };
    let decision = match decision {
        Some(decision) => decision?.at(now),
        None => decide(write, current.as_ref().map(Stored::current), now, document_at)?,
    };
    let mut bytes = current.as_ref().map_or(0, |stored| stored.persona.document.text().len());
    let (written, entry) = match decision {
        Decision::Unchanged => {
            let answer = personas::representation(connection, id)
                .map_err(from_driver)?
                .ok_or(Error::NotFound)?;
            let outcome = Outcome::Unchanged;
            (Written { outcome, representation: answer, replayed: false }, None)
        }
        Decision::Change(mut revised) => {
            fault_injection::drop_key(&write.operation, &mut revised.persona);
            bytes = bytes.max(revised.persona.document.text().len());
            keep(connection, write, current.as_ref(), &mut revised)?
        }
    };
    if let Some(wanted) = &write.idempotency {
        idempotency::insert(connection, wanted, id, &written, now).map_err(from_driver)?;
    }
    Ok(Step::Applied(Applied { written, entry, bytes }))
}

/// The current persona behind the lock.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Seen {
    /// The persona, if there is one; with the foreseen decision, if its state is still the one that
    /// was seen.
    Whole(Option<Stored>, Option<Result<Decision, Error>>),
    /// The persona has this many bytes, more than may be read here.
    Larger(usize),
}

fn seen(
    connection: &Connection,
    write: &Write,
    foreseen: Option<Foreseen>,
    bytes_max: usize,
) -> Result<Seen, Error> {
    let mut outdated = None;
    if let Some(Foreseen { before, decision }) = foreseen {
        let tag = personas::tag_of(connection, write.operation.id()).map_err(from_driver)?;
        if tag == Some(before.tag) {
            return Ok(Seen::Whole(Some(before), decision));
        }
        outdated = Some(before.persona.document);
    }
    Ok(match personas::find_up_to(connection, write, bytes_max)? {
        Found::Nothing => Seen::Whole(None, None),
        Found::Whole(mut stored) => {
            fault_injection::use_what_was_seen_outside(&mut stored.persona, outdated);
            Seen::Whole(Some(*stored), None)
        }
        Found::Larger(bytes) => Seen::Larger(bytes),
    })
}

fn keep(
    connection: &Connection,
    write: &Write,
    before: Option<&Stored>,
    revised: &mut Revised,
) -> Result<(Written, Option<Entry>), Error> {
    let autosaved_since = squash(connection, write, before, revised)?;
    let revised = &*revised;
    let persona = &revised.persona;
    if let Some(handle) = persona.document.handle().filter(|_| persona.deleted_at.is_none())
        && let Some(holder) =
            personas::holder_of(connection, persona.document.owner_word(), handle, persona.id)
                .map_err(from_driver)?
    {
        return Err(Error::HandleTaken { handle: handle.into(), holder });
    }
    let texts = Texts::of(persona);
    // The line of the feed comes first, because the revision gets its number, and the persona
    // stores that.
    let (at, number) = (persona.updated_at, persona.revision);
    let mut earlier = before.map(|before| before.history.clone()).unwrap_or_default();
    if let (Some(first), Some(before)) = (revised.first_dropped(write), before) {
        keep_dropped(connection, before, revised, first, &mut earlier).map_err(from_driver)?;
    }
    let sequence =
        feed::insert(connection, persona.id, number, revised.kind, at).map_err(from_driver)?;
    let mut history = earlier.clone();
    history.add(sequence);
    let row_id = match before {
        None => personas::insert(connection, persona, &texts, &history).map_err(from_driver)?,
        Some(before) => {
            let beside = (&history, autosaved_since);
            personas::update(connection, before, persona, &texts, beside)?;
            before.row_id
        }
    };
    handles::keep(connection, before.map(|before| &before.persona), persona)
        .map_err(from_driver)?;
    revisions::insert(connection, sequence, &earlier, revised, &texts).map_err(from_driver)?;
    let body = persona_model::join_representation(&texts.metadata, texts.document).into();
    let (deleted, checksum) = (persona.deleted_at.is_some(), texts.checksum);
    let answer =
        Representation { id: persona.id, revision: persona.revision, checksum, deleted, body };
    let entry = Entry::of(row_id, revised, before.map(|before| &before.persona.document));
    Ok((Written { outcome: revised.outcome, representation: answer, replayed: false }, entry))
}

/// Drops the revision that a new one replaces, where the rules allow it and no label ever pointed
/// there. Tells since when the autosaves were made that the new one stands for.
fn squash(
    connection: &Connection,
    write: &Write,
    before: Option<&Stored>,
    revised: &mut Revised,
) -> Result<Option<Timestamp>, Error> {
    let mut dropped = None;
    if let Some(Stored { persona, history, autosaved_since: Some(since), .. }) = before
        && write.squash.is_some()
    {
        let newest = dropped::newest(connection, history).map_err(from_driver)?;
        let (autosaved_since, changed) = (Some(*since), newest.changed.as_slice());
        let is_under_key = match squash::named_key(write, persona) {
            Some(key) => idempotency::has_made(connection, key, persona).map_err(from_driver)?,
            None => false,
        };
        let replaced = Replaced { persona, autosaved_since, changed, is_under_key };
        if squash::may_drop(write, replaced, revised)
            && (fault_injection::is_on(InjectedFault::DropLabelled)
                || !dropped::was_labelled(connection, persona.id, persona.revision)?)
        {
            dropped::drop_newest(connection, persona.id, history).map_err(from_driver)?;
            revised.previous = newest.previous;
            revised.changed = squash::changed_by_both(&newest.changed, &revised.changed);
            dropped = autosaved_since;
        }
    }
    Ok(squash::autosaved_since(write, revised, dropped))
}

/// Keeps that the revisions between two were dropped where they come from: a row stands for them,
/// and a line of the feed for the row.
fn keep_dropped(
    connection: &Connection,
    before: &Stored,
    revised: &Revised,
    first: u64,
    earlier: &mut History,
) -> rusqlite::Result<()> {
    let (id, last) = (revised.persona.id, revised.persona.revision.number() - 1);
    let Some(revision) = Revision::new(last) else { return Ok(()) };
    let (at, kind) = squash::line_of_dropped(&before.persona, &revised.persona);
    let row = feed::insert(connection, id, revision, kind, at)?;
    dropped::insert(connection, row, earlier, id, (first, last), at)?;
    earlier.add_through(last, row);
    Ok(())
}
