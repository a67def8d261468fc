//! The rules of writing: what a write makes of the current persona, as pure functions that every
//! backend uses.

use persona_model::{
    ChangeKind, Document, EntityTag, FIELDS, Merged, PastRevision, Patch, PatchError, Persona,
    PersonaId, Precondition, Revision, Timestamp, merge_three_way,
};

use crate::fault_injection::{InjectedFault, is_on};
use crate::{Error, IdentityOrigin, Operation, Outcome, Write, decide_import};

/// What a write makes of the current persona.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The write changes nothing, because the persona is already as wanted.
    Unchanged,
    /// A new revision.
    Change(Box<Revised>),
}

/// A new revision, to be stored.
#[derive(Debug)]
pub(crate) struct Revised {
    /// The persona after the write.
    pub persona: Persona,
    /// The outcome for the client.
    pub outcome: Outcome,
    /// The kind of the line in the feed.
    pub kind: ChangeKind,
    /// The fields that differ from the revision before; every field for a new persona.
    pub changed: Vec<&'static str>,
    /// The last revision before it that is kept; `None` for the first.
    pub previous: Option<Revision>,
    /// The revision that the writer started from, where it named one.
    pub base: Option<Revision>,
    /// The note of the author.
    pub note: Option<String>,
}

impl Decision {
    /// The same decision at another time. Only times in the result depend on the time of the
    /// decision. The rules of an import compare times, so an import must be decided again instead.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        if let Self::Change(revised) = &mut self {
            revised.persona.updated_at = now;
            if revised.kind == ChangeKind::Deleted {
                revised.persona.deleted_at = Some(now);
            }
        }
        self
    }
}

impl Revised {
    /// The first of the revisions before it that were dropped elsewhere, where it is imported and
    /// there are any: a row in its place says that they are gone.
    pub(crate) fn first_dropped(&self, write: &Write) -> Option<u64> {
        let first = self.previous?.number() + 1;
        let is_import = matches!(write.operation, Operation::Import { .. });
        (is_import && first < self.persona.revision.number()).then_some(first)
    }
}

/// The current state of a persona, on which a write is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current<'a> {
    /// The persona.
    pub persona: &'a Persona,
    /// The entity tag of this state.
    pub tag: EntityTag,
}

/// Decides what a write makes of the current persona.
///
/// `document_at` reads the document of a revision. It is called only for the base of a three-way
/// merge and for the target of a revert, and fails with [`Error::RevisionDropped`] where that was
/// dropped from the history.
pub(crate) fn decide(
    write: &Write,
    current: Option<Current<'_>>,
    now: Timestamp,
    document_at: impl FnOnce(Revision) -> Result<Option<Document>, Error>,
) -> Result<Decision, Error> {
    check_reach(write, current)?;
    check_name(write, current)?;
    if let Operation::Create { id, document } = &write.operation {
        if let Some(current) = current {
            return Err(Error::AlreadyExists { current: current.tag });
        }
        document.check_bytes(write.document_bytes_max, None)?;
        return Ok(created(*id, &owned(document.clone(), write)?, write, now));
    }
    if let Operation::Import { id, past } = &write.operation {
        let document = owned(past.document.clone(), write)?;
        let past = PastRevision { document, ..(**past).clone() };
        return decide_import::decide(*id, &past, current, now, write.document_bytes_max);
    }
    let current = current.ok_or(Error::NotFound)?;
    let next = Next { current: current.persona, write, now };
    match &write.operation {
        Operation::Create { .. } | Operation::Import { .. } => {
            unreachable!("these were handled above")
        }
        Operation::Replace { precondition, document, .. } => {
            check_not_deleted(current)?;
            check_precondition(precondition, current)?;
            next.with_document(document.clone(), None, write.document_bytes_max)
        }
        Operation::Patch { precondition, patch, base, .. } => {
            check_not_deleted(current)?;
            check_precondition(precondition, current)?;
            let document = patched(patch, *base, current, document_at)?;
            next.with_document(document, *base, write.document_bytes_max)
        }
        Operation::Revert { precondition, revision, .. } => {
            check_not_deleted(current)?;
            check_precondition(precondition, current)?;
            let (revision, current) = (*revision, current.tag);
            let document = document_at(revision)?;
            let document = document.ok_or(Error::UnknownRevision { revision, current })?;
            next.with_document(document, Some(revision), write.document_bytes_max)
        }
        Operation::Delete { precondition, .. } => {
            if current.persona.deleted_at.is_some() {
                return Ok(Decision::Unchanged);
            }
            check_precondition(precondition, current)?;
            Ok(next.with_deletion(Some(now), Outcome::Deleted, ChangeKind::Deleted))
        }
        Operation::Undelete { precondition, .. } => {
            if current.persona.deleted_at.is_none() {
                return Ok(Decision::Unchanged);
            }
            check_precondition(precondition, current)?;
            Ok(next.with_deletion(None, Outcome::Undeleted, ChangeKind::Undeleted))
        }
    }
}

/// Refuses to change a persona that the viewer does not reach, and to make one with an identity of
/// the viewer's choice, as if there were no such persona, because the use of an identity would
/// reveal personas of other owners.
fn check_reach(write: &Write, current: Option<Current<'_>>) -> Result<(), Error> {
    let is_hidden = if let Some(current) = current {
        write.hides(current.persona.document.owner_word())
    } else {
        let is_new = matches!(write.operation, Operation::Create { .. })
            && write.identity == IdentityOrigin::New;
        write.viewer.is_bound() && !is_new
    };
    if is_hidden { Err(Error::NotFound) } else { Ok(()) }
}

