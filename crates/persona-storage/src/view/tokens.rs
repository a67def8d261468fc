//! The tokens that a viewer manages: those that reach no further than its own.

use super::View;
use crate::token::name_of_owner;
use crate::{Error, Token, TokenAuthority, TokenChange, TokenPage, Viewer};

impl Viewer {
    /// The name of a new token of this viewer: with an ending where the viewer is bound to an
    /// owner, because a name that is taken would tell of the tokens of other owners.
    pub fn name_of_token(&self, name: &str) -> String {
        match self.reach.owner() {
            Some(owner) => name_of_owner(name, owner.as_str()),
            None => name.to_owned(),
        }
    }
}

impl View<'_> {
    /// One page of the tokens that the viewer manages; see [`Store::tokens`](crate::Store::tokens).
    /// Its owner is that of the viewer.
    pub async fn tokens(&self, page: TokenPage) -> Result<Vec<Token>, Error> {
        let owner = self.viewer.reach.owner().map(ToString::to_string);
        self.store.tokens(&TokenPage { owner, ..page }).await
    }

    /// Changes a token on behalf of the viewer; see
    /// [`Store::change_token`](crate::Store::change_token). A new token of a viewer that is bound
    /// to an owner gets this owner, and a name of its own.
    pub async fn change_token(&self, mut change: TokenChange) -> Result<Token, Error> {
        if let (TokenChange::Create(token), Some(owner)) = (&mut change, self.viewer.reach.owner())
        {
            token.owner.get_or_insert_with(|| owner.to_string());
            token.name = self.viewer.name_of_token(&token.name);
        }
        let authority = match self.viewer.token {
            Some((id, secret)) => TokenAuthority::Token { id, secret },
            None => TokenAuthority::NoToken,
        };
        let change = TokenChange::OnBehalf { authority, change: Box::new(change) };
        self.store.change_token(change).await
    }
}
