//! A new revision with the values of all its columns, ready to be written.

use persona_model::{ChangeKind, Persona, Revision, TextWords, Timestamp, TitleWords};
use uuid::Uuid;

use super::load_state::Replaced;
use super::row;
use super::search::{Texts, Titles};
use crate::decide::Revised;
use crate::{Idempotency, Outcome, Representation, Write, checksum, squash};

/// A new revision, ready to be written.
pub(super) struct NewRow {
    pub persona: Persona,
    pub outcome: Outcome,
    pub kind: ChangeKind,
    pub id: Uuid,
    pub revision: i64,
    /// The revision that it replaces; `None` for a new persona.
    pub parent: Option<i64>,
    /// The last one before it that is kept: an earlier one than `parent` where that is dropped.
    pub previous: Option<i64>,
    /// When the first autosave was made of those that it stands for.
    pub autosaved_since: Option<i64>,
    pub base: Option<i64>,
    pub note: Option<String>,
    pub metadata: String,
    /// The names of the fields that changed, as a JSON array.
    pub changed: String,
    /// The identity of the write, by which it is recognised.
    pub operation: Uuid,
    /// The tags without case, each once, joined by ends of lines; `None` if they do not change.
    pub tags: Option<String>,
    /// Whether a handle may be given up or taken.
    pub moves_handle: bool,
    /// `None` where they stay, like `texts`.
    pub titles: Option<Titles>,
    pub texts: Option<Texts>,
    /// The key under which the answer is kept.
    pub key: Option<Idempotency>,
}

impl NewRow {
    /// The row of a new revision. Where the revision that it replaces may be dropped, `droppable`
    /// tells what that was.
    pub(super) fn of(
        write: &Write,
        operation: Uuid,
        mut revised: Revised,
        droppable: Option<&Replaced>,
    ) -> Self {
        let stored = |revision: Revision| row::stored(revision.number());
        let parent = revised.previous.map(stored);
        if let Some(replaced) = droppable {
            revised.previous = replaced.previous;
            revised.changed = squash::changed_by_both(&replaced.changed, &revised.changed);
        }
        let dropped = droppable.and_then(|replaced| replaced.autosaved_since);
        let autosaved_since = squash::autosaved_since(write, &revised, dropped);
        let Revised { persona, outcome, kind, changed, previous, base, note } = revised;
        let changes =
            |part: fn(&str) -> bool| parent.is_none() || changed.iter().any(|field| part(field));
        let document = &persona.document;
        let moves_handle = match kind {
            ChangeKind::Updated => changes(|field| field == "handle" || field == "owner"),
            _ => document.handle().is_some(),
        };
        Self {
            moves_handle,
            id: row::uuid(persona.id),
            revision: stored(persona.revision),
            parent,
            previous: previous.map(stored),
            autosaved_since: autosaved_since.map(Timestamp::as_micros),
            base: base.map(stored),
            note,
            metadata: persona_model::metadata_text(&persona),
            changed: serde_json::to_string(&changed).expect("a list of words is JSON"),
            operation,
            tags: changes(|field| field == "tags")
                .then(|| document.folded_tags().into_iter().collect::<Vec<_>>().join("\n")),
            titles: changes(TitleWords::come_from).then(|| Titles::of(document)),
            texts: changes(TextWords::come_from).then(|| Texts::of(document)),
            key: write.idempotency.clone(),
            outcome,
            kind,
            persona,
        }
    }

    /// Whether existing tags may have to be removed.
    pub(super) fn takes_tags_away(&self) -> bool {
        self.parent.is_some() && self.tags.is_some()
    }

    /// Whether it is imported, and revisions between it and the one before were dropped.
    pub(super) fn is_behind_dropped(&self) -> bool {
        self.parent.is_some_and(|parent| parent < self.revision - 1)
    }

    /// The answer.
    pub(super) fn representation(&self) -> Representation {
        let persona = &self.persona;
        let (document, deleted) = (persona.document.text(), persona.deleted_at.is_some());
        Representation {
            id: persona.id,
            revision: persona.revision,
            checksum: checksum::of(
                persona.id,
                persona.revision.number(),
                deleted,
                &self.metadata,
                document,
            ),
            deleted,
            body: persona_model::join_representation(&self.metadata, document).into(),
        }
    }
}
