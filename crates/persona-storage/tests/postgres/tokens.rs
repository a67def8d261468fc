//! Changes of tokens beside each other, in an order that a test makes.

use persona_model::Timestamp;
use persona_storage::{
    Error, Token, TokenAuthority, TokenChange, TokenError, TokenHash, TokenScope,
};
use persona_test_support::wait_until;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};

use crate::shared_database::{Database, LONG, open};

fn token(number: u8, name: &str) -> Token {
    let (hash, now) = (TokenHash::from_bytes([number; 32]), Timestamp::from_micros(0));
    Token::new(name.into(), hash, TokenScope::Admin, now).expect("random numbers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_no_other_while_its_revocation_is_being_committed() {
    let revoke = "UPDATE persona_store.tokens SET revoked_at = 0 WHERE name = 'own'";
    makes_none_beside(revoke, TokenError::AuthorityEnded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_makes_no_token_while_its_rotation_is_being_committed() {
    let rotate = "UPDATE persona_store.tokens SET previous_hash = hash, previous_until = 0,
        hash = sha256(hash) WHERE name = 'own'";
    makes_none_beside(rotate, TokenError::AuthorityReplaced).await;
}

/// A token is made on behalf of another one while this change of the other one is committed; it is
/// refused for this reason.
async fn makes_none_beside(change: &str, reason: TokenError) {
    let database = Database::alone();
    let store = database.store();
    let own = token(1, "own");
    store.change_token(TokenChange::Create(own.clone())).await.expect("created");
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    blocker.batch_execute(&format!("BEGIN; {change}")).await.expect("changed");
    let making = tokio::spawn({
        let change = Box::new(TokenChange::Create(token(2, "new")));
        let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
        async move { store.change_token(TokenChange::OnBehalf { authority, change }).await }
    });
    let waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted";
    wait_until("it waits for the change", LONG, || {
        assert!(!making.is_finished(), "it overtook the change");
        database.sql(waiting) == "1"
    })
    .await;
    blocker.batch_execute("COMMIT").await.expect("committed");
    let made = making.await.expect("no panic");
    assert!(matches!(made, Err(Error::Token(error)) if error == reason), "{made:?}");
    assert_eq!(database.sql("SELECT string_agg(name, ' ') FROM persona_store.tokens"), "own");
}

/// A change on behalf of a client that has no token, which makes the first one.
fn first(number: u8, name: &str) -> TokenChange {
    let change = Box::new(TokenChange::Create(token(number, name)));
    TokenChange::OnBehalf { authority: TokenAuthority::NoToken, change }
}

/// A database in which another process makes a token at the same time as the one with the name
/// "own" is made.
fn database_with_another() -> Database {
    let database = Database::new();
    database.sql(
        "CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.name = 'own' THEN
                 NEW.id = gen_random_uuid(); NEW.name = 'other'; NEW.hash = sha256(NEW.hash);
                 INSERT INTO persona_store.tokens SELECT NEW.*;
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER another AFTER INSERT ON persona_store.tokens FOR EACH ROW EXECUTE FUNCTION another()",
    );
    database
}

fn names(database: &Database) -> String {
    database.sql("SELECT coalesce(string_agg(name, ' '), '') FROM persona_store.tokens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_token_that_is_refused_does_not_stay_although_its_answer_was_lost() {
    for is_lost in [false, true] {
        let database = database_with_another();
        let wire = Wire::to(database.cluster.port());
        let store = open(&wire.url(&database.name));
        if is_lost {
            // The statement is sent again, and finds its own row.
            let unheard = Trap::at(Sender::Client, b'S', Fault::After);
            wire.arm(unheard.of("ON CONFLICT DO NOTHING"));
        }
        let made = store.change_token(first(1, "own")).await;
        assert_eq!(wire.disarm(), u64::from(is_lost));
        assert!(matches!(made, Err(Error::Token(TokenError::NotFirst))), "{is_lost}: {made:?}");
        assert_eq!(names(&database), "other", "{is_lost}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_token_does_not_stay_where_others_cannot_be_looked_for() {
    let database = Database::new();
    let wire = Wire::to(database.cluster.port());
    let store = open(&wire.url(&database.name));
    wire.arm(Trap::at(Sender::Client, b'P', Fault::Fails("XX000")).of("WHERE id <> $1"));
    let made = store.change_token(first(1, "own")).await;
    assert_eq!(wire.disarm(), 1);
    assert!(matches!(made, Err(Error::Backend(_))), "{made:?}");
    assert_eq!(names(&database), "");
    store.change_token(first(2, "own")).await.expect("it is the first");
    store.close().await;
}
