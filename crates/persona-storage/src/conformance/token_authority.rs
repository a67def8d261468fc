//! Cases: tokens that are managed on behalf of a client: none reaches further than its own.

use persona_model::{Clock, Timestamp};
use uuid::Uuid;

use super::TestClock;
use super::steps::Subject;
use crate::{
    Error, GuardedStore, TOKENS_OF_OWNER_MAX, Token, TokenAuthority, TokenChange, TokenError,
    TokenHash, TokenPage, TokenScope, Viewer,
};

fn token(number: u8, name: &str, owner: Option<&str>, now: Timestamp) -> Token {
    Token {
        id: Uuid::from_u128(number.into()),
        name: name.into(),
        hash: TokenHash::from_bytes([number; 32]),
        previous: None,
        scope: TokenScope::Admin,
        act_as: false,
        owner: owner.map(str::to_owned),
        shared: false,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        used_at: None,
    }
}

async fn create(store: &Subject, token: &Token) {
    store.change_token(TokenChange::Create(token.clone())).await.expect("created");
}

/// A change on behalf of the token with this number, or of none.
fn on_behalf(number: Option<u8>, change: TokenChange) -> TokenChange {
    if let Some(number) = number {
        return with_secret(number, number, change);
    }
    TokenChange::OnBehalf { authority: TokenAuthority::NoToken, change: Box::new(change) }
}

/// A change on behalf of a client with this secret of the token with this number.
fn with_secret(number: u8, secret: u8, change: TokenChange) -> TokenChange {
    let secret = TokenHash::from_bytes([secret; 32]);
    let authority = TokenAuthority::Token { id: Uuid::from_u128(number.into()), secret };
    TokenChange::OnBehalf { authority, change: Box::new(change) }
}

