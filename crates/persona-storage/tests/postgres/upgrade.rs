//! Databases that an earlier version of this program made, on both backends: nothing in them is
//! taken for damage, they are brought up to date, and they are changed and moved like any other.
//!
//! `version-5.sqlite` and `version-2.sql` were made by the command line of that version with the
//! same commands: five personas with history, numbers beyond 2^53, and words and tags of every kind
//! that later versions treat differently. The command line of version 6 made `version-6.sqlite` out
//! of `version-5.sqlite`, and gave the fourth persona the nickname `Nordwind`.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::files::{Folder, check, settings};
use crate::transfers::{go, name_of, plan};
use persona_model::{
    Filter, ListRequest, Patch, Precondition, Revision, Search, Sort, filter_tags,
};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{SqliteStore, Step, initialise};
use persona_storage::transfer::{Plan, TransferError, transfer};
use persona_storage::{NoObserver, Operation, Representation, Store};
use persona_test_support::Cluster;
use serde_json::{Value, json};

const OLD_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/version-5.sqlite");
const FILE_OF_VERSION_6: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/version-6.sqlite");
const OLD_SERVER: &str = include_str!("version-2.sql");

/// SQL that turns a database of version 6 into one of version 3, which kept all words in one table.
const TO_VERSION_3: &str = "
    CREATE TABLE persona_store.persona_search (
        persona UUID NOT NULL,
        name TEXT COLLATE \"C\" NOT NULL,
        tags TEXT COLLATE \"C\" NOT NULL,
        text TEXT COLLATE \"C\" NOT NULL,
        words TSVECTOR,
        CONSTRAINT persona_search_key PRIMARY KEY (persona)
    );
    INSERT INTO persona_store.persona_search (persona, name, tags, text, words)
    SELECT titles.persona, titles.name, titles.tags, texts.text, titles.words || texts.words
    FROM persona_store.persona_titles AS titles
    JOIN persona_store.persona_texts AS texts ON texts.persona = titles.persona;
    DROP TABLE persona_store.persona_titles, persona_store.persona_texts, persona_store.tokens,
               persona_store.labels, persona_store.label_moves, persona_store.former_handles, persona_store.purged;
    ALTER TABLE persona_store.changes DROP COLUMN label;
    ALTER TABLE persona_store.idempotency DROP COLUMN moves;
    ALTER TABLE persona_store.personas DROP COLUMN owner, DROP COLUMN autosaved_since;
    CREATE UNIQUE INDEX personas_by_handle ON persona_store.personas (handle);
    UPDATE persona_store.about SET schema_version = 3";

/// The hash by RFC 8785 alone of the first persona at its last revision, where both numbers are
/// rounded.
const ROUNDED: &str = "884f4fb6dbd8d7c3";

/// A copy of the old file, not yet brought up to date.
fn old_file() -> Folder {
    let folder = Folder::new();
    fs::copy(OLD_FILE, folder.database()).expect("copied");
    folder
}

/// The URL of a database with what the old version had in it, not yet brought up to date.
fn old_server(cluster: &Cluster) -> String {
    let database = cluster.database();
    cluster.sql(&database, OLD_SERVER);
    cluster.url(&database)
}

/// A clock that is a month ahead of the old version's.
fn clock() -> Arc<TestClock> {
    let clock = TestClock::default();
    clock.advance_micros(30 * 24 * 3600 * 1_000_000);
    Arc::new(clock)
}

fn file_store(path: &Path) -> SqliteStore {
    SqliteStore::open(settings(path), clock(), Arc::new(NoObserver)).expect("it opens")
}

fn server_store(url: &str) -> PostgresStore {
    let settings = postgres::Settings::parse(url).expect("a URL");
    PostgresStore::open(settings, clock(), Arc::new(NoObserver)).expect("it opens")
}

fn hash_of(answer: &Representation) -> String {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["content_hash"].as_str().expect("a hash").to_owned()
}

async fn patched(store: &dyn Store, members: Value) -> String {
    let patch = Patch::merge(members).expect("a merge patch");
    let operation =
        Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None };
    hash_of(&store.write(write(operation)).await.expect("patched").representation)
}

