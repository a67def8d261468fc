//! The token of a permitted request, and the personas that the request reaches.

use std::sync::Arc;

use http::Extensions;
use persona_storage::{Party, Token, Viewer};

use super::Denial;
use crate::ClientAddress;
use crate::problem::{Code, Problem};

/// The token of a request that was permitted: an extension of the request. A request that needs no
/// token has none.
#[derive(Clone, Debug)]
pub(crate) struct Identity(pub Arc<Token>);

/// The result of the check that a request passes before its handler: the token and the reach of its
/// client.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    /// The token; `None` where the request needs none.
    pub identity: Option<Identity>,
    /// Which personas the request reaches.
    pub viewer: Viewer,
}

impl Permit {
    /// The permit of a request that needs no token.
    pub(super) const fn without_token() -> Self {
        Self { identity: None, viewer: Viewer::trusted() }
    }

    /// What limits for one client count the request for: the token, or else the address of the
    /// client. `None` for a request that the process makes itself.
    pub(crate) fn party(&self, client: Option<ClientAddress>) -> Option<Party> {
        let token = self.identity.as_ref().map(|Identity(token)| Party::Token(token.id));
        token.or_else(|| client.map(Party::from))
    }

    /// Adds the permit to the extensions of the request, and what the request counts for.
    pub(crate) fn enter(self, party: Option<Party>, extensions: &mut Extensions) {
        if let Some(party) = party {
            extensions.insert(party);
        }
        if let Some(identity) = self.identity {
            extensions.insert(identity);
        }
        extensions.insert(self.viewer);
    }
}

/// The viewer of a permitted request.
///
/// # Errors
///
/// The request did not pass the check, which is a bug of the program; the handler must then show
/// nothing.
pub(crate) fn viewer_of(extensions: &Extensions) -> Result<&Viewer, Problem> {
    let missing = || Problem::new(Code::Internal, "on whose behalf the request is, is not known");
    extensions.get::<Viewer>().ok_or_else(missing)
}

impl Identity {
    /// The author of the changes of a request; `named` is the author that the request names.
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

    /// Whether a revision of the past may be kept with these authors.
    ///
    /// # Errors
    ///
    /// One of them is not the name of the token, and the token may not act as another author.
    pub(crate) fn permit_past(&self, authors: [Option<&str>; 2]) -> Result<(), Denial> {
        let token = &self.0;
        let is_other = |author: Option<&str>| author != Some(token.name.as_str());
        if !token.act_as && authors.into_iter().any(is_other) {
            return Err(Denial::PastAuthor { name: token.name.clone() });
        }
        Ok(())
    }
}
