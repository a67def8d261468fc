//! Whether what arrived is what was sent: digests of every line with its revision, of every persona
//! as it is now, and of every record of a key, taken on both sides; and the counts, so that nothing
//! is there that was not sent.

use std::collections::HashMap;

use persona_model::PersonaId;

use super::TransferError;
use super::rows::{KeyRecord, PersonaDigest};
use super::side::{Counts, Side, Target};
use crate::Token;
use crate::handle::{FormerHandle, Handle};

/// Lines that are compared at once: their digests are small, and a database reads them in one go.
const LINES_AT_ONCE: i64 = 2000;
/// Personas that are compared at once.
pub(super) const PERSONAS_AT_ONCE: usize = 500;
/// Handles that were given up that are transferred at once.
pub(super) const HANDLES_AT_ONCE: i64 = 2000;

/// Identities of purged personas that are looked at at once.
pub(super) const PURGED_AT_ONCE: i64 = 2000;

fn differs(target: &dyn Side, persona: Option<PersonaId>, what: String) -> TransferError {
    TransferError::Differs { place: target.place(), persona, what }
}

/// Compares the next lines, none after `until`; tells the last one and how many there were. Of the
/// copy of a resumed transfer a part is older than the fence of the source.
pub(super) fn lines(
    source: &mut dyn Side,
    target: &mut dyn Side,
    base: i64,
    (after, until): (i64, i64),
    is_live: bool,
    is_resumed: bool,
) -> Result<(i64, u64), TransferError> {
    let mut sent = source.lines(after, LINES_AT_ONCE)?;
    sent.retain(|line| line.sequence <= until);
    let arrived = target.lines(after + base, i64::try_from(sent.len()).unwrap_or(i64::MAX))?;
    for (index, line) in sent.iter().enumerate() {
        let Some(found) = arrived.get(index).filter(|found| found.sequence - base == line.sequence)
        else {
            return Err(differs(
                target,
                Some(line.persona),
                format!("change {} is missing", line.sequence),
            ));
        };
        // A persona that was purged since it was copied is removed when the copy comes to that.
        if is_live && line.is_gone && !found.is_gone && found.persona == line.persona {
            continue;
        }
        // One that was dropped since it was copied is dropped with the next one that is copied, or
        // by the target itself.
        let is_same = found.persona == line.persona && found.revision == line.revision;
        if (is_live || is_resumed) && line.is_dropped && !found.is_dropped && is_same {
            continue;
        }
        if found.persona != line.persona
            || found.revision != line.revision
            || found.digest != line.digest
        {
            let what = format!("change {} or its revision is not as it was", line.sequence);
            return Err(differs(target, Some(line.persona), what));
        }
    }
    Ok((sent.last().map_or(until, |line| line.sequence), sent.len() as u64))
}

/// Compares the next personas in order of their identities. Tells the last one, and which are to be
/// compared later because the source has newer revisions of them, where that is possible; `None`
/// behind the last persona.
pub(super) fn personas(
    source: &mut dyn Side,
    target: &mut dyn Side,
    after: Option<PersonaId>,
    is_live: bool,
) -> Result<Option<(PersonaId, Vec<PersonaId>)>, TransferError> {
    let sent = source.personas_after(after, i64::try_from(PERSONAS_AT_ONCE).unwrap_or(i64::MAX))?;
    let Some(last) = sent.last().map(|persona| persona.id) else { return Ok(None) };
    let later = compare(target, &sent, is_live)?;
    Ok(Some((last, later)))
}

/// Compares these personas, and tells which are to be compared later, as [`personas`] does.
pub(super) fn personas_named(
    source: &mut dyn Side,
    target: &mut dyn Side,
    ids: &[PersonaId],
    is_live: bool,
) -> Result<Vec<PersonaId>, TransferError> {
    let mut sent = source.personas_named(ids)?;
    sent.sort_by_key(|persona| persona.id);
    compare(target, &sent, is_live)
}

fn compare(
    target: &mut dyn Side,
    sent: &[PersonaDigest],
    is_live: bool,
) -> Result<Vec<PersonaId>, TransferError> {
    let ids: Vec<_> = sent.iter().map(|persona| persona.id).collect();
    let arrived: HashMap<_, _> =
        target.personas_named(&ids)?.into_iter().map(|persona| (persona.id, persona)).collect();
    let mut later = Vec::new();
    for persona in sent {
        let found = arrived.get(&persona.id);
        if is_live && found.is_none_or(|found| found.revision < persona.revision) {
            later.push(persona.id);
        } else if found.is_none() {
            return Err(differs(target, Some(persona.id), "it is missing".into()));
        } else if found != Some(persona) {
            let what = format!(
                "its row, its tags or its words at revision {} are not as they were",
                persona.revision
            );
            return Err(differs(target, Some(persona.id), what));
        }
    }
    Ok(later)
}

