//! The steps that cases are made of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Document, EntityTag, Patch, PersonaId, Precondition, Revision};
use serde_json::{Value, json};

use crate::{Error, Idempotency, Operation, Representation, Store, Write, Written};

/// The store as every case gets it.
pub(super) type Subject = Arc<dyn Store>;

/// A small identity that reads well in failures.
pub fn id(number: u8) -> PersonaId {
    let mut bytes = [0; 16];
    bytes[15] = number;
    PersonaId::from_bytes(bytes)
}

/// A valid document with these members.
pub fn document(members: Value) -> Document {
    Document::from_json(members).expect("a valid document")
}

/// A request with half a minute to go.
pub fn write(operation: Operation) -> Write {
    Write::new(operation, soon())
}

/// Half a minute from now.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// The same request with an idempotency key.
pub fn idempotent(mut write: Write, key: &str, fingerprint: u8) -> Write {
    write.idempotency = Some(Idempotency { key: key.into(), fingerprint: [fingerprint; 32] });
    write
}

pub(super) fn revision(number: u64) -> Revision {
    Revision::new(number).expect("not zero")
}

/// An expectation of these revisions with a checksum that no state has; [`with_real_tags`] makes
/// real ones of them.
pub fn guess(revisions: &[Revision]) -> Precondition {
    Precondition::OneOf(
        revisions.iter().map(|revision| EntityTag { revision: *revision, checksum: 0 }).collect(),
    )
}

/// The same request, where each tag of [`guess`] is that of the revision that it names, if there is
/// one.
pub async fn with_real_tags(store: &dyn Store, mut write: Write) -> Write {
    let id = write.operation.id();
    if let Operation::Replace { precondition: Precondition::OneOf(tags), .. }
    | Operation::Patch { precondition: Precondition::OneOf(tags), .. }
    | Operation::Delete { precondition: Precondition::OneOf(tags), .. }
    | Operation::Undelete { precondition: Precondition::OneOf(tags), .. }
    | Operation::Revert { precondition: Precondition::OneOf(tags), .. } = &mut write.operation
    {
        for tag in tags {
            // One that was dropped has no tag to be asked for.
            if let Ok(Some(record)) = store.revision(id, tag.revision).await {
                *tag = record.representation.tag();
            }
        }
    }
    write
}

pub(super) async fn create(store: &Subject, number: u8, members: Value) -> Representation {
    create_write(store, number, members).await.expect("created").representation
}

pub(super) async fn create_write(
    store: &Subject,
    number: u8,
    members: Value,
) -> Result<Written, Error> {
    store.write(write(Operation::Create { id: id(number), document: document(members) })).await
}

pub(super) async fn replace(
    store: &Subject,
    number: u8,
    precondition: Precondition,
    members: Value,
) -> Result<Written, Error> {
    store
        .write(write(Operation::Replace {
            id: id(number),
            precondition,
            document: document(members),
        }))
        .await
}

pub(super) async fn merge(store: &Subject, number: u8, patch: Value) -> Result<Written, Error> {
    let patch = Patch::merge(patch).expect("a merge patch");
    store
        .write(write(Operation::Patch {
            id: id(number),
            precondition: Precondition::Any,
            patch,
            base: None,
        }))
        .await
}

pub(super) async fn delete(
    store: &Subject,
    number: u8,
    precondition: Precondition,
) -> Result<Written, Error> {
    store.write(write(Operation::Delete { id: id(number), precondition })).await
}

pub(super) async fn undelete(store: &Subject, number: u8) -> Result<Written, Error> {
    store
        .write(write(Operation::Undelete { id: id(number), precondition: Precondition::Any }))
        .await
}

pub(super) async fn get(store: &Subject, number: u8) -> Representation {
    store.get(id(number)).await.expect("readable").expect("it exists")
}

/// The answer as JSON.
pub(super) fn json_of(answer: &Representation) -> Value {
    serde_json::from_slice(&answer.body).expect("an answer is JSON")
}

/// The current value of one member.
pub(super) async fn member(store: &Subject, number: u8, name: &str) -> Value {
    json_of(&get(store, number).await)[name].clone()
}

/// A document of a name alone.
pub(super) fn named(name: &str) -> Value {
    json!({ "name": name })
}
