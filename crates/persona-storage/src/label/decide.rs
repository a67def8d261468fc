//! The rules of moving labels: what a move makes of the labels of a persona. Pure, and the same for
//! every backend.

use std::collections::BTreeMap;

use persona_model::{ChangeKind, LabelName, PersonaId, Revision, Timestamp};

use super::moves::{LabelMove, LabelMoves, LabelTarget, MovedLabel};
use super::record::{Label, LabelsOf, MoveRecord, PersonaLabels};
use crate::Error;

/// Most labels that are set on one persona: each is a place where it is used, such as production
/// and staging in some regions.
pub const LABELS_MAX: usize = 64;

/// Why a label is not moved as asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LabelError {
    /// The persona is soft-deleted.
    #[error("the persona is deleted, and its labels are kept as they are")]
    Deleted,
    /// The label that is to be removed, or followed, is not set.
    #[error("the label {name} is not set")]
    NotSet {
        /// The word.
        name: LabelName,
    },
    /// The persona has no such revision.
    #[error("there is no revision {revision}: the current one is {latest}")]
    UnknownRevision {
        /// The revision that was named.
        revision: Revision,
        /// The current one.
        latest: Revision,
    },
    /// The label is in another state than the client believes.
    #[error("the label is in another state")]
    Stale {
        /// The label as it is; `None` where it is not set.
        current: Option<Label>,
    },
    /// As many labels are set on the persona as may be.
    #[error("the persona has {LABELS_MAX} labels, which is the most")]
    TooMany,
}

/// A persona when a move of one of its labels has its turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    /// The identity of the persona.
    pub id: PersonaId,
    /// The owner of the persona; empty where it has none.
    pub owner: String,
    /// The handle of the persona, as far as moves are about it.
    pub handle: Option<String>,
    /// The current revision of the persona.
    pub latest: Revision,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// The labels of the persona that are set.
    pub labels: BTreeMap<LabelName, Label>,
    /// The newest moves of labels that are not set, as far as moves are about them.
    pub removed: BTreeMap<LabelName, u64>,
}

/// What a move comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// The label is as asked already.
    Unchanged(MovedLabel),
    /// The move is kept.
    Move(Placed),
}

/// A move, to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Placed {
    /// The persona of the label.
    pub persona: PersonaId,
    /// Which label.
    pub name: LabelName,
    /// The move.
    pub record: MoveRecord,
    /// Where the label pointed before; `None` where it was not set.
    pub before: Option<Revision>,
    /// The revision that the line of the feed names: where the label points, or pointed.
    pub told: Revision,
}

impl Placed {
    /// What the feed says.
    pub(crate) fn kind(&self) -> ChangeKind {
        match self.record.revision {
            Some(_) => ChangeKind::Labelled,
            None => ChangeKind::Unlabelled,
        }
    }

    /// What the client is told.
    pub(crate) fn told_of(&self) -> MovedLabel {
        let label = Label::after(self.persona, &self.name, &self.record);
        MovedLabel { before: self.before, label, is_moved: true, replayed: false }
    }
}

impl Holder {
    /// A persona without labels.
    pub(crate) fn new(id: PersonaId, owner: String, latest: Revision, deleted: bool) -> Self {
        let (labels, removed) = (BTreeMap::new(), BTreeMap::new());
        Self { id, owner, handle: None, latest, deleted, labels, removed }
    }

    /// The same persona with its handle.
    pub(crate) fn called(self, handle: Option<String>) -> Self {
        Self { handle, ..self }
    }

    /// What a reader of several sees of it; `None` where it has no label.
    pub(crate) fn into_labels_of(self) -> Option<LabelsOf> {
        let Self { id, owner, labels, .. } = self;
        let labels: Vec<Label> = labels.into_values().collect();
        (!labels.is_empty()).then_some(LabelsOf { persona: id, owner, labels })
    }

    /// What a reader sees of it.
    pub(crate) fn into_labels(self) -> PersonaLabels {
        let Self { latest, deleted, labels, .. } = self;
        PersonaLabels { latest, deleted, labels: labels.into_values().collect() }
    }

    /// Decides what one of the moves that are asked for comes to. `stamp` tells the time of a move
    /// that is made. A persona that the viewer may not change is answered as one that never was.
    pub(crate) fn decide(
        &self,
        moves: &LabelMoves,
        wanted: &LabelMove,
        stamp: impl FnOnce() -> Timestamp,
    ) -> Result<Decision, Error> {
        if moves.hides(&self.owner) {
            return Err(Error::NotFound);
        }
        if self.deleted {
            return Err(LabelError::Deleted.into());
        }
        if let Some(name) = &wanted.named
            && self.handle.as_deref() != Some(name.as_str())
        {
            return Err(Error::HandleMoved { handle: name.clone() });
        }
        let current = self.labels.get(&wanted.name);
        if !wanted.precondition.is_met_by(current.map(|label| label.tag)) {
            return Err(LabelError::Stale { current: current.cloned() }.into());
        }
        let not_set = |name: &LabelName| LabelError::NotSet { name: name.clone() };
        let revision = match &wanted.target {
            LabelTarget::Nowhere => None,
            LabelTarget::Latest => Some(self.latest),
            LabelTarget::Label(name) => {
                Some(self.labels.get(name).ok_or_else(|| not_set(name))?.revision)
            }
            LabelTarget::Revision(revision) if *revision > self.latest => {
                let (revision, latest) = (*revision, self.latest);
                return Err(LabelError::UnknownRevision { revision, latest }.into());
            }
            LabelTarget::Revision(revision) => Some(*revision),
        };
        let before = current.map(|label| label.revision);
        let told = revision.or(before).ok_or_else(|| not_set(&wanted.name))?;
        if before == revision {
            let label = current.cloned();
            let told = MovedLabel { before, label, is_moved: false, replayed: false };
            return Ok(Decision::Unchanged(told));
        }
        if current.is_none() && self.labels.len() >= LABELS_MAX {
            return Err(LabelError::TooMany.into());
        }
        let newest = match current {
            Some(label) => label.tag.version,
            None => self.removed.get(&wanted.name).copied().unwrap_or_default(),
        };
        let (version, author) = (newest + 1, moves.author.clone());
        let record = MoveRecord { version, revision, at: stamp(), author };
        let (persona, name) = (self.id, wanted.name.clone());
        Ok(Decision::Move(Placed { persona, name, record, before, told }))
    }

    /// The persona after a move that was decided.
    pub(crate) fn apply(&mut self, placed: &Placed) {
        if let Some(label) = Label::after(placed.persona, &placed.name, &placed.record) {
            self.removed.remove(&placed.name);
            self.labels.insert(placed.name.clone(), label);
        } else {
            self.labels.remove(&placed.name);
            self.removed.insert(placed.name.clone(), placed.record.version);
        }
    }
}
