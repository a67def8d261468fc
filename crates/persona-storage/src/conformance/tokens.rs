//! Cases: access tokens: found by their secrets, ended for every process at once.

use std::sync::Arc;

use persona_model::{Clock, Timestamp};
use uuid::Uuid;

use super::TestClock;
use super::steps::Subject;
use crate::{
    Error, TOKEN_USE_EVERY, Token, TokenChange, TokenError, TokenHash, TokenLook, TokenScope,
    TokenState,
};

fn hash(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

fn token(number: u8, name: &str, now: Timestamp) -> Token {
    Token {
        id: Uuid::from_u128(number.into()),
        name: name.into(),
        hash: hash(number),
        previous: None,
        scope: TokenScope::ALL[usize::from(number) % 3],
        act_as: number.is_multiple_of(2),
        owner: number.is_multiple_of(2).then(|| "ada".into()),
        shared: number.is_multiple_of(2),
        created_at: now,
        expires_at: number.is_multiple_of(2).then(|| Timestamp::from_micros(i64::MAX)),
        revoked_at: None,
        used_at: None,
    }
}

async fn create(store: &Subject, token: &Token) {
    let kept = store.change_token(TokenChange::Create(token.clone())).await.expect("created");
    assert_eq!(&kept, token);
}

async fn look(store: &Subject, number: u8) -> TokenLook {
    let look = store.token(Some(&hash(number))).await.expect("readable");
    // If the store can answer without waiting, the answer is the same.
    let at_once = store.token_at_once(Some(&hash(number)));
    assert!(at_once.is_none_or(|other| other.expect("readable") == look));
    look
}

fn known(token: &Token) -> TokenLook {
    TokenLook::Known(Arc::new(token.clone()))
}

async fn refused(store: &Subject, change: TokenChange) -> TokenError {
    match store.change_token(change).await {
        Err(Error::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub async fn a_token_is_found_by_its_secret_and_by_no_other(store: &Subject, clock: &TestClock) {
    assert_eq!(store.token(None).await.expect("readable"), TokenLook::NoneKept);
    assert_eq!(look(store, 1).await, TokenLook::NoneKept);
    let [one, two, three] =
        [(1, "b"), (2, "a"), (3, "c")].map(|(number, name)| token(number, name, clock.now()));
    for token in [&one, &two, &three] {
        create(store, token).await;
    }
    for token in [&one, &two, &three, &one] {
        assert_eq!(look(store, token.hash.as_bytes()[0]).await, known(token));
    }
    assert_eq!(look(store, 4).await, TokenLook::Unknown);
    assert_eq!(store.token(None).await.expect("readable"), TokenLook::Unknown);
    assert_eq!(store.all_tokens().await.expect("readable"), [two, one, three]);
}

pub async fn a_token_that_is_made_twice_is_one_and_its_name_is_taken(
    store: &Subject,
    clock: &TestClock,
) {
    let first = token(1, "ci", clock.now());
    create(store, &first).await;
    create(store, &first).await;
    let same_name = Token { name: "ci".into(), ..token(2, "", clock.now()) };
    assert_eq!(refused(store, TokenChange::Create(same_name)).await, TokenError::NameTaken);
    let unknown = TokenChange::Revoke { which: "cj".into(), at: clock.now() };
    assert_eq!(refused(store, unknown).await, TokenError::Unknown);
    assert_eq!(store.all_tokens().await.expect("readable"), [first]);
}

pub async fn a_revoked_token_has_ended_when_its_revocation_is_answered(
    store: &Subject,
    clock: &TestClock,
) {
    let first = token(1, "ci", clock.now());
    create(store, &first).await;
    assert_eq!(look(store, 1).await, known(&first));
    clock.advance_micros(1);
    let revoked = Token { revoked_at: Some(clock.now()), ..first };
    // Revoked first by name, and later again by identity, when it has ended already.
    for which in ["ci", &Uuid::from_u128(1).to_string()] {
        let change = TokenChange::Revoke { which: which.into(), at: clock.now() };
        assert_eq!(store.change_token(change).await.expect("revoked"), revoked);
        assert_eq!(look(store, 1).await, known(&revoked));
        clock.advance_micros(1);
    }
    assert_eq!(revoked.state_of(&hash(1), clock.now()), TokenState::Revoked);
    let rotation = TokenChange::Rotate {
        which: "ci".into(),
        hash: hash(9),
        previous_until: clock.now(),
        at: clock.now(),
    };
    assert_eq!(refused(store, rotation).await, TokenError::Ended);
}

pub async fn a_rotated_token_has_two_secrets_and_a_deleted_one_is_gone(
    store: &Subject,
    clock: &TestClock,
) {
    let first = token(1, "ci", clock.now());
    create(store, &first).await;
    assert_eq!(look(store, 1).await, known(&first));
    let until = Timestamp::from_micros(clock.now().as_micros() + 60_000_000);
    let change = TokenChange::Rotate {
        which: "ci".into(),
        hash: hash(2),
        previous_until: until,
        at: clock.now(),
    };
    let rotated = Token { hash: hash(2), previous: Some((hash(1), until)), ..first };
    assert_eq!(store.change_token(change).await.expect("rotated"), rotated);
    for secret in [1, 2] {
        assert_eq!(look(store, secret).await, known(&rotated));
    }
    let change = TokenChange::Delete { which: "ci".into() };
    assert_eq!(store.change_token(change).await.expect("deleted"), rotated);
    for secret in [1, 2] {
        assert_eq!(look(store, secret).await, TokenLook::NoneKept);
    }
    assert_eq!(store.token(None).await.expect("readable"), TokenLook::NoneKept);
}

pub async fn the_use_of_a_token_is_noted_once_an_hour(store: &Subject, clock: &TestClock) {
    let first = token(1, "ci", clock.now());
    create(store, &first).await;
    let hour = i64::try_from(TOKEN_USE_EVERY.as_micros()).expect("it fits");
    let mut noted = None;
    for (step, is_due) in [(0, true), (hour - 1, false), (1, true), (-3 * hour, true)] {
        clock.jump_micros(step);
        let at = clock.now();
        assert_eq!(Token { used_at: noted, ..first.clone() }.use_is_due(at), is_due, "{step}");
        let change = TokenChange::Use { id: first.id, at };
        let kept = store.change_token(change).await.expect("noted");
        noted = if is_due { Some(at) } else { noted };
        assert_eq!(kept, Token { used_at: noted, ..first.clone() });
    }
    let tokens = store.all_tokens().await.expect("readable");
    assert_eq!(tokens, [Token { used_at: noted, ..first }]);
}

pub async fn of_several_exchanges_of_a_token_one_is_made(store: &Subject, clock: &TestClock) {
    let now = clock.now();
    let link = token(1, "link", now);
    create(store, &link).await;
    let until = Timestamp::from_micros(now.as_micros() + 1_000_000);
    let exchange = |number: u8, at| TokenChange::Exchange {
        id: link.id,
        from: link.hash,
        to: hash(number),
        name: format!("session-{number}"),
        until,
        at,
    };
    let (one, other) =
        tokio::join!(store.change_token(exchange(3, now)), store.change_token(exchange(4, now)));
    let (made, refused_one) = if one.is_ok() { (one, other) } else { (other, one) };
    let made = made.expect("one is made");
    assert!(matches!(refused_one, Err(Error::Token(TokenError::Unknown))), "{refused_one:?}");
    let number = if made.hash == hash(3) { 3 } else { 4 };
    let (name, expires_at) = (format!("session-{number}"), Some(until));
    assert_eq!(made, Token { hash: hash(number), name, expires_at, ..link.clone() });
    assert_eq!(look(store, 1).await, TokenLook::Unknown, "the secret of the link is gone");
    assert_eq!(look(store, number).await, known(&made));
    // The answer to a request can have been lost: it is given once more.
    let again = store.change_token(exchange(number, now)).await;
    assert_eq!(again.expect("made before"), made);
    let ended = token(5, "ended", now);
    create(store, &ended).await;
    let revoke = TokenChange::Revoke { which: "ended".into(), at: now };
    store.change_token(revoke).await.expect("revoked");
    let late = TokenChange::Exchange {
        id: ended.id,
        from: ended.hash,
        to: hash(6),
        name: "late".into(),
        until,
        at: now,
    };
    assert_eq!(refused(store, late).await, TokenError::Ended);
}
