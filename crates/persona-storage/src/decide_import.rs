//! The rules for a revision that another store made: it is stored unchanged, behind the previous
//! revision.

use persona_model::{
    ChangeKind, FIELDS, PastRevision, Persona, PersonaId, Revision, Timestamp, ValidationErrors,
};

use crate::decide::{Current, Decision, Revised};
use crate::{Error, Outcome};

/// Most revisions that may have been dropped before one that is imported: a write a second without
/// a pause for four months. It keeps the numbers of revisions far from the largest one.
const DROPPED_MAX: u64 = 10_000_000;

/// Decides what a past revision makes of the current persona: it begins a history, continues one,
/// or is the last revision of one already. A history is never rewritten. Between a revision and the
/// one before there can be some that were dropped.
pub(crate) fn decide(
    id: PersonaId,
    past: &PastRevision,
    current: Option<Current<'_>>,
    now: Timestamp,
    bytes_max: usize,
) -> Result<Decision, Error> {
    let persona = persona(id, past);
    if past.previous.is_some_and(|previous| previous >= past.revision) {
        return bad("/history/previous", "is not an earlier revision");
    }
    let Some(current) = current else {
        return if past.revision == Revision::FIRST {
            first(persona, past, now, bytes_max)
        } else {
            Err(Error::NotFound)
        };
    };
    if *current.persona == persona {
        return Ok(Decision::Unchanged);
    }
    if past.number_before() != current.persona.revision.number() {
        return Err(Error::Stale { current: current.tag });
    }
    next(current.persona, persona, past, now, bytes_max)
}

fn persona(id: PersonaId, past: &PastRevision) -> Persona {
    let stated = past
        .content_hash
        .and_then(|stated| past.document.content_hashes().find(|hash| *hash == stated));
    Persona {
        id,
        revision: past.revision,
        created_at: past.created_at,
        updated_at: past.updated_at,
        deleted_at: past.is_deleted.then_some(past.updated_at),
        created_by: past.created_by.clone(),
        updated_by: past.updated_by.clone(),
        content_hash: stated.unwrap_or_else(|| past.document.content_hash()),
        document: past.document.clone(),
    }
}

fn first(
    persona: Persona,
    past: &PastRevision,
    now: Timestamp,
    bytes_max: usize,
) -> Result<Decision, Error> {
    believable("/created_at", past.created_at, now)?;
    believable("/updated_at", past.updated_at, now)?;
    if past.created_at > past.updated_at {
        return Err(Error::Invalid(ValidationErrors::one(
            "/updated_at",
            "bad_history",
            "is earlier than created_at",
        )));
    }
    if past.is_deleted || past.base.is_some() {
        return Err(Error::Invalid(ValidationErrors::one(
            "",
            "bad_history",
            "revision 1 is neither deleted nor made from an earlier one",
        )));
    }
    past.document.check_bytes(bytes_max, None)?;
    let changed = FIELDS.iter().map(|field| field.name).collect();
    Ok(Decision::Change(Box::new(Revised {
        persona,
        outcome: Outcome::Created,
        kind: ChangeKind::Created,
        changed,
        previous: None,
        base: None,
        note: past.note.clone(),
    })))
}

fn next(
    before: &Persona,
    persona: Persona,
    past: &PastRevision,
    now: Timestamp,
    bytes_max: usize,
) -> Result<Decision, Error> {
    believable("/updated_at", past.updated_at, now)?;
    let dropped = past.revision.number() - past.number_before() - 1;
    if dropped > DROPPED_MAX {
        return bad("/history/previous", "is too far before this revision");
    }
    // What was dropped has a time between the two.
    let earliest = before.updated_at.as_micros().saturating_add(i64::from(dropped > 0));
    if past.updated_at.as_micros() <= earliest {
        return bad("/updated_at", "is not later than that of the revision before");
    }
    if past.created_at != before.created_at || past.created_by != before.created_by {
        return bad("/created_at", "created_at and created_by are those of the revision before");
    }
    if past.base.is_some_and(|base| base >= past.revision) {
        return bad("/history/base", "is not an earlier revision");
    }
    let changed = before.document.changed_fields(&persona.document);
    let (outcome, kind) = if dropped > 0 {
        after_dropped(past)
    } else {
        kind_of(before.deleted_at.is_some(), past.is_deleted, changed.is_empty())?
    };
    persona.document.check_bytes(bytes_max, Some(&before.document))?;
    let (previous, base, note) = (Some(before.revision), past.base, past.note.clone());
    Ok(Decision::Change(Box::new(Revised {
        persona,
        outcome,
        kind,
        changed,
        previous,
        base,
        note,
    })))
}

/// What a revision came to that follows the one before it.
fn kind_of(
    was_deleted: bool,
    is_deleted: bool,
    is_same: bool,
) -> Result<(Outcome, ChangeKind), Error> {
    match (was_deleted, is_deleted, is_same) {
        (false, false, false) => Ok((Outcome::Updated, ChangeKind::Updated)),
        (false, true, true) => Ok((Outcome::Deleted, ChangeKind::Deleted)),
        (true, false, true) => Ok((Outcome::Undeleted, ChangeKind::Undeleted)),
        (false, false, true) => bad("", "changes nothing, and a revision changes something"),
        (true, true, _) => {
            bad("/deleted_at", "a deleted persona is undeleted before it changes again")
        }
        (_, _, false) => bad("", "a deletion and a restoration change nothing else"),
    }
}

/// The same where revisions before it were dropped, of which one can have undeleted the persona.
fn after_dropped(past: &PastRevision) -> (Outcome, ChangeKind) {
    if past.is_deleted {
        (Outcome::Deleted, ChangeKind::Deleted)
    } else {
        (Outcome::Updated, ChangeKind::Updated)
    }
}

fn bad<T>(pointer: &str, message: &str) -> Result<T, Error> {
    Err(Error::Invalid(ValidationErrors::one(pointer, "bad_history", message)))
}

/// Refuses a time that no store can have recorded, and one in the future: the next change of the
/// persona here would otherwise have an earlier time than the imported one.
fn believable(pointer: &str, stamp: Timestamp, now: Timestamp) -> Result<(), Error> {
    let bad =
        |code, message: String| Err(Error::Invalid(ValidationErrors::one(pointer, code, message)));
    if stamp < Timestamp::default() {
        return bad("bad_history", "is before 1970, where lists by time begin".into());
    }
    if stamp > now {
        return bad("in_the_future", format!("is later than the time of this server, {now}"));
    }
    Ok(())
}
