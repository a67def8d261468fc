//! The checksum of a persona's state, the same in every store: part of its entity tag, and in
//! SQLite also a column.

use persona_model::PersonaId;

/// The CRC-32 of what a client is sent, and of the persona's identity.
///
/// It finds every damage of up to 32 neighbouring bits and all but one in four thousand million of
/// any other, and it tells two contents of one revision apart as often. It is no protection against
/// a forger.
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
