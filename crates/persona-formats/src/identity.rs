//! Derives identities for items that have none of their own.

use std::collections::HashMap;

use persona_model::PersonaId;
use sha2::{Digest, Sha256};

use super::Format;

/// The identities of the items of one file.
///
/// Three things decide an identity: the format; the name of the item in its collection, or the item
/// itself where it has no name; and how often the file had the same name or item before. So a later
/// edition of a collection finds a persona again although its text has changed, a second run over a
/// file names the same personas, and an item that a file has twice becomes two personas. The item
/// counts as it is written, not as a document, so that a better mapping in a later version makes no
/// duplicates.
#[derive(Debug, Default)]
pub struct Identities {
    /// How often each item was seen, by its digest. It takes 32 bytes of memory for each item.
    seen: HashMap<[u8; 32], u64>,
}

impl Identities {
    /// The identity of the next item, which has this name in its collection.
    pub fn next_named(&mut self, format: Format, name: &str) -> PersonaId {
        self.next(format, b"name", name)
    }

    /// The identity of the next item, which has no name. The item is given as canonical JSON.
    pub fn next_unnamed(&mut self, format: Format, item: &str) -> PersonaId {
        self.next(format, b"", item)
    }

    fn next(&mut self, format: Format, kind: &[u8], text: &str) -> PersonaId {
        let mut hash = Sha256::new();
        hash.update(format.as_str());
        hash.update([0]);
        hash.update(kind);
        hash.update([0]);
        hash.update(text);
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
            let unnamed = items.map(|item| {
                identities.next_unnamed(Format::Native, &canonical_json(&item)).to_string()
            });
            let named = ["Poet", "Poet", "Bard"]
                .map(|name| identities.next_named(Format::AwesomePrompts, name).to_string());
            [unnamed, named].concat()
        };
        let ids = run();
        assert_eq!(ids, run());
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    }

    #[test]
    fn the_derived_identity_is_the_same_in_every_version() {
        let mut identities = Identities::default();
        assert_eq!(
            identities.next_named(Format::LobeHub, "ada.json").to_string(),
            "9348973c-5d3c-861b-9f78-b8110ddbd183"
        );
        assert_eq!(
            identities
                .next_unnamed(Format::Native, &canonical_json(&json!({"name": "Ada"})))
                .to_string(),
            "ec73d022-3362-802d-abb6-738090215d09"
        );
    }
}
