//! What is transferred, row by row, and the digests that tell whether it arrived.
//!
//! Both backends bring a row into the same text, piece by piece, and take SHA-256 of it: PostgreSQL
//! in the database, so that nothing but digests comes back. Numbers stand between bars; texts come
//! with their length, so that no two different rows have the same text, and a null differs from an
//! empty one.

use std::collections::BTreeMap;
use std::fmt::Write;

use persona_model::{ContentHash, Document, LabelName, PersonaId};
use sha2::{Digest, Sha256};

use crate::MoveRecord;
use crate::handle::Handle;

/// A line of the feed with what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub sequence: i64,
    pub persona: PersonaId,
    pub revision: i64,
    pub kind: String,
    pub at: i64,
    pub of: EntryOf,
}

/// What a line of the feed stands for.
#[derive(Clone, Debug)]
pub(crate) enum EntryOf {
    /// A revision of the persona.
    Revision(Box<RevisionRow>),
    /// A move of one of its labels.
    Label(LabelName, MoveRecord),
    /// The purge of the persona.
    Purge(PurgeRow),
    /// A revision, or a move of this label, of a persona that was purged later: nothing is left of
    /// it.
    Gone(Option<LabelName>),
}

/// What a purge has left beside its line.
#[derive(Clone, Debug)]
pub(crate) struct PurgeRow {
    pub owner: String,
    pub author: Option<String>,
}

/// A revision.
#[derive(Clone, Debug)]
pub(crate) struct RevisionRow {
    pub created_at: i64,
    pub created_by: Option<String>,
    pub parent: Option<i64>,
    pub base: Option<i64>,
    pub made_at: i64,
    pub author: Option<String>,
    pub note: Option<String>,
    pub changed: String,
    pub deleted: bool,
    pub metadata: String,
    pub document: String,
}

impl RevisionRow {
    /// Whether it was dropped from the history.
    pub(crate) fn is_dropped(&self) -> bool {
        self.metadata.is_empty()
    }
}

impl Entry {
    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        self.revision_row().map_or(0, |row| row.metadata.len() + row.document.len())
    }

    /// The revision that it stands for, if it stands for one.
    pub(crate) fn revision_row(&self) -> Option<&RevisionRow> {
        match &self.of {
            EntryOf::Revision(row) => Some(row),
            EntryOf::Label(..) | EntryOf::Purge(_) | EntryOf::Gone(_) => None,
        }
    }

    /// The move of a label that it stands for.
    pub(crate) fn label_move(&self) -> Option<(&LabelName, &MoveRecord)> {
        match &self.of {
            EntryOf::Label(name, record) => Some((name, record)),
            EntryOf::Revision(_) | EntryOf::Purge(_) | EntryOf::Gone(_) => None,
        }
    }

    /// The label that it is about, also where its persona was purged later.
    pub(crate) fn label(&self) -> Option<&LabelName> {
        match &self.of {
            EntryOf::Label(name, _) => Some(name),
            EntryOf::Gone(name) => name.as_ref(),
            EntryOf::Revision(_) | EntryOf::Purge(_) => None,
        }
    }

    /// What is left of the persona, where the line is that of its purge.
    pub(crate) fn purge_row(&self) -> Option<&PurgeRow> {
        match &self.of {
            EntryOf::Purge(row) => Some(row),
            EntryOf::Revision(_) | EntryOf::Label(..) | EntryOf::Gone(_) => None,
        }
    }

    /// The row of the persona after this revision, if the line stands for one that is kept.
    pub(crate) fn persona_row(&self) -> Result<Option<PersonaRow>, String> {
        let kept = self.revision_row().filter(|row| !row.is_dropped());
        kept.map(|row| self.persona_row_of(row)).transpose()
    }

    fn persona_row_of(&self, row: &RevisionRow) -> Result<PersonaRow, String> {
        let document = Document::from_stored(&row.document).map_err(|invalid| {
            format!(
                "revision {} of persona {} cannot be read: {invalid}",
                self.revision, self.persona
            )
        })?;
        // The hash that the metadata states, which may be of an earlier rule.
        let is_stated =
            |hash: &ContentHash| row.metadata.contains(&format!("\"content_hash\":\"{hash}\""));
        let content_hash =
            document.content_hashes().find(is_stated).unwrap_or_else(|| document.content_hash());
        Ok(PersonaRow {
            id: self.persona,
            revision: self.revision,
            name: document.name().into(),
            kind: document.kind().as_str().into(),
            handle: document.handle().map(str::to_owned),
            owner: document.owner_word().into(),
            is_active: document.is_active(),
            created_at: row.created_at,
            updated_at: row.made_at,
            deleted_at: row.deleted.then_some(row.made_at),
            created_by: row.created_by.clone(),
            updated_by: row.author.clone(),
            content_hash: content_hash.as_bytes().to_vec(),
            metadata: row.metadata.clone(),
            document: row.document.clone(),
            tags: document.folded_tags().into_iter().collect(),
            found_by: document,
        })
    }
}

