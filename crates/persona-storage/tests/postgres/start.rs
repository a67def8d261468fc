//! Databases that cannot be used are refused with the reason, by name, and stay as they were.

use std::sync::Arc;

use persona_storage::NoObserver;
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{
    DatabaseError, InitReport, Maintenance, PostgresStore, Settings, initialise,
};
use persona_storage::{Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;

fn settings(url: &str) -> Settings {
    Settings::parse(url).expect("a URL")
}

fn start(url: &str) -> Result<InitReport, DatabaseError> {
    initialise(&settings(url))
}

/// The error of a refused URL. Checks that it names the place and never the password, and has a
/// hint.
fn refused(url: &str) -> DatabaseError {
    let error = start(url).expect_err(url);
    assert!(error.hint().is_some() && !error.to_string().contains("secret"), "{error}");
    error
}

#[test]
fn an_empty_database_is_made_ready_once() {
    let cluster = Cluster::shared();
    let url = cluster.url(&cluster.database());
    let first = start(&url).expect("an empty database");
    assert_eq!(
        (first.created, first.migrated_from, first.schema_version, first.personas),
        (true, None, 10, 0)
    );
    assert_eq!((first.durability, first.feed_advanced), ("none", false), "fsync is off in tests");
    let second = start(&url).expect("a ready one");
    assert_eq!((second.created, second.migrated_from, second.feed_advanced), (false, None, false));
}

#[test]
fn inits_that_start_at_once_make_one_schema() {
    let cluster = Cluster::shared();
    let url = cluster.url(&cluster.database());
    let created = std::thread::scope(|scope| {
        let inits: Vec<_> =
            (0..6).map(|_| scope.spawn(|| start(&url).expect("made ready").created)).collect();
        inits
            .into_iter()
            .map(|init| init.join().expect("no panic"))
            .filter(|created| *created)
            .count()
    });
    assert_eq!(created, 1);
}

#[test]
fn a_server_that_is_not_there_a_missing_database_and_a_wrong_password_are_told_apart() {
    let cluster = Cluster::shared();
    let error = refused("postgres://ada:secret@127.0.0.1:1/personas");
    assert!(
        matches!(&error, DatabaseError::Unreachable { .. })
            && error.to_string().contains("127.0.0.1:1/personas"),
        "{error}"
    );
    assert!(error.is_temporary());
    let error = refused(&cluster.url("nowhere"));
    assert!(
        matches!(&error, DatabaseError::NoDatabase { database, .. } if database == "nowhere"),
        "{error}"
    );
    cluster.role("ada", "LOGIN PASSWORD 'other'");
    let error = refused(&format!("postgres://ada:secret@127.0.0.1:{}/postgres", cluster.port()));
    assert!(matches!(&error, DatabaseError::Refused { user, .. } if user == "ada"), "{error}");
}

#[test]
fn a_user_without_the_right_to_make_a_schema_is_told_which_right() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    cluster.role("guest", "LOGIN");
    let error = refused(&cluster.url(&database).replace("postgres@", "guest@"));
    assert!(matches!(&error, DatabaseError::NoRight { user, .. } if user == "guest"), "{error}");
    assert_eq!(
        cluster.sql(&database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'persona_store'"),
        "0"
    );
}

#[test]
fn schemas_of_others_and_of_newer_versions_are_left_as_they_were() {
    let cluster = Cluster::shared();
    let (foreign, other) = (cluster.database(), cluster.database());
    cluster.sql(&foreign, "CREATE SCHEMA persona_store");
    let error = refused(&cluster.url(&foreign));
    assert!(matches!(&error, DatabaseError::ForeignApplication { .. }), "{error}");
    start(&cluster.url(&other)).expect("an empty database");
    cluster.sql(&other, "UPDATE persona_store.about SET application = 'another'");
    assert!(matches!(refused(&cluster.url(&other)), DatabaseError::ForeignApplication { .. }));

    let newer = cluster.database();
    start(&cluster.url(&newer)).expect("an empty database");
    cluster.sql(&newer, "UPDATE persona_store.about SET schema_version = 99");
    let error = refused(&cluster.url(&newer));
    assert!(matches!(&error, DatabaseError::NewerSchema { found: 99, known: 10, .. }), "{error}");
    let older = cluster.database();
    let opened = PostgresStore::open(
        settings(&cluster.url(&older)),
        Arc::new(TestClock::default()),
        Arc::new(NoObserver),
    );
    assert!(matches!(
        opened.err().expect("refused"),
        DatabaseError::OlderSchema { found: 0, known: 10, .. }
    ));
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    let cluster = Cluster::shared();
    let latin = cluster.database();
    cluster.sql("postgres", &format!("DROP DATABASE {latin}"));
    cluster.sql("postgres", &format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"));
    let error = refused(&cluster.url(&latin));
    assert!(
        matches!(&error, DatabaseError::Encoding { encoding, .. } if encoding == "LATIN1"),
        "{error}"
    );
}

#[test]
fn a_standby_is_refused_and_of_two_hosts_the_primary_is_found() {
    let primary = Cluster::start(&[]);
    let database = primary.database();
    start(&primary.url(&database)).expect("an empty database");
    let standby = Cluster::standby_of(&primary);
    let error = refused(&standby.url(&database));
    assert!(matches!(&error, DatabaseError::Standby { .. }), "{error}");
    let both = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{database}",
        standby.port(),
        primary.port()
    );
    start(&both).expect("the primary is among them");
    let error = refused(&format!(
        "postgres://postgres@127.0.0.1:{0},127.0.0.1:{0}/{database}",
        standby.port()
    ));
    assert!(matches!(&error, DatabaseError::Standby { .. }), "{error}");
}

#[test]
fn a_certificate_is_checked_as_far_as_the_url_says() {
    let cluster = Cluster::with_tls();
    let ca = cluster.folder().join("ca.crt").display().to_string();
    let url = |host: &str, query: &str| {
        format!("postgres://tls@{host}:{}/postgres?{query}", cluster.port())
    };
    cluster.sql("postgres", "CREATE ROLE tls LOGIN SUPERUSER");
    start(&url("localhost", &format!("sslmode=verify-full&sslrootcert={ca}")))
        .expect("the right name and authority");
    start(&url("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")))
        .expect("the right authority");
    start(&url("127.0.0.1", "sslmode=require")).expect("nobody needs to prove anything");
    start(&url("127.0.0.1", "")).expect("encrypted where that is possible");
    for query in [format!("sslmode=verify-full&sslrootcert={ca}"), "sslmode=verify-full".into()] {
        let error = refused(&url("127.0.0.1", &query));
        assert!(
            matches!(
                &error,
                DatabaseError::NotTrusted { .. } | DatabaseError::NoAuthorities { .. }
            ),
            "{query}: {error}"
        );
    }
    let error = refused(&url("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem"));
    assert!(
        matches!(&error, DatabaseError::NoAuthorities { from, .. } if from == "/nowhere.pem"),
        "{error}"
    );
    let error = refused(&url("127.0.0.1", "sslmode=disable"));
    assert!(matches!(&error, DatabaseError::Refused { .. }), "{error}");
    let plain = Cluster::shared();
    let error = refused(&plain.url("postgres").replace("/postgres", "/postgres?sslmode=require"));
    assert!(matches!(&error, DatabaseError::NotTrusted { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_from_another_cluster_goes_on_with_its_feed() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let url = cluster.url(&database);
    let open = || {
        PostgresStore::open(settings(&url), Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens")
    };
    start(&url).expect("an empty database");
    let create = |number: u8| {
        write(Operation::Create { id: id(number), document: document(json!({ "name": "Ada" })) })
    };
    let before = open();
    before.write(create(1)).await.expect("created");
    before.close().await;
    // The database looks as if it was made in a cluster with much higher transaction numbers.
    cluster
        .sql(&database, "UPDATE persona_store.changes SET sequence = sequence + 1000000000000000");
    assert!(start(&url).expect("ready").feed_advanced);
    assert!(!start(&url).expect("ready").feed_advanced);
    let after = open();
    after.write(create(2)).await.expect("created");
    let feed = after.changes_after(0, 10).await.expect("readable");
    assert_eq!(feed.iter().map(|change| change.persona).collect::<Vec<_>>(), [id(1), id(2)]);
    assert_eq!(after.changes_after(feed[0].sequence, 10).await.expect("readable"), feed[1..]);
}

#[test]
fn the_maintenance_process_removes_what_is_older_than_a_day_and_nothing_else() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    start(&cluster.url(&database)).expect("an empty database");
    let count = 5_000_000_000_000_i64;
    // A day, and the two minutes that a count of elapsed time can be behind, in microseconds.
    let kept = 86_400_000_000_i64 + 120_000_000;
    let insert = format!(
        "INSERT INTO persona_store.meta VALUES ('observed_us', '{count}');
         INSERT INTO persona_store.idempotency
         SELECT 'key ' || n, '', 'created', gen_random_uuid(), 1, gen_random_uuid(), {count} - CASE WHEN n <= 1200 THEN {kept} ELSE {kept} - 1 END
         FROM generate_series(1, 1300) AS n"
    );
    cluster.sql(&database, &insert);
    let mut maintenance =
        Maintenance::open(&settings(&cluster.url(&database)), Arc::new(TestClock::default()))
            .expect("it opens");
    assert_eq!(maintenance.remove_expired().expect("removed"), 1200);
    assert_eq!(cluster.sql(&database, "SELECT count(*) FROM persona_store.idempotency"), "100");
    maintenance.tick().expect("nothing is due");
}
