//! Access tokens in moves: they are moved with the personas, and are never mixed with the tokens of
//! another database.

use persona_model::Timestamp;
use persona_storage::postgres;
use persona_storage::transfer::{Plan, TransferError};
use persona_storage::{Store, Token, TokenChange, TokenHash, TokenScope};
use persona_test_support::Cluster;

use crate::files::{self, Folder};
use crate::shared_database;
use crate::transfers::{go, name_of, plan};

const NOW: Timestamp = Timestamp::from_micros(1_795_521_600_000_000);

fn token(name: &str, number: u8) -> Token {
    let hash = TokenHash::from_bytes([number; 32]);
    Token::new(name.into(), hash, TokenScope::Write, NOW).expect("random numbers")
}

/// A file with a persona, and a token of each kind: live with another secret, and ended.
async fn source() -> Folder {
    let folder = Folder::new();
    files::fill(&folder.database(), 1).await;
    let store = files::open(&folder.database());
    let rotated = token("rotated", 1);
    let later = Timestamp::from_micros(NOW.as_micros() + 1);
    let owned = Token {
        act_as: true,
        owner: Some("ada".into()),
        shared: true,
        expires_at: Some(later),
        ..token("owned", 2)
    };
    for change in [
        TokenChange::Create(rotated),
        TokenChange::Create(owned.clone()),
        TokenChange::Rotate {
            which: "rotated".into(),
            hash: TokenHash::from_bytes([3; 32]),
            previous_until: later,
            at: NOW,
        },
        TokenChange::Use { id: owned.id, at: NOW },
        TokenChange::Revoke { which: "owned".into(), at: NOW },
    ] {
        store.change_token(change).await.expect("changed");
    }
    store.close().await;
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_go_along_there_and_back_while_the_source_is_in_use_and_while_it_is_not() {
    for live in [false, true] {
        let folder = source().await;
        let store = files::open(&folder.database());
        let before = store.all_tokens().await.expect("readable");
        assert_eq!(before.len(), 2);
        store.close().await;
        drop(store);
        let cluster = Cluster::shared();
        let url = cluster.url(&cluster.database());
        let (from, back) = (name_of(&folder.database()), folder.path("back.db"));
        go(&Plan { live, ..plan(&from, &url) }).expect("moved");
        let server = shared_database::open(&url);
        assert_eq!(server.all_tokens().await.expect("readable"), before, "live: {live}");
        server.close().await;
        drop(server);
        go(&Plan { live, ..plan(&url, &name_of(&back)) }).expect("moved back");
        let store = files::open(&back);
        assert_eq!(store.all_tokens().await.expect("readable"), before, "live: {live}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_tokens_of_its_own_keeps_them_and_gets_no_others() {
    let folder = source().await;
    let cluster = Cluster::shared();
    let url = cluster.url(&cluster.database());
    let own = token("own", 9);
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL")).expect("ready");
    let server = shared_database::open(&url);
    server.change_token(TokenChange::Create(own.clone())).await.expect("created");
    let from = name_of(&folder.database());
    // Without a persona the target would be taken over, and its token be replaced.
    let refused = go(&plan(&from, &url)).expect_err("refused");
    assert!(
        matches!(&refused, TransferError::OtherToken { name, .. } if name == "own"),
        "{refused}"
    );
    assert_eq!(server.all_tokens().await.expect("readable"), [own]);
}
