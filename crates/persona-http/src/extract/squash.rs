//! What a request says of itself as an autosave, in the query and in items of batches.

use persona_storage::Squash;

use super::parameters::Parameters;
use crate::contract::parameters::{SQUASH, SQUASH_KEY};

/// What is wrong with a key without a window.
pub(super) const WITHOUT_WINDOW: &str = "goes with squash only";

/// Reads the window and the key of the query of a write. A key without a window is an error of the
/// query.
pub(crate) fn of_query(parameters: &mut Parameters<'_>) -> Option<Squash> {
    if parameters.text(&SQUASH.parameter).is_none()
        && parameters.text(&SQUASH_KEY.parameter).is_some()
    {
        parameters.refuse(SQUASH_KEY.parameter.name, "not_here", WITHOUT_WINDOW);
    }
    let (window, key) = (parameters.value(&SQUASH), parameters.value(&SQUASH_KEY));
    window.map(|window| Squash { window, key })
}