async fn refused(store: &Subject, change: TokenChange) -> TokenError {
    match store.change_token(change).await {
        Err(Error::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn revoke(which: &str, at: Timestamp) -> TokenChange {
    TokenChange::Revoke { which: which.into(), at }
}

fn rotate(which: &str, number: u8, at: Timestamp) -> TokenChange {
    let hash = TokenHash::from_bytes([number; 32]);
    TokenChange::Rotate { which: which.into(), hash, previous_until: at, at }
}

async fn names(store: &Subject) -> Vec<String> {
    let tokens = store.all_tokens().await.expect("readable");
    tokens.into_iter().map(|token| token.name).collect()
}

pub async fn a_client_without_a_token_makes_the_first_one_and_no_other(
    store: &Subject,
    clock: &TestClock,
) {
    let make = |number: u8, name: &str| {
        on_behalf(None, TokenChange::Create(token(number, name, None, clock.now())))
    };
    let (one, other) =
        tokio::join!(store.change_token(make(1, "a")), store.change_token(make(2, "b")));
    let count = [&one, &other].into_iter().filter(|told| told.is_ok()).count();
    assert_eq!(count, names(store).await.len(), "what is answered is what there is");
    assert!(count <= 1, "{one:?} {other:?}");
    if count == 0 {
        // Each saw the other one, and both gave way.
        store.change_token(make(3, "c")).await.expect("the first");
    }
    let number = if one.is_ok() { 1 } else { 3 - u8::from(other.is_ok()) };
    let name = ["", "a", "b", "c"][usize::from(number)];
    store.change_token(make(number, name)).await.expect("the same request once more");
    assert_eq!(refused(store, make(4, "d")).await, TokenError::NotFirst);
    let end = on_behalf(None, revoke(name, clock.now()));
    assert_eq!(refused(store, end).await, TokenError::NotFirst);
    assert_eq!(names(store).await, [name]);
}

pub async fn a_token_makes_none_that_permits_what_it_does_not(store: &Subject, clock: &TestClock) {
    let now = clock.now();
    create(store, &token(1, "all", None, now)).await;
    create(store, &token(2, "ada", Some("ada"), now)).await;
    let wanted = token(9, "new", Some("ada"), now);
    for (own, wanted, error) in [
        (1, Token { act_as: true, ..wanted.clone() }, TokenError::Exceeds),
        (2, Token { act_as: true, ..wanted.clone() }, TokenError::Exceeds),
        (2, Token { shared: true, ..wanted.clone() }, TokenError::Exceeds),
        (2, Token { owner: None, ..wanted.clone() }, TokenError::OtherOwner),
        (2, Token { owner: Some("bea".into()), ..wanted.clone() }, TokenError::OtherOwner),
        (8, wanted.clone(), TokenError::AuthorityEnded),
    ] {
        let change = on_behalf(Some(own), TokenChange::Create(wanted));
        assert_eq!(refused(store, change.clone()).await, error, "{change:?}");
    }
    assert_eq!(names(store).await, ["ada", "all"], "nothing was made");
    let change = on_behalf(Some(2), TokenChange::Create(wanted.clone()));
    assert_eq!(store.change_token(change).await.expect("made"), wanted);
}

pub async fn a_token_manages_none_that_reaches_further(store: &Subject, clock: &TestClock) {
    let now = clock.now();
    create(store, &token(1, "ada", Some("ada"), now)).await;
    create(store, &token(2, "bea", Some("bea"), now)).await;
    create(store, &token(3, "all", None, now)).await;
    let reader = Token { shared: true, ..token(4, "ada-shared", Some("ada"), now) };
    create(store, &reader).await;
    create(store, &token(5, "studio-session-5", Some("ada"), now)).await;
    let before = store.all_tokens().await.expect("readable");
    for which in ["bea", "all", "none", &Uuid::from_u128(2).to_string()] {
        for change in [revoke(which, now), rotate(which, 9, now)] {
            let change = on_behalf(Some(1), change);
            assert_eq!(refused(store, change).await, TokenError::Unknown, "{which}");
        }
    }
    for (which, error) in
        [("ada-shared", TokenError::Exceeds), ("studio-session-5", TokenError::OfPage)]
    {
        let change = on_behalf(Some(1), rotate(which, 9, now));
        assert_eq!(refused(store, change).await, error, "its secret would be a larger right");
    }
    assert_eq!(store.all_tokens().await.expect("readable"), before, "nothing was changed");
    for which in ["ada-shared", "ada"] {
        let ended = store.change_token(on_behalf(Some(1), revoke(which, now))).await;
        assert_eq!(ended.expect("ended").revoked_at, Some(now), "taking away is permitted");
    }
}

pub async fn a_token_that_has_ended_makes_no_other(store: &Subject, clock: &TestClock) {
    let now = clock.now();
    create(store, &token(1, "ci", None, now)).await;
    let expired = Token { expires_at: Some(now), ..token(2, "old", None, now) };
    create(store, &expired).await;
    create(store, &token(3, "other", None, now)).await;
    store.change_token(on_behalf(Some(1), revoke("ci", now))).await.expect("it ends itself");
    store.change_token(on_behalf(Some(1), revoke("ci", now))).await.expect("once more");
    for own in [1, 2] {
        for change in [
            TokenChange::Create(token(9, "new", None, now)),
            rotate("other", 9, now),
            revoke("other", now),
        ] {
            let change = on_behalf(Some(own), change);
            assert_eq!(refused(store, change).await, TokenError::AuthorityEnded);
        }
    }
    assert_eq!(names(store).await, ["ci", "old", "other"]);
}

pub async fn a_secret_that_was_replaced_changes_no_token(store: &Subject, clock: &TestClock) {
    let now = clock.now();
    create(store, &token(1, "ci", None, now)).await;
    create(store, &token(3, "other", None, now)).await;
    let until = Timestamp::from_micros(i64::MAX);
    let hash = TokenHash::from_bytes([2; 32]);
    let rotation = TokenChange::Rotate { which: "ci".into(), hash, previous_until: until, at: now };
    let rotated = store.change_token(with_secret(1, 1, rotation.clone())).await.expect("rotated");
    assert_eq!(rotated.previous, Some((TokenHash::from_bytes([1; 32]), until)));
    // The same request once more, because its answer was lost.
    let again = store.change_token(with_secret(1, 1, rotation)).await;
    assert_eq!(again.expect("rotated before"), rotated);
    let before = store.all_tokens().await.expect("readable");
    for change in [
        TokenChange::Create(token(9, "new", None, now)),
        rotate("ci", 9, now),
        rotate("other", 9, now),
        revoke("other", now),
        revoke("ci", now),
    ] {
        let change = with_secret(1, 1, change);
        assert_eq!(refused(store, change).await, TokenError::AuthorityReplaced);
    }
    assert_eq!(store.all_tokens().await.expect("readable"), before, "nothing was changed");
    let made = with_secret(1, 2, TokenChange::Create(token(9, "new", None, now)));
    store.change_token(made).await.expect("the newest secret counts");
}

pub async fn an_owner_with_a_used_up_share_gets_a_token_in_place_of_an_ended_one(
    store: &Subject,
    clock: &TestClock,
) {
    let now = clock.now();
    let until = Timestamp::from_micros(now.as_micros() + 1_000_000);
    let ada = |number: u64, expires_at| {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let named = token(1, &format!("t{number}"), Some("ada"), now);
        let (id, hash) = (Uuid::from_u128(number.into()), TokenHash::from_bytes(bytes));
        Token { id, hash, expires_at, ..named }
    };
    let creation = |number: u64, own: &Token| {
        let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
        let change = Box::new(TokenChange::Create(ada(number, None)));
        TokenChange::OnBehalf { authority, change }
    };
    let own = ada(1, None);
    let operator = Token { id: Uuid::max(), ..token(9, "operator", None, now) };
    create(store, &operator).await;
    // The last two end, the one before the last first.
    for number in 1..=TOKENS_OF_OWNER_MAX {
        let ends = (number == TOKENS_OF_OWNER_MAX).then_some(until);
        create(store, &ada(number, ends)).await;
    }
    assert_eq!(refused(store, creation(5_000, &own)).await, TokenError::TooManyOfOwner);
    let revoked = format!("t{}", TOKENS_OF_OWNER_MAX - 1);
    store.change_token(revoke(&revoked, clock.now())).await.expect("revoked");
    clock.advance_micros(2_000_000);
    let at = clock.now();
    let late = |number: u64| Token { created_at: at, ..ada(number, None) };
    let creation = |number: u64, own: &Token| {
        let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
        let change = Box::new(TokenChange::Create(late(number)));
        TokenChange::OnBehalf { authority, change }
    };
    let ended = [revoked, format!("t{TOKENS_OF_OWNER_MAX}")];
    for (number, gone) in (6_000..).zip(&ended) {
        assert!(names(store).await.contains(gone));
        for _ in 0..2 {
            let made = store.change_token(creation(number, &own)).await.expect("made");
            assert_eq!(made, late(number), "also where its answer was lost");
        }
        assert!(!names(store).await.contains(gone), "{gone}");
    }
    assert_eq!(refused(store, creation(7_000, &own)).await, TokenError::TooManyOfOwner);
    store.change_token(creation(8_000, &operator)).await.expect("the operator makes more");
    let all = names(store).await.len() as u64;
    assert_eq!(all, TOKENS_OF_OWNER_MAX + 2);
}

pub async fn tokens_are_listed_page_by_page_and_those_of_an_owner_alone(
    store: &Subject,
    clock: &TestClock,
) {
    for (number, name, owner) in [
        (1, "d", None),
        (2, "b", Some("ada")),
        (3, "a", Some("bea")),
        (4, "B", Some("ada")),
        (5, "c", Some("ada")),
    ] {
        create(store, &token(number, name, owner, clock.now())).await;
    }
    let page = async |viewer: &Viewer, after: Option<&str>, limit| {
        let guarded = GuardedStore::new(store.clone());
        let page = TokenPage { owner: None, after: after.map(str::to_owned), limit };
        let tokens = guarded.view(viewer).tokens(page).await.expect("readable");
        tokens.into_iter().map(|token| token.name).collect::<Vec<_>>()
    };
    let everything = Viewer::trusted();
    assert_eq!(page(&everything, None, 2).await, ["B", "a"]);
    assert_eq!(page(&everything, Some("a"), 2).await, ["b", "c"]);
    assert_eq!(page(&everything, Some("c"), 2).await, ["d"]);
    let ada = token(2, "b", Some("ada"), clock.now());
    let ada = Viewer::of(&ada, &ada.hash).expect("an owner");
    assert_eq!(page(&ada, None, 2).await, ["B", "b"]);
    assert_eq!(page(&ada, Some("b"), 2).await, ["c"]);
}
