//! Purges: a persona is removed for ever, and a tombstone is left.

use std::time::Instant;

use persona_model::{EntityTag, HandleName, PersonaId, Precondition, Revision, Timestamp};

use crate::fault_injection::{InjectedFault, is_on};
use crate::{Error, Party, Viewer, Write};

/// A request to purge a persona.
#[derive(Clone, PartialEq, Debug)]
pub struct Purge {
    /// Which persona.
    pub id: PersonaId,
    /// The precondition of the client.
    pub precondition: Precondition,
    /// The client that it is for. A persona that the viewer may not change does not exist for it.
    pub viewer: Viewer,
    /// The handle that the persona was named by. Fails with [`Error::HandleMoved`] where it has
    /// another one when the purge has its turn.
    pub named: Option<HandleName>,
    /// The author of the purge, where known.
    pub author: Option<String>,
    /// The deadline of the wait for the turn; after it the purge fails with [`Error::Busy`] and is
    /// never made.
    pub deadline: Instant,
    /// The client, for a fair order; `None` for the command line.
    pub client: Option<Party>,
}

impl Purge {
    /// A purge of a trusted program without author and client.
    pub fn new(id: PersonaId, precondition: Precondition, deadline: Instant) -> Self {
        let viewer = Viewer::trusted();
        Self { id, precondition, viewer, named: None, author: None, deadline, client: None }
    }
}

/// What is left of a persona that was purged: nothing of its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tombstone {
    /// The identity, which no persona ever has again.
    pub id: PersonaId,
    /// The last revision that it had.
    pub revision: Revision,
    /// The owner that it had, empty where it had none: a client that is bound to another owner is
    /// not told of it.
    pub owner: String,
    /// When it was purged.
    pub at: Timestamp,
    /// The author of the purge, where known.
    pub author: Option<String>,
}

impl Tombstone {
    /// The error of a write of the persona, or of a new one with its identity.
    pub(crate) fn refusal(&self, write: &Write) -> Error {
        if write.hides(&self.owner) { Error::NotFound } else { Error::Purged { at: self.at } }
    }
}

/// The error of a move of a label of a persona that is not there.
pub(crate) fn refusal_of(viewer: &Viewer, tombstone: Option<&Tombstone>) -> Error {
    match tombstone {
        Some(found) if viewer.reach().changes(&found.owner) => Error::Purged { at: found.at },
        _ => Error::NotFound,
    }
}

/// Whether a viewer is told of earlier moves of labels of a persona, which has this owner now.
pub(crate) fn check_reached(viewer: &Viewer, owner: &str) -> Result<(), Error> {
    if viewer.reach().changes(owner) { Ok(()) } else { Err(Error::NotFound) }
}

/// The persona that a purge finds.
pub(crate) struct Found<'a> {
    pub tag: EntityTag,
    pub updated_at: Timestamp,
    pub owner: &'a str,
    /// The handle that it has, or had when it was deleted.
    pub handle: Option<&'a str>,
}

/// Decides whether a persona may be purged.
pub(crate) fn check(purge: &Purge, found: &Found<'_>) -> Result<(), Error> {
    if hides(purge, found.owner) {
        return Err(Error::NotFound);
    }
    if let Some(name) = &purge.named
        && found.handle != Some(name.as_str())
    {
        return Err(Error::HandleMoved { handle: name.clone() });
    }
    if purge.precondition.is_met_by(found.tag, found.updated_at) {
        Ok(())
    } else {
        Err(Error::Stale { current: found.tag })
    }
}

/// The answer to a purge of a persona that is not there.
pub(crate) fn of_missing(purge: &Purge, tombstone: Option<Tombstone>) -> Result<Tombstone, Error> {
    tombstone.filter(|tombstone| !hides(purge, &tombstone.owner)).ok_or(Error::NotFound)
}

fn hides(purge: &Purge, owner: &str) -> bool {
    !purge.viewer.reach().changes(owner) && !is_on(InjectedFault::OverlookOwnersOfWrites)
}