/// Refuses to change a persona that was named by a handle that it does not have any more.
fn check_name(write: &Write, current: Option<Current<'_>>) -> Result<(), Error> {
    let (Some(name), Some(current)) = (&write.named, current) else { return Ok(()) };
    if current.persona.document.handle() == Some(name.as_str()) {
        Ok(())
    } else {
        Err(Error::HandleMoved { handle: name.clone() })
    }
}

/// The document as the viewer may leave it: of its own owner, which is put in where there is none.
fn owned(document: Document, write: &Write) -> Result<Document, Error> {
    let Some(owner) = write.viewer.reach().owner() else { return Ok(document) };
    match document.owner_word() {
        // A patch that removes the owner is a change of the owner, and refused.
        "" if !matches!(write.operation, Operation::Patch { .. }) => Ok(document.owned_by(owner)),
        word if word == owner.as_str() => Ok(document),
        _ if is_on(InjectedFault::OverlookOwnersOfWrites) => Ok(document),
        _ => Err(Error::OwnerRefused { owner: owner.clone() }),
    }
}

fn created(id: PersonaId, document: &Document, write: &Write, now: Timestamp) -> Decision {
    let persona = Persona {
        id,
        revision: Revision::FIRST,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        created_by: write.author.clone(),
        updated_by: write.author.clone(),
        content_hash: document.content_hash(),
        document: document.clone(),
    };
    let changed = FIELDS.iter().map(|field| field.name).collect();
    Decision::Change(Box::new(Revised {
        persona,
        outcome: Outcome::Created,
        kind: ChangeKind::Created,
        changed,
        previous: None,
        base: None,
        note: write.note.clone(),
    }))
}

fn check_not_deleted(current: Current<'_>) -> Result<(), Error> {
    if current.persona.deleted_at.is_some() {
        Err(Error::Deleted { current: current.tag })
    } else {
        Ok(())
    }
}

fn check_precondition(precondition: &Precondition, current: Current<'_>) -> Result<(), Error> {
    if precondition.is_met_by(current.tag, current.persona.updated_at) {
        Ok(())
    } else {
        Err(Error::Stale { current: current.tag })
    }
}

/// The document that a patch makes of the current persona, merged with the changes since its base.
fn patched(
    patch: &Patch,
    base: Option<Revision>,
    current: Current<'_>,
    document_at: impl FnOnce(Revision) -> Result<Option<Document>, Error>,
) -> Result<Document, Error> {
    let apply = |document: &Document| {
        patch.apply(document).map_err(|error| match error {
            PatchError::TestFailed { pointer } => {
                Error::TestFailed { pointer, current: current.tag }
            }
            PatchError::Invalid(invalid) => Error::Invalid(invalid),
        })
    };
    let Some(base) = base.filter(|base| *base != current.persona.revision) else {
        return apply(&current.persona.document);
    };
    let base = match document_at(base) {
        Ok(document) => document.ok_or(Error::UnknownBase { base })?,
        // What cannot be merged is refused: merged with another base, texts would be lost.
        Err(Error::RevisionDropped { revision }) => {
            return Err(Error::UnknownBase { base: revision });
        }
        Err(error) => return Err(error),
    };
    let yours = apply(&base)?;
    match merge_three_way(&base, &current.persona.document, &yours)? {
        Merged::Clean(document) => Ok(document),
        Merged::Conflicts(conflicts) => Err(Error::Conflicts { conflicts, current: current.tag }),
    }
}

/// The revision after the current one.
struct Next<'a> {
    current: &'a Persona,
    write: &'a Write,
    now: Timestamp,
}

impl Next<'_> {
    fn with_document(
        &self,
        document: Document,
        base: Option<Revision>,
        bytes_max: usize,
    ) -> Result<Decision, Error> {
        let document = owned(document, self.write)?;
        let changed = self.current.document.changed_fields(&document);
        if changed.is_empty() {
            return Ok(Decision::Unchanged);
        }
        document.check_bytes(bytes_max, Some(&self.current.document))?;
        let mut persona = self.persona();
        persona.content_hash = document.content_hash();
        persona.document = document;
        Ok(Decision::Change(Box::new(Revised {
            persona,
            outcome: Outcome::Updated,
            kind: ChangeKind::Updated,
            changed,
            previous: Some(self.current.revision),
            base,
            note: self.write.note.clone(),
        })))
    }

    fn with_deletion(
        &self,
        deleted_at: Option<Timestamp>,
        outcome: Outcome,
        kind: ChangeKind,
    ) -> Decision {
        let mut persona = self.persona();
        persona.deleted_at = deleted_at;
        Decision::Change(Box::new(Revised {
            persona,
            outcome,
            kind,
            changed: Vec::new(),
            previous: Some(self.current.revision),
            base: None,
            note: self.write.note.clone(),
        }))
    }

    fn persona(&self) -> Persona {
        let mut persona = self.current.clone();
        persona.revision = persona.revision.next();
        persona.updated_at = self.now;
        persona.updated_by.clone_from(&self.write.author);
        persona
    }
}
