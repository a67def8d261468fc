//! On behalf of which token a request is, and which personas there are for it.

use std::sync::Arc;

use persona_storage::Token;

use http::Extensions;
use persona_storage::Viewer;

use super::Denial;
use crate::problem::{Code, Problem};

/// The token of a request that was permitted: an extension of the request. A request that needs no
/// token has none.
#[derive(Clone, Debug)]
pub(crate) struct Identity(pub Arc<Token>);

/// What a request may do, and for which client. Each request that reaches a handler has passed the
/// check that makes it.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    /// The token, where one is needed.
    pub identity: Option<Identity>,
    /// Which personas there are for the request.
    pub viewer: Viewer,
}

impl Permit {
    /// A request that needs no token.
    pub(super) const fn without_token() -> Self {
        Self { identity: None, viewer: Viewer::trusted() }
    }

    /// Becomes a part of the request.
    pub(crate) fn enter(self, extensions: &mut Extensions) {
        if let Some(identity) = self.identity {
            extensions.insert(identity);
        }
        extensions.insert(self.viewer);
    }
}

/// The client that a request is for.
///
/// # Errors
///
/// The request did not pass the check, which is a fault of the program: nothing is shown then.
pub(crate) fn viewer_of(extensions: &Extensions) -> Result<&Viewer, Problem> {
    let missing = || Problem::new(Code::Internal, "on whose behalf the request is, is not known");
    extensions.get::<Viewer>().ok_or_else(missing)
}

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
