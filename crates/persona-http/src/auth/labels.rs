//! Labels that only some clients move: what is in production is not for every token that may write.

use std::collections::BTreeSet;
use std::sync::Arc;

use persona_model::LabelName;
use persona_storage::TokenScope;

use super::{Denial, Identity};

/// Labels that are moved with a token of the scope admin only.
#[derive(Clone, Debug, Default)]
pub struct ProtectedLabels(Arc<BTreeSet<LabelName>>);

impl ProtectedLabels {
    /// These labels, of every persona.
    pub fn new(names: impl IntoIterator<Item = LabelName>) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }

    /// Their words, in order.
    pub(crate) fn words(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether a request may move these labels. One that needs no token may: it is let in to
    /// everything else too.
    ///
    /// # Errors
    ///
    /// The first label that it may not move.
    pub(crate) fn permit<'a>(
        &self,
        identity: Option<&Identity>,
        mut names: impl Iterator<Item = &'a LabelName>,
    ) -> Result<(), Denial> {
        let Some(Identity(token)) = identity else { return Ok(()) };
        let denied = names.find(|name| token.scope < TokenScope::Admin && self.0.contains(name));
        denied.map_or(Ok(()), |label| Err(Denial::Label { label: label.clone(), has: token.scope }))
    }
}
