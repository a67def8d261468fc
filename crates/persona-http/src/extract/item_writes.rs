//! Makes a write of each item of a batch, with what the request says of all items.

use std::sync::OnceLock;
use std::time::Instant;

use http::request::Parts;
use persona_storage::{Idempotency, Party, Viewer, Write};
use sha2::{Digest, Sha256};

use super::batch::BatchItem;
use super::note;
use super::request::{author_of, idempotency_key};
use crate::Context;
use crate::auth::viewer_of;
use crate::contract::idempotency_key::KEY_CHARS_MAX;
use crate::problem::Problem;

/// Most characters of a key for all items of a batch or a file: behind it there is room for the
/// number of an item.
pub(crate) const KEY_OF_ITEMS_CHARS_MAX: usize = KEY_CHARS_MAX - 4;

/// What a request says of all its items.
pub(crate) struct ItemWrites {
    viewer: Viewer,
    author: Option<String>,
    note: Option<String>,
    key: Option<String>,
    /// The place of the first item without a key of its own.
    first: OnceLock<usize>,
    client: Option<Party>,
    document_bytes_max: usize,
}

impl ItemWrites {
    /// Reads the head of a request.
    pub fn of(parts: &Parts, context: &Context) -> Result<Self, Problem> {
        let key = idempotency_key(&parts.headers)?;
        if key.as_ref().is_some_and(|key| key.len() > KEY_OF_ITEMS_CHARS_MAX) {
            let message = format!("must have at most {KEY_OF_ITEMS_CHARS_MAX} characters here");
            return Err(Problem::bad_header("Idempotency-Key", "bad_value", message));
        }
        Ok(Self {
            viewer: viewer_of(&parts.extensions)?.clone(),
            author: author_of(parts)?,
            note: note::of_request(&parts.headers, &parts.uri)?,
            key,
            first: OnceLock::new(),
            client: parts.extensions.get::<Party>().copied(),
            document_bytes_max: context.document_bytes_max,
        })
    }

    /// Whether each item has a key.
    pub fn have_keys(&self) -> bool {
        self.key.is_some()
    }

    /// The client that the items are for.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// The client that it comes from.
    pub fn client(&self) -> Option<Party> {
        self.client
    }

    /// Notes the place of an item without a key of its own, whatever becomes of it: the first such
    /// item has the key of the request, also where a repetition finds other items that can be done.
    pub fn note_place(&self, place: usize) {
        self.first.get_or_init(|| place);
    }

    /// An item as a write, with the author of the request. An item without a note has that of the
    /// request. If the request has a key, the first item without one gets it, so that the same key
    /// of another request is noticed, and each further one gets it followed by the index of the
    /// item. In an atomic batch and in a file the fingerprint of such an item is that of the whole
    /// request (`of_whole`): no item of the batch is done without the others, and what becomes of
    /// an item of a file is said by the request. Called for the items in their order.
    pub fn write(
        &self,
        place: usize,
        item: BatchItem,
        of_whole: Option<[u8; 32]>,
        deadline: Instant,
    ) -> Write {
        let by_place = || {
            let (key, first) = (self.key.as_ref()?, *self.first.get_or_init(|| place));
            Some(if place == first { key.clone() } else { format!("{key}:{place}") })
        };
        let idempotency = match item.key {
            Some(key) => Some(key).zip(item.fingerprint),
            None => by_place().zip(of_whole.or(item.fingerprint)),
        };
        let note_of_request = self.note.as_deref().filter(|_| item.note.is_none());
        let idempotency = idempotency.map(|(key, fingerprint)| Idempotency {
            key,
            fingerprint: note_of_request.map_or(fingerprint, |note| with_note(fingerprint, note)),
        });
        Write {
            identity: item.identity,
            named: item.named,
            author: self.author.clone(),
            note: item.note.or_else(|| self.note.clone()),
            squash: item.squash,
            idempotency,
            client: self.client,
            bytes: item.bytes,
            document_bytes_max: self.document_bytes_max,
            ..Write::new(item.operation, deadline)
        }
    }
}

/// The fingerprint of an item that is kept with the note of its request.
fn with_note(fingerprint: [u8; 32], note: &str) -> [u8; 32] {
    Sha256::new().chain_update(fingerprint).chain_update(note).finalize().into()
}
