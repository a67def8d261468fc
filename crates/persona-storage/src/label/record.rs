//! A label and its moves as they are kept.

use persona_model::{LabelName, LabelTag, PastLabel, PersonaId, Revision, Timestamp};

use crate::{Glance, Representation};

/// One move of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveRecord {
    /// The number of the move among those of this label of this persona, from 1. A label that was
    /// removed and set again goes on from there.
    pub version: u64,
    /// Where the label points then; `None` where it was removed.
    pub revision: Option<Revision>,
    /// When it was moved.
    pub at: Timestamp,
    /// The author of the move, where known.
    pub author: Option<String>,
}

impl MoveRecord {
    /// The CRC-32 of everything that is kept of the move: part of the tag of the label, and in
    /// SQLite also a column, which finds damage.
    pub(crate) fn checksum(&self, persona: PersonaId, name: &LabelName) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(persona.as_bytes());
        hasher.update(&(name.as_str().len() as u64).to_le_bytes());
        hasher.update(name.as_str().as_bytes());
        hasher.update(&self.version.to_le_bytes());
        // No revision is 0.
        hasher.update(&self.revision.map_or(0, Revision::number).to_le_bytes());
        hasher.update(&self.at.as_micros().to_le_bytes());
        hasher.update(&[u8::from(self.author.is_some())]);
        hasher.update(self.author.as_deref().unwrap_or_default().as_bytes());
        hasher.finalize()
    }
}

/// A label that is set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The word.
    pub name: LabelName,
    /// Where it points.
    pub revision: Revision,
    /// What names this state of it.
    pub tag: LabelTag,
    /// When it was moved there.
    pub at: Timestamp,
    /// The author of that move, where known.
    pub author: Option<String>,
}

impl Label {
    /// The label after this move; `None` where the move removed it.
    pub(crate) fn after(persona: PersonaId, name: &LabelName, moved: &MoveRecord) -> Option<Self> {
        let tag = LabelTag { version: moved.version, checksum: moved.checksum(persona, name) };
        Some(Self {
            name: name.clone(),
            revision: moved.revision?,
            tag,
            at: moved.at,
            author: moved.author.clone(),
        })
    }
}

impl From<Label> for PastLabel {
    fn from(label: Label) -> Self {
        let Label { name, revision, at, author, .. } = label;
        Self { name, revision, at, author }
    }
}

/// The labels of a persona.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonaLabels {
    /// The current revision of the persona, which `latest` means.
    pub latest: Revision,
    /// Whether it is soft-deleted: its labels are kept, and cannot be moved.
    pub deleted: bool,
    /// The labels, in the order of their words.
    pub labels: Vec<Label>,
}

impl PersonaLabels {
    /// The label with this word, if it is set.
    pub fn get(&self, name: &LabelName) -> Option<&Label> {
        self.labels.iter().find(|label| label.name == *name)
    }
}

/// A persona as it is read by a label, all of one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labelled {
    /// The owner of the persona; empty where it has none.
    pub owner: String,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// The label; `None` where it is not set.
    pub label: Option<Label>,
    /// The revision that the label points to, without a large document; nothing where the label is
    /// not set.
    pub found: Glance,
}

impl Labelled {
    /// What is there of it where a reader finds a revision that is not large.
    pub fn whole(&self) -> Option<(&Label, &Representation)> {
        match (self.deleted, &self.label, &self.found) {
            (false, Some(label), Glance::Whole(Some(answer))) => Some((label, answer)),
            _ => None,
        }
    }
}

/// The labels of one of several personas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelsOf {
    /// The persona.
    pub persona: PersonaId,
    /// The owner of the persona; empty where it has none.
    pub owner: String,
    /// The labels of the persona, at least one, in the order of their words.
    pub labels: Vec<Label>,
}

/// One page of the moves of a label, the newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelMovePage {
    /// The moves, at most as many as asked for.
    pub items: Vec<MoveRecord>,
    /// Whether there are older ones.
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use persona_model::{LabelName, PersonaId, Revision, Timestamp};

    use super::MoveRecord;

    #[test]
    fn everything_that_is_kept_of_a_move_is_in_its_checksum() {
        let (persona, name) =
            (PersonaId::from_bytes([1; 16]), LabelName::parse("a").expect("a label"));
        let first = MoveRecord {
            version: 1,
            revision: Some(Revision::FIRST),
            at: Timestamp::from_micros(5),
            author: None,
        };
        let others = [
            first.clone(),
            MoveRecord { version: 2, ..first.clone() },
            MoveRecord { revision: None, ..first.clone() },
            MoveRecord { revision: Revision::new(2), ..first.clone() },
            MoveRecord { at: Timestamp::from_micros(6), ..first.clone() },
            MoveRecord { author: Some(String::new()), ..first.clone() },
            MoveRecord { author: Some("ada".into()), ..first.clone() },
        ];
        let mut sums: Vec<u32> = others.iter().map(|one| one.checksum(persona, &name)).collect();
        sums.push(first.checksum(PersonaId::from_bytes([2; 16]), &name));
        sums.push(first.checksum(persona, &LabelName::parse("b").expect("a label")));
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }
}
