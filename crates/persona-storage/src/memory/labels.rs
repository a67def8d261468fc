//! Labels, as the moves of each.

use persona_model::{LabelName, PastLabel, PersonaId};

use super::rows::Rows;
use crate::label::{Decision, Holder};
use crate::purge::{check_reached, refusal_of};
use crate::time::Time;
use crate::{Error, Label, LabelMovePage, LabelMoves, MoveRecord, MovedLabel, NotApplied};

/// A persona with its labels; `None` where it never existed.
pub(super) fn holder(rows: &Rows, id: PersonaId) -> Option<Holder> {
    let (persona, _) = rows.current(id)?;
    let (owner, deleted) = (persona.document.owner_word().into(), persona.deleted_at.is_some());
    let mut holder = Holder::new(id, owner, persona.revision, deleted)
        .called(persona.document.handle().map(str::to_owned));
    for ((_, name), moves) in rows.labels.iter().filter(|((persona, _), _)| *persona == id) {
        let newest = moves.last()?;
        match Label::after(id, name, newest) {
            Some(label) => holder.labels.insert(name.clone(), label).map(drop),
            None => holder.removed.insert(name.clone(), newest.version).map(drop),
        };
    }
    Some(holder)
}

/// The labels of a persona as an exported history has them.
pub(super) fn past(rows: &Rows, id: PersonaId) -> Vec<PastLabel> {
    let labels = holder(rows, id).map(Holder::into_labels).map(|found| found.labels);
    labels.into_iter().flatten().map(PastLabel::from).collect()
}

/// The newest moves of a label, or those before a version.
pub(super) fn moves_of(
    rows: &Rows,
    id: PersonaId,
    name: &LabelName,
    before: Option<u64>,
    limit: usize,
) -> Option<LabelMovePage> {
    let moves = rows.labels.get(&(id, name.clone()))?;
    let is_before = |one: &&MoveRecord| before.is_none_or(|before| one.version < before);
    let mut all = moves.iter().rev().filter(is_before).cloned();
    let items = all.by_ref().take(limit).collect();
    Some(LabelMovePage { items, has_more: all.next().is_some() })
}

/// Makes all moves, or none.
pub(super) fn move_all(
    rows: &mut Rows,
    wanted: &LabelMoves,
    time: &Time,
    keys_max: u64,
) -> Result<Vec<MovedLabel>, NotApplied> {
    if let Some(key) = &wanted.idempotency {
        if let Some((known, personas, told)) = rows.moves_replays.get(&key.key) {
            if known != key {
                return Err(Error::KeyReused.into());
            }
            for one in wanted.moves() {
                if let Some(tombstone) = rows.tombstones.get(&one.persona) {
                    return Err(refusal_of(&wanted.viewer, Some(tombstone)).into());
                }
                if let Some((persona, _)) = rows.current(one.persona) {
                    check_reached(&wanted.viewer, persona.document.owner_word())?;
                }
            }
            if !wanted.moves().iter().map(|one| one.persona).eq(personas.iter().copied()) {
                return Err(Error::KeyReused.into());
            }
            let again = |told: &MovedLabel| MovedLabel { replayed: true, ..told.clone() };
            return Ok(told.iter().map(again).collect());
        }
        if rows.replays.contains_key(&key.key) {
            return Err(Error::KeyReused.into());
        }
        rows.check_room_for_key(keys_max)?;
    }
    let mut after = rows.clone();
    let mut moved = Vec::with_capacity(wanted.moves().len());
    for (place, one) in wanted.moves().iter().enumerate() {
        let now = after.next_time(time.now());
        let holder = holder(&after, one.persona)
            .ok_or_else(|| refusal_of(&wanted.viewer, after.tombstones.get(&one.persona)));
        let decision = holder.and_then(|holder| holder.decide(wanted, one, || now));
        moved.push(match decision.map_err(NotApplied::at(place))? {
            Decision::Unchanged(told) => told,
            Decision::Move(placed) => {
                let kept = placed.record.revision.map(|at| after.check_kept(placed.persona, at));
                kept.transpose().map_err(NotApplied::at(place))?;
                let key = (placed.persona, placed.name.clone());
                after.labels.entry(key).or_default().push(placed.record.clone());
                let label = Some(placed.name.clone());
                after.tell(placed.persona, placed.told, placed.kind(), placed.record.at, label);
                placed.told_of()
            }
        });
    }
    if let Some(key) = &wanted.idempotency {
        let personas = wanted.moves().iter().map(|one| one.persona).collect();
        after.moves_replays.insert(key.key.clone(), (key.clone(), personas, moved.clone()));
    }
    *rows = after;
    Ok(moved)
}
