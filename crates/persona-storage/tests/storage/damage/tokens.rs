//! Damaged tokens: they let no request in and do not count, they can be ended, and they stand in
//! the way of no other one.

use persona_model::Timestamp;
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::{
    Error, Store, Token, TokenAuthority, TokenChange, TokenError, TokenHash, TokenScope,
};

use crate::files::{Folder, check, open, settings};

const AT: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn hash(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

async fn create(store: &SqliteStore, name: &str, number: u8, owner: Option<&str>) -> Token {
    let token = Token::new(name.into(), hash(number), TokenScope::Admin, AT);
    let token = Token { owner: owner.map(str::to_owned), ..token.expect("random numbers") };
    store.change_token(TokenChange::Create(token)).await.expect("created")
}

/// A database with three tokens, of which the one named `damaged` does not fit its checksum.
async fn damaged() -> (Folder, Token) {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a file of ours");
    let store = open(&folder.database());
    let first = create(&store, "a", 1, None).await;
    create(&store, "damaged", 2, Some("ada")).await;
    create(&store, "z", 3, Some("ada")).await;
    store.close().await;
    folder.change("UPDATE tokens SET shared = 1 WHERE name = 'damaged'");
    (folder, first)
}

async fn names(store: &SqliteStore) -> Vec<String> {
    let tokens = store.all_tokens().await.expect("readable");
    tokens.into_iter().map(|token| token.name).collect()
}

fn revoke(which: &str) -> TokenChange {
    TokenChange::Revoke { which: which.into(), at: AT }
}

fn delete(which: &str) -> TokenChange {
    TokenChange::Delete { which: which.into() }
}

#[tokio::test]
async fn a_damaged_token_lets_nothing_in_does_not_count_and_is_in_no_list() {
    let (folder, _) = damaged().await;
    let store = open(&folder.database());
    assert!(matches!(store.token(Some(&hash(2))).await, Err(Error::Damaged(_))));
    assert_eq!(names(&store).await, ["a", "z"]);
    // The page is full although one of its rows is damaged.
    let page = persona_storage::TokenPage { owner: None, after: None, limit: 2 };
    assert_eq!(store.tokens(&page).await.expect("readable").len(), 2);
    store.close().await;
    let report = initialise(&settings(&folder.database())).expect("it starts");
    assert_eq!((report.tokens, report.tokens_kept), (2, 3));
    let report = check(&folder.database()).expect("readable");
    assert!(!report.is_sound(), "{report:?}");
    // The control: as it was, it counts.
    folder.change("UPDATE tokens SET shared = 0 WHERE name = 'damaged'");
    assert_eq!(names(&open(&folder.database())).await, ["a", "damaged", "z"]);
    let report = initialise(&settings(&folder.database())).expect("it starts");
    assert_eq!((report.tokens, report.tokens_kept), (3, 3));
}

#[tokio::test]
async fn a_damaged_token_is_ended_by_name_and_by_identity() {
    for (by_name, act) in [
        (true, revoke as fn(&str) -> TokenChange),
        (false, revoke),
        (true, delete),
        (false, delete),
    ] {
        let (folder, first) = damaged().await;
        let id = rusqlite::Connection::open(folder.database())
            .and_then(|file| {
                let sql = "SELECT lower(hex(id)) FROM tokens WHERE name = 'damaged'";
                file.query_row(sql, [], |row| row.get::<_, String>(0))
            })
            .expect("an identity");
        let store = open(&folder.database());
        let change = act(if by_name { "damaged" } else { &id });
        let ended = store.change_token(change.clone()).await.expect("ended");
        assert_eq!(ended.name, "damaged");
        assert_eq!(ended.revoked_at.is_some(), matches!(change, TokenChange::Revoke { .. }));
        let again = store.change_token(change).await;
        assert!(matches!(again, Err(Error::Token(TokenError::Unknown))), "{again:?}");
        // The others are managed as before.
        store.change_token(revoke(&first.name)).await.expect("revoked");
        create(&store, "damaged", 4, None).await;
        assert_eq!(names(&store).await, ["a", "damaged", "z"]);
        store.close().await;
        assert!(check(&folder.database()).expect("readable").is_sound());
    }
}

#[tokio::test]
async fn a_damaged_token_is_not_changed_otherwise_and_its_name_stays_taken() {
    let (folder, _) = damaged().await;
    let store = open(&folder.database());
    let rotation =
        TokenChange::Rotate { which: "damaged".into(), hash: hash(9), previous_until: AT, at: AT };
    assert!(matches!(store.change_token(rotation).await, Err(Error::Damaged(_))));
    let same = Token::new("damaged".into(), hash(2), TokenScope::Read, AT).expect("random numbers");
    let made = store.change_token(TokenChange::Create(same)).await;
    assert!(matches!(made, Err(Error::Token(TokenError::NameTaken))), "{made:?}");
    create(&store, "b", 5, None).await;
    assert_eq!(names(&store).await, ["a", "b", "z"]);
}

#[tokio::test]
async fn a_client_with_an_owner_ends_no_token_of_which_the_owner_is_not_known() {
    let (folder, first) = damaged().await;
    let store = open(&folder.database());
    let bound = create(&store, "bound", 6, Some("ada")).await;
    let by = |own: &Token, change| {
        let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
        store.change_token(TokenChange::OnBehalf { authority, change: Box::new(change) })
    };
    for act in [revoke, delete] {
        let refused = by(&bound, act("damaged")).await;
        assert!(matches!(refused, Err(Error::Token(TokenError::Unknown))), "{refused:?}");
    }
    by(&bound, revoke("z")).await.expect("the control: a token of its owner");
    let ended = by(&first, revoke("damaged")).await.expect("ended");
    assert_eq!(ended.name, "damaged");
}

#[tokio::test]
async fn a_client_with_a_damaged_token_changes_no_other() {
    let (folder, first) = damaged().await;
    folder.change("UPDATE tokens SET act_as = 1 WHERE name = 'a'");
    let store = open(&folder.database());
    let authority = TokenAuthority::Token { id: first.id, secret: first.hash };
    for change in [revoke("z"), revoke("damaged"), revoke("a")] {
        let change = TokenChange::OnBehalf { authority, change: Box::new(change) };
        let refused = store.change_token(change).await;
        assert!(matches!(refused, Err(Error::Token(TokenError::AuthorityEnded))), "{refused:?}");
    }
}