/// Compares records of keys that were just transferred. They can be newer than in the source,
/// because the target counts from elsewhere (`put_keys`).
pub(super) fn keys(target: &mut dyn Side, sent: &[KeyRecord]) -> Result<(), TransferError> {
    let names: Vec<_> = sent.iter().map(|record| record.key.clone()).collect();
    let arrived: HashMap<_, _> =
        target.keys_named(&names)?.into_iter().map(|record| (record.key.clone(), record)).collect();
    let is_there = |record: &KeyRecord| {
        arrived.get(&record.key).is_some_and(|found| {
            found.at >= record.at && KeyRecord { at: record.at, ..found.clone() } == *record
        })
    };
    match sent.iter().find(|record| !is_there(record)) {
        Some(record) => Err(differs(
            target,
            Some(record.persona),
            "the record of a repeated request is not as it was".into(),
        )),
        None => Ok(()),
    }
}

/// Compares access tokens that were just transferred.
pub(super) fn tokens(target: &mut dyn Side, sent: &[Token]) -> Result<(), TransferError> {
    if target.tokens()? == sent {
        Ok(())
    } else {
        Err(differs(target, None, "its access tokens are not as they were".into()))
    }
}

/// Compares handles that were given up and just transferred, the next ones after one.
pub(super) fn former_handles(
    target: &mut dyn Side,
    after: Option<&Handle>,
    sent: &[FormerHandle],
) -> Result<(), TransferError> {
    let arrived = target.former_handles(after, i64::try_from(sent.len()).unwrap_or(i64::MAX))?;
    if arrived == sent {
        Ok(())
    } else {
        let what = "the handles that its personas gave up are not as they were";
        Err(differs(target, None, what.into()))
    }
}

/// Compares where all labels point.
pub(super) fn labels(source: &mut dyn Side, target: &mut dyn Side) -> Result<(), TransferError> {
    if target.labels()? == source.labels()? {
        Ok(())
    } else {
        Err(differs(target, None, "its labels are not where they were".into()))
    }
}

/// Tells the first of these personas that a target has already, by its identity or by its handle.
pub(super) fn clash(
    target: &mut dyn Target,
    sent: &[PersonaDigest],
) -> Result<Option<String>, TransferError> {
    let ids: Vec<_> = sent.iter().map(|persona| persona.id).collect();
    let mut there: Vec<_> = target.side().personas_named(&ids)?;
    there.sort_by_key(|persona| persona.id);
    if let Some(found) = there.first() {
        let is_same = sent.iter().any(|persona| persona == found);
        return Ok(Some(format!(
            "persona {}, with {} contents",
            found.id,
            if is_same { "the same" } else { "different" }
        )));
    }
    let handles: Vec<_> = sent.iter().filter_map(|persona| persona.handle.clone()).collect();
    let taken = target.handles_taken(&handles)?;
    Ok(taken.first().map(|taken| format!("a persona with the handle {}", taken.handle)))
}

/// Tells the first of these identities, those of purged personas, that a target has living, deleted
/// or purged; or of these personas, the first that the target has purged.
pub(super) fn purge_clash(
    target: &mut dyn Target,
    ids: &[PersonaId],
    of_purged: bool,
) -> Result<Option<String>, TransferError> {
    let purged = target.side().purged_named(ids)?.into_iter().min();
    let one_of_two = if of_purged {
        target.side().personas_named(ids)?.into_iter().map(|persona| persona.id).min()
    } else {
        purged
    };
    let of_both = purged.map(|id| format!("persona {id}, which was purged in both"));
    let told = one_of_two.map(|id| format!("persona {id}, which was purged in one of the two"));
    Ok(told.or(of_both))
}

/// Tells the first of these records with a key that the target has for another request. Of a
/// persona that is being transferred, the target has no records but those that were transferred
/// before.
pub(super) fn key_clash(
    target: &mut dyn Target,
    sent: &[KeyRecord],
) -> Result<Option<String>, TransferError> {
    let names: Vec<_> = sent.iter().map(|record| record.key.clone()).collect();
    let there: HashMap<_, _> = target
        .side()
        .keys_named(&names)?
        .into_iter()
        .map(|record| (record.key, record.persona))
        .collect();
    let other = sent
        .iter()
        .find(|record| there.get(&record.key).is_some_and(|persona| *persona != record.persona));
    Ok(other.map(|record| {
        format!(
            "a request with the idempotency key of a request for persona {}: {:?}",
            record.persona, record.key
        )
    }))
}

/// Compares how many there are: a row that was not sent has no digest to be found by.
pub(super) fn counts(
    source: &mut dyn Side,
    target: &mut dyn Side,
    before: Counts,
) -> Result<(), TransferError> {
    let sent = source.counts()?;
    let arrived = target.counts()?.since(before);
    if sent == arrived {
        Ok(())
    } else {
        Err(differs(target, None, format!("it has {arrived:?}, the source has {sent:?}")))
    }
}