/// Checks that the old hash stays with what was written under it, and that new writes tell the
/// numbers apart.
async fn assert_goes_on_with_exact_hashes(store: &dyn Store) {
    let before = store.get(id(1)).await.expect("readable").expect("it is there");
    let body: Value = serde_json::from_slice(&before.body).expect("JSON");
    assert_eq!(body.get("labels"), None, "they are in the stored text, and are not sent");
    assert!(hash_of(&before).starts_with(ROUNDED), "{}", hash_of(&before));
    let first =
        store.revision(id(1), Revision::FIRST).await.expect("readable").expect("it is there");
    assert_ne!(hash_of(&first.representation), hash_of(&before));
    let one = patched(store, json!({ "extensions": { "n": 9_007_199_254_740_992_u64 } })).await;
    let other = patched(store, json!({ "extensions": { "n": 9_007_199_254_740_993_u64 } })).await;
    assert_ne!(one, other);
    assert_ne!(other, hash_of(&before), "the same document as before, with a hash of today");
}

/// Checks what is found by words and tags after today's rules, by the number of each persona.
async fn assert_is_found_by_the_rules_of_today(store: &dyn Store) {
    let list = async |search: Option<&str>, tags: &[&str]| {
        let search = search.map(|text| Search::parse(text).expect("a search"));
        let filter = Filter {
            search,
            tags: filter_tags(tags.iter().copied()).expect("few"),
            ..Filter::default()
        };
        let sort = "name".parse::<Sort>().expect("an order");
        let page = store
            .list(ListRequest { filter, sort, after: None, limit: 10, count: true })
            .await
            .expect("listed");
        let mut found: Vec<u8> = page.items.iter().map(|answer| answer.id.as_bytes()[15]).collect();
        found.sort_unstable();
        found
    };
    let searches: [(&str, &[u8]); 10] = [
        ("c++", &[2, 5]),
        ("\"中文 C++\"", &[5]),
        ("c#", &[4]),
        (".net", &[4]),
        ("node.js", &[4]),
        ("c -c++ -c#", &[3]),
        ("STRASSE", &[2, 5]),
        ("ΣΊΣΥΦΟΣ", &[5]),
        ("FINE", &[5]),
        ("süden", &[]),
    ];
    for (text, wanted) in searches {
        assert_eq!(list(Some(text), &[]).await, wanted, "{text}");
    }
    let tags: [(&str, &[u8]); 4] =
        [("FOO", &[2, 3]), ("strasse", &[2]), ("ÄHRE", &[3]), ("number", &[1])];
    for (tag, wanted) in tags {
        assert_eq!(list(None, &[tag]).await, wanted, "{tag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_file_is_indexed_anew_after_a_copy_was_made() {
    let folder = old_file();
    let report = initialise(&settings(&folder.database())).expect("brought up to date");
    assert_eq!(
        (report.migrated_from, report.schema_version, report.personas),
        (Some(5), 15, Some(5))
    );
    let wal = fs::metadata(folder.path("persona.db-wal")).map_or(0, |wal| wal.len());
    assert_eq!(wal, 0, "what the migration wrote is in the file itself");
    let store = file_store(&folder.database());
    assert_is_found_by_the_rules_of_today(&store).await;
    store.close().await;
    drop(store);
    assert!(check(&folder.database()).expect("it can be read").is_sound());
    let copy = check(&folder.path("persona.db-before-version-15")).expect("it can be read");
    assert!(copy.is_sound() && copy.schema_version == 5, "{copy:?}");
    // A write does not merge segments of an index.
    let connection = rusqlite::Connection::open(folder.database()).expect("it opens");
    for index in ["persona_texts", "persona_titles"] {
        let sql = format!("SELECT v FROM {index}_config WHERE k = 'automerge'");
        assert_eq!(
            connection.query_row(&sql, [], |found| found.get::<_, i64>(0)),
            Ok(0),
            "{index}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_version_6_is_indexed_anew_and_its_old_words_can_be_taken_out() {
    let folder = Folder::new();
    fs::copy(FILE_OF_VERSION_6, folder.database()).expect("copied");
    let report = initialise(&settings(&folder.database())).expect("brought up to date");
    assert_eq!((report.migrated_from, report.personas), (Some(6), Some(5)));
    let store = file_store(&folder.database());
    assert_is_found_by_the_rules_of_today(&store).await;
    let found = async |text: &str| {
        let filter = Filter { search: Search::parse(text).ok(), ..Filter::default() };
        let request =
            ListRequest { filter, sort: Sort::RELEVANCE, after: None, limit: 10, count: true };
        store.list(request).await.expect("listed").total
    };
    assert_eq!((found("nordwind").await, found("helper").await), (Some(1), Some(1)));
    let patch = Patch::merge(json!({ "name": "Föhn", "nickname": "" })).expect("a merge patch");
    let operation =
        Operation::Patch { id: id(4), precondition: Precondition::Any, patch, base: None };
    store.write(write(operation)).await.expect("patched");
    assert_eq!(
        (found("nordwind").await, found("helper").await, found("fohn").await),
        (Some(0), Some(0), Some(1))
    );
    store.close().await;
    drop(store);
    assert!(check(&folder.database()).expect("it can be read").is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_is_indexed_anew_or_stays_as_it_was() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    cluster.sql(&database, OLD_SERVER);
    let settings = postgres::Settings::parse(&cluster.url(&database)).expect("a URL");
    // The connection of the first migration is cut in the middle of the migration, while it waits
    // for another session.
    let mut other = cluster.session(&database);
    other.run("BEGIN; LOCK TABLE persona_store.persona_search IN SHARE MODE");
    let migration = std::thread::spawn({
        let settings = settings.clone();
        move || postgres::initialise(&settings)
    });
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DROP TABLE IF EXISTS persona_store.persona_search%'";
    while cluster.sql(&database, cut) == "0" {
        assert!(!migration.is_finished(), "it did not wait");
        std::thread::yield_now();
    }
    migration.join().expect("no panic").expect_err("it was cut");
    other.run("ROLLBACK");
    let before = "SELECT (SELECT schema_version FROM persona_store.about), (SELECT count(*) FROM persona_store.persona_tags WHERE tag = 'FOO'),
                         (SELECT count(*) FROM persona_store.persona_search), to_regclass('persona_store.persona_titles') IS NULL";
    assert_eq!(cluster.sql(&database, before), "2|1|5|t");
    let report = postgres::initialise(&settings).expect("brought up to date");
    assert_eq!((report.migrated_from, report.schema_version, report.personas), (Some(2), 10, 5));
    assert_is_found_by_the_rules_of_today(&server_store(&cluster.url(&database))).await;
    let after = "SELECT (SELECT count(*) FROM persona_store.persona_titles), (SELECT count(*) FROM persona_store.persona_texts),
                        to_regclass('persona_store.persona_search') IS NULL";
    assert_eq!(cluster.sql(&database, after), "5|5|t");
    // The database as version 3 left it.
    cluster.sql(&database, TO_VERSION_3);
    let report = postgres::initialise(&settings).expect("brought up to date");
    assert_eq!((report.migrated_from, report.personas), (Some(3), 5));
    assert_is_found_by_the_rules_of_today(&server_store(&cluster.url(&database))).await;
    assert_eq!(cluster.sql(&database, after), "5|5|t");
}

#[test]
fn a_persona_with_the_smallest_identity_is_indexed_anew_too() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    cluster.sql(
        &database,
        &OLD_SERVER.replace(
            "00000000-0000-0000-0000-000000000002",
            "00000000-0000-0000-0000-000000000000",
        ),
    );
    postgres::initialise(&postgres::Settings::parse(&cluster.url(&database)).expect("a URL"))
        .expect("brought up to date");
    let of_smallest = |sql: &str| {
        cluster.sql(
            &database,
            &format!("{sql} WHERE persona = '00000000-0000-0000-0000-000000000000'"),
        )
    };
    let tags =
        of_smallest("SELECT string_agg(tag, ' ' ORDER BY tag) FROM persona_store.persona_tags");
    assert_eq!(tags, "foo strasse", "its tags");
    let words = of_smallest("SELECT tags FROM persona_store.persona_titles");
    assert!(words.contains("strasse"), "its words, which are folded now: {words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_file_with_rounded_hashes_is_sound_goes_on_with_exact_ones_and_is_moved() {
    let (folder, cluster) = (old_file(), Cluster::shared());
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound() && report.personas == 5 && report.revisions == 11, "{report:?}");
    initialise(&settings(&folder.database())).expect("brought up to date");
    let store = file_store(&folder.database());
    assert_goes_on_with_exact_hashes(&store).await;
    store.close().await;
    drop(store);
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound() && report.revisions == 13, "{report:?}");
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    go(&plan(&url, &name_of(&folder.path("back.db")))).expect("moved back");
    let report = check(&folder.path("back.db")).expect("it can be read");
    assert!(report.is_sound() && report.revisions == 13, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_current_row_with_a_rounded_hash_is_moved_as_it_is() {
    let (folder, cluster) = (old_file(), Cluster::shared());
    initialise(&settings(&folder.database())).expect("brought up to date");
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    assert_goes_on_with_exact_hashes(&server_store(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_with_rounded_hashes_goes_on_with_exact_ones_and_is_moved() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let url = old_server(cluster);
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL"))
        .expect("brought up to date");
    go(&plan(&url, &name_of(&folder.path("early.db")))).expect("moved");
    assert!(check(&folder.path("early.db")).expect("it can be read").is_sound());
    let url = old_server(cluster);
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL"))
        .expect("brought up to date");
    let store = server_store(&url);
    assert_goes_on_with_exact_hashes(&store).await;
    store.close().await;
    drop(store);
    go(&plan(&url, &name_of(&folder.path("late.db")))).expect("moved");
    let report = check(&folder.path("late.db")).expect("it can be read");
    assert!(report.is_sound() && report.revisions == 13, "{report:?}");
}

/// A move into an old database brings it up to date first; so do going on with, and starting over,
/// a move that an earlier version began.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_is_indexed_anew_before_anything_is_moved_into_it() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    initialise(&settings(&folder.database())).expect("a new file");
    let store = file_store(&folder.database());
    let added = Operation::Create {
        id: id(9),
        document: document(json!({ "name": "added", "tags": ["Added"] })),
    };
    store.write(write(added)).await.expect("created");
    store.close().await;
    drop(store);
    for start_over in [None, Some(false), Some(true)] {
        let database = cluster.database();
        cluster.sql(&database, OLD_SERVER);
        let url = cluster.url(&database);
        let adding = Plan { into_existing: true, ..plan(&name_of(&folder.database()), &url) };
        if start_over.is_some() {
            let interrupted = std::thread::spawn({
                let adding = adding.clone();
                move || {
                    transfer(&adding, &mut |progress| {
                        if progress.step == Step::Transferring {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        }
                    })
                }
            });
            let interrupted = interrupted.join().expect("no panic").expect_err("interrupted");
            assert!(matches!(interrupted, TransferError::Interrupted { .. }), "{interrupted}");
            // The database as an earlier version left it.
            cluster.sql(
                &database,
                &format!(
                    "DELETE FROM persona_store.meta WHERE key = 'words';
                     UPDATE persona_store.persona_tags SET tag = 'FOO' WHERE tag = 'foo';
                     {TO_VERSION_3};
                     UPDATE persona_store.about SET schema_version = 0;
                     UPDATE persona_store.persona_search SET name = ' c tutor ', tags = ' ', text = ' ', words = NULL"
                ),
            );
        }
        let report =
            go(&Plan { start_over: start_over.unwrap_or_default(), ..adding }).expect("added");
        assert_eq!(report.transferred.personas, 1, "{start_over:?}");
        assert_is_found_by_the_rules_of_today(&server_store(&url)).await;
    }
}