/// Of each persona the newest line that stands for a revision that is kept: what the persona is
/// after these lines. In the order in which the personas come.
pub(crate) fn newest_kept(entries: &[Entry]) -> Vec<&Entry> {
    let (mut newest, mut places) = (Vec::new(), BTreeMap::new());
    let is_kept = |entry: &&Entry| entry.revision_row().is_some_and(|row| !row.is_dropped());
    for entry in entries.iter().filter(is_kept) {
        let place = *places.entry(entry.persona).or_insert(newest.len());
        match newest.get_mut(place) {
            Some(known) => *known = entry,
            None => newest.push(entry),
        }
    }
    newest
}

/// A persona as it is now, with the rows that it is found by.
#[derive(Clone, Debug)]
pub(crate) struct PersonaRow {
    pub id: PersonaId,
    pub revision: i64,
    pub name: String,
    pub kind: String,
    pub handle: Option<String>,
    /// Empty where it has no owner.
    pub owner: String,
    pub is_active: bool,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
    pub created_by: Option<String>,
    pub updated_by: Option<String>,
    pub content_hash: Vec<u8>,
    pub metadata: String,
    pub document: String,
    /// As they are looked for: without case, each once, in the order of their bytes.
    pub tags: Vec<String>,
    /// Has the words that the persona is found by.
    pub found_by: Document,
}

/// What was answered to a request with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyRecord {
    pub key: String,
    pub fingerprint: Vec<u8>,
    pub outcome: String,
    pub persona: PersonaId,
    pub revision: i64,
    pub at: i64,
    /// What moves of labels were answered.
    pub moves: Option<String>,
}

/// A line of the feed by its digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub sequence: i64,
    pub persona: PersonaId,
    pub revision: i64,
    pub digest: Vec<u8>,
    /// Whether the persona was purged later, so that nothing is left of what the line is about.
    pub is_gone: bool,
    /// Whether it is about a revision that was dropped from the history.
    pub is_dropped: bool,
}

/// A persona by its digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PersonaDigest {
    pub id: PersonaId,
    pub revision: i64,
    /// What it is called by among those of its owner, where it is alive.
    pub handle: Option<Handle>,
    pub digest: Vec<u8>,
}

/// The text of a row, piece by piece.
#[derive(Default)]
struct Text(String);

impl Text {
    fn number(&mut self, number: impl std::fmt::Display) {
        write!(self.0, "{number}|").expect("a text takes everything");
    }

    fn optional(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.number(number),
            None => self.number(""),
        }
    }

    fn text(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            write!(self.0, "{}:{text}|", text.len()).expect("a text takes everything");
        } else {
            self.0.push_str(":|");
        }
    }

    fn digest(self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

/// The digest of a line with what it stands for. PostgreSQL has the same in
/// `postgres/transfer/digest.rs`.
pub(crate) fn line_digest(entry: &Entry) -> Vec<u8> {
    let mut text = Text::default();
    text.number(entry.persona);
    text.number(entry.revision);
    text.number(&entry.kind);
    text.number(entry.at);
    match &entry.of {
        EntryOf::Revision(row) => {
            // Not its parent, which changes where the one before is dropped beside a move.
            text.optional(row.base);
            text.number(row.made_at);
            text.number(u8::from(row.deleted));
            text.text(row.author.as_deref());
            text.text(row.note.as_deref());
            text.text(Some(&row.changed));
            text.text(Some(&row.metadata));
            text.text(Some(&row.document));
        }
        EntryOf::Label(name, record) => {
            text.number(record.version);
            match record.revision {
                Some(revision) => text.number(revision),
                None => text.optional(None),
            }
            text.number(record.at.as_micros());
            text.text(Some(name.as_str()));
            text.text(record.author.as_deref());
        }
        EntryOf::Purge(row) => {
            text.text(Some(&row.owner));
            text.text(row.author.as_deref());
        }
        EntryOf::Gone(label) => text.text(label.as_ref().map(LabelName::as_str)),
    }
    text.digest()
}

/// The digest of a persona. PostgreSQL has the same in `postgres/transfer/digest.rs`.
pub(crate) fn persona_digest(row: &PersonaRow) -> Vec<u8> {
    let mut text = Text::default();
    text.number(row.id);
    text.number(row.revision);
    text.number(u8::from(row.is_active));
    text.number(row.created_at);
    text.number(row.updated_at);
    text.optional(row.deleted_at);
    text.number(
        row.content_hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
    );
    text.text(Some(&row.name));
    text.text(Some(&row.kind));
    text.text(row.handle.as_deref());
    text.text(Some(&row.owner));
    text.text(row.created_by.as_deref());
    text.text(row.updated_by.as_deref());
    text.text(Some(&row.tags.join("\n")));
    text.text(Some(&row.metadata));
    text.text(Some(&row.document));
    // As PostgreSQL keeps them: with a blank before and after each word.
    let titles = row.found_by.title_words();
    for words in [&*titles.name, &*titles.tags, row.found_by.text_words().as_str()] {
        text.text(Some(&format!(" {words} ")));
    }
    text.digest()
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn texts_that_are_cut_elsewhere_or_missing_have_another_digest() {
        let digest = |texts: &[Option<&str>]| {
            let mut text = Text::default();
            for part in texts {
                text.text(*part);
            }
            text.digest()
        };
        assert_ne!(digest(&[Some("ab"), Some("c")]), digest(&[Some("a"), Some("bc")]));
        assert_ne!(digest(&[None]), digest(&[Some("")]));
        assert_ne!(digest(&[Some("a|1:b")]), digest(&[Some("a"), Some("b")]));
    }
}
