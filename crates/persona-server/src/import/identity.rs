//! Which identity an item gets that has none of its own.

use std::collections::HashMap;

use persona_model::PersonaId;
use sha2::{Digest, Sha256};

use super::Format;

/// Hands out identities for the items of one file.
///
/// The identity follows from what the item says and from how often the file has said it before, so a second run over
/// the same file names the same personas, while an item that a file has twice becomes two personas. It is made of the
/// item as written, not of the document, so that a better mapping in a later version does not double anything either.
#[derive(Debug, Default)]
pub struct Identities {
    /// How often each item was seen, by digest: 32 bytes for each item of the file.
    seen: HashMap<[u8; 32], u64>,
}

impl Identities {
    /// The identity of the next item, given as canonical JSON.
    pub fn next(&mut self, format: Format, item: &str) -> PersonaId {
        let mut hash = Sha256::new();
        hash.update(format.word());
        hash.update([0]);
        hash.update(item);
        let digest: [u8; 32] = hash.clone().finalize().into();
        let occurrence = self.seen.entry(digest).or_default();
        *occurrence += 1;
        hash.update([0]);
        hash.update(occurrence.to_be_bytes());
        PersonaId::from_digest(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use persona_model::canonical_json;
    use serde_json::json;

    use super::{Format, Identities};

    #[test]
    fn equal_items_of_one_file_get_different_identities_and_the_same_ones_in_the_next_run() {
        let run = || {
            let mut identities = Identities::default();
            let items = [json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), json!({"a": 2})];
            items.map(|item| identities.next(Format::AwesomePrompts, &canonical_json(&item)).to_string())
        };
        let ids = run();
        assert_eq!(ids, run());
        assert_ne!(ids[0], ids[1]);
        assert_ne!(ids[0], ids[2]);
    }

    #[test]
    fn the_derived_identity_is_the_same_in_every_version() {
        let id = Identities::default().next(Format::LobeHub, &canonical_json(&json!({"name": "Ada"})));
        assert_eq!(id.to_string(), "ba46bf3c-61ad-8ac6-8ca1-32584068bc7a");
    }
}
