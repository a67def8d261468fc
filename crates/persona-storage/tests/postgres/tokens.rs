//! Changes of tokens beside each other, in an order that a test makes.

use persona_model::Timestamp;
use persona_storage::{
    Error, Token, TokenAuthority, TokenChange, TokenError, TokenHash, TokenScope,
};
use persona_test_support::wait_until;

use crate::shared_database::{Database, LONG};

fn token(number: u8, name: &str) -> Token {
    let (hash, now) = (TokenHash::from_bytes([number; 32]), Timestamp::from_micros(0));
    Token::new(name.into(), hash, TokenScope::Admin, now).expect("random numbers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_no_other_while_its_revocation_is_being_committed() {
    let database = Database::alone();
    let store = database.store();
    let own = token(1, "own");
    store.change_token(TokenChange::Create(own.clone())).await.expect("created");
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    let revoke = "BEGIN; UPDATE persona_store.tokens SET revoked_at = 0 WHERE name = 'own'";
    blocker.batch_execute(revoke).await.expect("revoked");
    let making = tokio::spawn({
        let change = Box::new(TokenChange::Create(token(2, "new")));
        let authority = TokenAuthority::Token(own.id);
        async move { store.change_token(TokenChange::OnBehalf { authority, change }).await }
    });
    let waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted";
    wait_until("it waits for the revocation", LONG, || {
        assert!(!making.is_finished(), "it overtook the revocation");
        database.sql(waiting) == "1"
    })
    .await;
    blocker.batch_execute("COMMIT").await.expect("committed");
    let made = making.await.expect("no panic");
    assert!(matches!(made, Err(Error::Token(TokenError::AuthorityEnded))), "{made:?}");
    assert_eq!(database.sql("SELECT string_agg(name, ' ') FROM persona_store.tokens"), "own");
}
