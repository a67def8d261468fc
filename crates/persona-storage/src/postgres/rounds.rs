//! Splits the new revisions of an atomic batch into statements.
//!
//! One statement has all revisions, unless an item takes a handle that an earlier item gives up:
//! the server checks the index of handles row by row, in an order of its own choice. So such an
//! item begins a new statement.

use std::collections::{HashMap, HashSet};

use persona_model::PersonaId;
use uuid::Uuid;

use super::connection::Connection;
use super::new_row::NewRow;
use super::settle_all::Refused;
use super::write_attempt::Failure;
use super::{row, write_statement};
use crate::Error;
use crate::fault_injection;
use crate::handle::Handle;

/// The rows of one statement, in the order of their identities.
#[derive(Default)]
pub(super) struct Round {
    pub rows: Vec<NewRow>,
    /// The place of the item of each row.
    pub places: Vec<usize>,
}

/// Puts rows into rounds, each with the place of its item.
///
/// Fails where an item takes a handle that another persona has at that point.
pub(super) async fn in_rounds(
    connection: &Connection,
    rows: Vec<(usize, NewRow)>,
) -> Result<Vec<Round>, Refused> {
    let wanted: Vec<Handle> = rows.iter().filter_map(|(_, new)| Handle::of(&new.persona)).collect();
    let holders = if wanted.is_empty() {
        HashMap::new()
    } else {
        write_statement::holders_of(connection, &wanted).await?
    };
    let mut handles = Handles { holders, released: HashSet::new() };
    let mut rounds: Vec<Vec<(usize, NewRow)>> = Vec::new();
    let parts: Vec<_> = fault_injection::parts_of_batch(rows.len()).collect();
    for (index, (place, new)) in rows.into_iter().enumerate() {
        let is_of_released = handles
            .give(&new)
            .map_err(|error| Refused { place: Some(place), failure: Failure::Refused(error) })?;
        let begins = is_of_released || parts.iter().any(|part| part.start == index);
        match rounds.last_mut().filter(|_| !begins) {
            Some(round) => round.push((place, new)),
            None => rounds.push(vec![(place, new)]),
        }
    }
    rounds.into_iter().map(|round| Ok(Round::of(round))).collect()
}

impl Round {
    fn of(mut rows: Vec<(usize, NewRow)>) -> Self {
        // The order prevents a deadlock of two batches that create the same personas.
        rows.sort_by_key(|(_, new)| new.id);
        let (places, rows) = rows.into_iter().unzip();
        Self { rows, places }
    }

    /// The places of the lines in the part of the feed that the transaction has, every second one:
    /// the one before can be for what was dropped before an imported revision.
    pub(super) fn positions(&self) -> Vec<i64> {
        self.places.iter().map(|place| row::stored(2 * (*place as u64 + 1))).collect()
    }
}

/// The holders of the handles that the items want.
struct Handles {
    holders: HashMap<Handle, Uuid>,
    /// The handles that items of the current round gave up.
    released: HashSet<Handle>,
}

impl Handles {
    /// Gives a row its handle and releases its old one; returns whether the handle was given up in
    /// this round.
    fn give(&mut self, new: &NewRow) -> Result<bool, Error> {
        let wanted = Handle::of(&new.persona);
        let is_of_released = wanted.as_ref().is_some_and(|handle| self.released.contains(handle));
        if is_of_released {
            self.released.clear();
        }
        let had = self.holders.iter().filter(|(_, holder)| **holder == new.id);
        let given_up: Vec<Handle> = had
            .map(|(handle, _)| handle.clone())
            .filter(|handle| Some(handle) != wanted.as_ref())
            .collect();
        for handle in given_up {
            self.holders.remove(&handle);
            self.released.insert(handle);
        }
        let Some(handle) = wanted else { return Ok(false) };
        match self.holders.insert(handle.clone(), new.id) {
            Some(holder) if holder != new.id => Err(Error::HandleTaken {
                handle: handle.handle,
                holder: PersonaId::from_bytes(holder.into_bytes()),
            }),
            _ => Ok(is_of_released),
        }
    }
}
