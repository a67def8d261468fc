//! The checksum of a persona's state, the same in every store: part of its entity tag, and in
//! SQLite also a column.

use persona_model::PersonaId;

/// The CRC-32 of the parts of the representation and of the persona's identity.
///
/// The checksum detects every damage within 32 adjacent bits, and any other damage except in one of
/// four thousand million cases. Two contents of one revision differ in it with the same
/// probability. It is no protection against forgery.
pub(crate) fn of(
    id: PersonaId,
    revision: u64,
    deleted: bool,
    metadata: &str,
    document: &str,
) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(&revision.to_le_bytes());
    hasher.update(&[u8::from(deleted)]);
    hasher.update(metadata.as_bytes());
    hasher.update(document.as_bytes());
    hasher.finalize()
}
