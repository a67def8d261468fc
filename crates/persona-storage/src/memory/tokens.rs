//! Tokens, in a list.

use std::sync::Arc;

use crate::token::{Decision, Kept, decide};
use crate::{Token, TokenChange, TokenError, TokenHash, TokenLook, TokenPage};

pub(super) fn look(tokens: &[Token], hash: Option<&TokenHash>) -> TokenLook {
    let has = |token: &&Token, hash: &TokenHash| {
        token.hash.is(hash) || token.previous.is_some_and(|(previous, _)| previous.is(hash))
    };
    match hash.and_then(|hash| tokens.iter().find(|token| has(token, hash))) {
        Some(token) => TokenLook::Known(Arc::new(token.clone())),
        None if tokens.is_empty() => TokenLook::NoneKept,
        None => TokenLook::Unknown,
    }
}

/// One page of the tokens, in the order of their names.
pub(super) fn page(tokens: &[Token], page: &TokenPage) -> Vec<Token> {
    let is_of_owner = |token: &&Token| page.owner.is_none() || token.owner == page.owner;
    let is_behind = |token: &&Token| page.after.as_ref().is_none_or(|after| token.name > *after);
    let mut found: Vec<Token> =
        tokens.iter().filter(is_of_owner).filter(is_behind).cloned().collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found.truncate(page.limit);
    found
}

pub(super) fn change(tokens: &mut Vec<Token>, change: &TokenChange) -> Result<Token, TokenError> {
    let (name, id) = change.subject();
    let place = tokens.iter().position(|token| Some(&*token.name) == name || Some(token.id) == id);
    let found = place.map(|place| tokens[place].clone());
    let authority = change.authority().map(|(id, _)| id);
    let own = tokens.iter().find(|token| Some(token.id) == authority);
    let decision = decide(change, found, own, &kept(tokens, change))?;
    match (&decision, place) {
        (Decision::Insert(token), _) => tokens.push(token.clone()),
        (Decision::Replace { token, ended }, _) => {
            tokens.retain(|kept| kept.id != *ended);
            tokens.push(token.clone());
        }
        (Decision::Update(token), Some(place)) => tokens[place] = token.clone(),
        (Decision::Remove(_), Some(place)) => drop(tokens.remove(place)),
        (Decision::Unchanged(_) | Decision::Update(_) | Decision::Remove(_), _) => {}
    }
    Ok(decision.into_token())
}

fn kept(tokens: &[Token], change: &TokenChange) -> Kept {
    let all = tokens.len() as u64;
    let Some((owner, now)) = change.share() else { return Kept { all, ..Kept::default() } };
    let is_of_owner = |token: &&Token| token.owner.as_deref() == Some(owner);
    let of_owner = tokens.iter().filter(is_of_owner).count() as u64;
    let ended = tokens.iter().filter(is_of_owner).filter(|token| token.ended_at(now).is_some());
    let ended = ended.min_by_key(|token| (token.ended_at(now), token.name.clone())).cloned();
    Kept { all, of_owner, ended }
}
