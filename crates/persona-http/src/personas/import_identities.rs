//! The identities under which the items of an import are personas of the client.

use persona_formats::Item;
use persona_model::PersonaId;
use persona_storage::View;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// How many personas of one item can have been given to other owners before the item fails.
pub(super) const GIVEN_AWAY_MAX: usize = 8;

/// Adapts the items to the reach of the client. A client that is bound to an owner does not choose
/// identities: an item with an identity that is not one of the client's personas, nor of those of
/// them that were purged, gets one derived from owner and item, so that a second run over the file
/// adds nothing. The documents get the client's owner.
pub(super) async fn own_items(
    view: View<'_>,
    items: impl Iterator<Item = (usize, Item)>,
) -> Result<Vec<(usize, Item)>, Problem> {
    let Some(owner) = view.viewer().reach().owner() else { return Ok(items.collect()) };
    let mut own = Vec::new();
    for (place, mut item) in items {
        if !view.owned(item.id).await? {
            item.id = derived_id(owner.as_str(), item.id);
        }
        if item.document.owner_word().is_empty() {
            item.document = item.document.owned_by(owner);
        }
        own.push((place, item));
    }
    Ok(own)
}

/// The identity for an owner that follows from another identity.
pub(super) fn derived_id(owner: &str, from: PersonaId) -> PersonaId {
    let digest = Sha256::new().chain_update(owner).chain_update(from.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    PersonaId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
