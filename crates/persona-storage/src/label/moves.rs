//! Moves of labels that are asked for together: one, or those of a release.

use std::collections::HashMap;
use std::time::Instant;

use persona_model::{HandleName, LabelName, LabelPrecondition, PersonaId, Revision};

use super::record::Label;
use crate::fault_injection::{InjectedFault, is_on};
use crate::{Idempotency, Party, Viewer};

/// Most moves that are made together: a transaction of a database server has 1,024 places in the
/// feed. Everything else that writes waits for some ten milliseconds meanwhile.
pub const LABEL_MOVES_MAX: usize = 1000;

/// Where a label is to point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LabelTarget {
    /// To this revision.
    Revision(Revision),
    /// To the revision that is the current one when the move has its turn.
    Latest,
    /// Where this label points when the move has its turn.
    Label(LabelName),
    /// Nowhere: it is removed.
    Nowhere,
}

/// One move of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelMove {
    /// The persona of the label.
    pub persona: PersonaId,
    /// Which label.
    pub name: LabelName,
    /// Where to.
    pub target: LabelTarget,
    /// What the client believes of the label.
    pub precondition: LabelPrecondition,
    /// The handle that the persona was named by. Fails with [`crate::Error::HandleMoved`] where it
    /// has another one when the move has its turn.
    pub named: Option<HandleName>,
}

impl LabelMove {
    /// A move without conditions, of a persona that was named by its identity.
    pub fn new(persona: PersonaId, name: LabelName, target: LabelTarget) -> Self {
        Self { persona, name, target, precondition: LabelPrecondition::Any, named: None }
    }
}

/// Moves that are made all together or not at all, in their order. Each label of a persona comes
/// once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelMoves {
    moves: Vec<LabelMove>,
    /// The viewer that asks for them: it decides which personas there are.
    pub(crate) viewer: Viewer,
    /// The author of all of them, where known.
    pub author: Option<String>,
    /// How a repetition of all of them is recognised; `None` where the client did not ask for it.
    pub idempotency: Option<Idempotency>,
    /// Until when they may wait for their turn; after that they fail with [`crate::Error::Busy`]
    /// and are never made.
    pub deadline: Instant,
    /// Where they come from, for a fair order; `None` for the command line.
    pub client: Option<Party>,
}

/// Why moves cannot be made together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoMoves {
    /// There is none, or there are more than [`LABEL_MOVES_MAX`].
    #[error("a release has 1 to {LABEL_MOVES_MAX} moves, not {0}")]
    Count(usize),
    /// A move is about the label of an earlier one.
    #[error("move {place} is about the label of move {first}")]
    SameLabel {
        /// Its place, from 0.
        place: usize,
        /// The place of the earlier one.
        first: usize,
    },
}

impl LabelMoves {
    /// These moves of a trusted program, of no known author and client.
    ///
    /// # Errors
    ///
    /// See [`NoMoves`].
    pub fn new(moves: Vec<LabelMove>, deadline: Instant) -> Result<Self, NoMoves> {
        if !(1..=LABEL_MOVES_MAX).contains(&moves.len()) {
            return Err(NoMoves::Count(moves.len()));
        }
        let mut places = HashMap::new();
        for (place, one) in moves.iter().enumerate() {
            if let Some(first) = places.insert((one.persona, &one.name), place) {
                return Err(NoMoves::SameLabel { place, first });
            }
        }
        drop(places);
        Ok(Self::of(moves, deadline))
    }

    /// A single move.
    pub fn one(one: LabelMove, deadline: Instant) -> Self {
        Self::of(vec![one], deadline)
    }

    fn of(moves: Vec<LabelMove>, deadline: Instant) -> Self {
        let viewer = Viewer::trusted();
        Self { moves, viewer, author: None, idempotency: None, deadline, client: None }
    }

    /// The same moves by this author.
    #[must_use]
    pub fn by(mut self, author: Option<String>) -> Self {
        self.author = author;
        self
    }

    /// The same moves on behalf of this viewer, with keys of its own.
    #[must_use]
    pub(crate) fn on_behalf_of(mut self, viewer: &Viewer) -> Self {
        self.viewer = viewer.clone();
        if let Some(wanted) = &mut self.idempotency {
            viewer.own_key(&mut wanted.key);
        }
        self
    }

    /// Whether a persona of this owner is not there for the viewer: its labels may not be moved.
    pub(crate) fn hides(&self, owner: &str) -> bool {
        !self.viewer.reach().changes(owner) && !is_on(InjectedFault::OverlookOwnersOfWrites)
    }

    /// The moves, at least one, in their order.
    pub fn moves(&self) -> &[LabelMove] {
        &self.moves
    }

    /// Bytes that they hold while they wait, about.
    pub(crate) fn bytes(&self) -> usize {
        self.moves.len() * (size_of::<LabelMove>() + persona_model::LABEL_CHARS_MAX)
    }
}

/// What became of a label that was asked to be moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovedLabel {
    /// Where it pointed before; `None` where it was not set.
    pub before: Option<Revision>,
    /// The label as committed; `None` where it was removed.
    pub label: Option<Label>,
    /// Whether it was moved: one that points there already is left as it is.
    pub is_moved: bool,
    /// The answer is that of an earlier request with the same idempotency key; nothing was moved
    /// now.
    pub replayed: bool,
}
