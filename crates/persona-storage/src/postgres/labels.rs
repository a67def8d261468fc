//! Labels: how they are read. They are moved in `label_attempt.rs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use persona_model::{LabelName, PersonaId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Parameter, Statement};
use super::error::damaged;
use super::label_sql::{BY_LABEL, IS_KNOWN, MOVES, OF_PERSONA, OF_PERSONAS};
use super::lease::Leases;
use super::row;
use super::shared_reader::SharedReader;
use super::shares::Kind;
use crate::label::Holder;
use crate::{
    Error, GLANCE_BYTES_MAX, Glance, Label, LabelMovePage, Labelled, LabelsOf, MoveRecord,
    PersonaLabels,
};

/// The labels of a persona; `None` where it never existed.
pub(super) async fn of_persona(
    reader: &Arc<SharedReader>,
    id: PersonaId,
) -> Result<Option<PersonaLabels>, Error> {
    let rows = reader.read(OF_PERSONA, &[(&row::uuid(id), Type::UUID)]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut holder =
        Holder::new(id, row::value(first, 7)?, row::revision(first, 0)?, row::value(first, 1)?);
    for found in &rows {
        if row::value::<Option<&str>>(found, 2)?.is_some() {
            add(&mut holder, name_in(found, 2)?, &record_in(found, 3)?)?;
        }
    }
    Ok(Some(holder.into_labels()))
}

/// A persona by a label, in one statement and so of one moment.
pub(super) async fn labelled(
    reader: &Arc<SharedReader>,
    id: PersonaId,
    name: &LabelName,
) -> Result<Option<Arc<Labelled>>, Error> {
    let parameters: [Parameter<'_>; 3] = [
        (&row::uuid(id), Type::UUID),
        (&name.as_str(), Type::TEXT),
        (&row::stored(GLANCE_BYTES_MAX as u64), Type::INT8),
    ];
    let rows = reader.read(BY_LABEL, &parameters).await?;
    let Some(found) = rows.first() else { return Ok(None) };
    let (owner, deleted) = (row::value(found, 0)?, row::value(found, 1)?);
    let was_moved = row::value::<Option<i64>>(found, 2)?.is_some();
    let newest = was_moved.then(|| record_in(found, 2)).transpose()?;
    let label = newest.and_then(|newest| Label::after(id, name, &newest));
    let is_there = row::value::<Option<i64>>(found, 6)?.is_some();
    let found = if is_there { row::glance(found, 6, id)? } else { Glance::Whole(None) };
    Ok(Some(Arc::new(Labelled { owner, deleted, label, found })))
}

/// The labels of those of some personas that have any.
pub(super) async fn of_personas(
    leases: &Leases,
    ids: &[PersonaId],
) -> Result<Vec<LabelsOf>, Error> {
    let wanted: Vec<Uuid> = ids.iter().map(|id| row::uuid(*id)).collect();
    let parameters: [Parameter<'_>; 1] = [(&wanted, Type::UUID_ARRAY)];
    let rows = leases.read(Kind::List, Statement::Kept(OF_PERSONAS), &parameters).await?;
    let mut holders = HashMap::new();
    for found in &rows {
        let id = row::id(found, 0)?;
        let holder = match holders.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let (latest, deleted) = (row::revision(found, 2)?, row::value(found, 3)?);
                place.insert(Holder::new(id, row::value(found, 1)?, latest, deleted))
            }
        };
        add(holder, name_in(found, 4)?, &record_in(found, 5)?)?;
    }
    let of_id = |id| holders.remove(id).and_then(Holder::into_labels_of);
    Ok(ids.iter().filter_map(of_id).collect())
}

/// Adds a label that is set.
pub(super) fn add(holder: &mut Holder, name: LabelName, newest: &MoveRecord) -> Result<(), Error> {
    let label = Label::after(holder.id, &name, newest).ok_or_else(|| {
        damaged(&format_args!("the label {name} of {} points nowhere", holder.id))
    })?;
    holder.labels.insert(name, label);
    Ok(())
}

/// The newest moves of a label, or those before a version; `None` where there is no such persona or
/// it never had the label.
pub(super) async fn moves_of(
    leases: &Leases,
    id: PersonaId,
    name: &LabelName,
    before: Option<u64>,
    limit: usize,
) -> Result<Option<LabelMovePage>, Error> {
    let (id, before) = (row::uuid(id), before.map_or(i64::MAX, row::stored));
    // One more tells whether there are more.
    let count = row::stored(limit as u64 + 1);
    let parameters: &[Parameter<'_>] = &[
        (&id, Type::UUID),
        (&name.as_str(), Type::TEXT),
        (&before, Type::INT8),
        (&count, Type::INT8),
    ];
    let rows = leases.read(Kind::List, Statement::Kept(MOVES), parameters).await?;
    if rows.is_empty() {
        let known = leases.read(Kind::Look, Statement::Kept(IS_KNOWN), &parameters[..2]).await?;
        if known.is_empty() {
            return Ok(None);
        }
    }
    let items = rows.iter().take(limit).map(|found| record_in(found, 0));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(LabelMovePage { has_more: rows.len() > limit, items }))
}

/// A column with the word of a label.
pub(super) fn name_in(found: &Row, column: usize) -> Result<LabelName, Error> {
    let text: &str = row::value(found, column)?;
    LabelName::parse(text)
        .map_err(|bad| damaged(&format_args!("the label {text:?} is none: {bad}")))
}

/// A move in four neighbouring columns: version, revision, time and author.
pub(super) fn record_in(found: &Row, first: usize) -> Result<MoveRecord, Error> {
    let is_set = row::value::<Option<i64>>(found, first + 1)?.is_some();
    Ok(MoveRecord {
        version: row::number(found, first)?,
        revision: is_set.then(|| row::revision(found, first + 1)).transpose()?,
        at: row::time(found, first + 2)?,
        author: row::value(found, first + 3)?,
    })
}
