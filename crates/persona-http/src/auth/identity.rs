//! On behalf of which token a request is.

use std::sync::Arc;

use persona_storage::Token;

use super::Denial;

/// The token of a request that was permitted: an extension of the request. A request that needs no
/// token has none.
#[derive(Clone, Debug)]
pub(crate) struct Identity(pub Arc<Token>);

impl Identity {
    /// The author of the changes of a request that names this one, or none.
    ///
    /// # Errors
    ///
    /// The token may not act as another author.
    pub(crate) fn author(&self, named: Option<String>) -> Result<String, Denial> {
        let token = &self.0;
        match named {
            Some(named) if token.act_as || named == token.name => Ok(named),
            Some(_) => Err(Denial::Author { name: token.name.clone() }),
            None => Ok(token.name.clone()),
        }
    }
}
