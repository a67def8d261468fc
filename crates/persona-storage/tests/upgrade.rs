//! Databases that an earlier version of this program made, on both backends: nothing in them is taken for damage, they are
//! brought up to date, and are changed and moved like any other.
//!
//! `files/version-5.sqlite` and `files/version-2.sql` were made by the command line of that version with the same commands:
//! five personas with history, numbers beyond 2^53, and words and tags of every kind that later versions see otherwise.

mod cluster;
mod files;
mod moves;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cluster::Cluster;
use files::{Folder, check, settings};
use moves::{go, name_of, plan};
use persona_model::{Expect, Patch, Revision};
use persona_storage::conformance::{TestClock, id, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::{Answer, NoObserver, Operation, Store};
use serde_json::{Value, json};

const OLD_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/version-5.sqlite");
const OLD_SERVER: &str = include_str!("files/version-2.sql");

/// What RFC 8785 alone makes of the first persona at its last revision, where both numbers are rounded.
const ROUNDED: &str = "884f4fb6dbd8d7c3";

/// A copy of the old file, not yet brought up to date.
fn old_file() -> Folder {
    let folder = Folder::new();
    fs::copy(OLD_FILE, folder.database()).expect("copied");
    folder
}

/// A database with what the old version had in it, not yet brought up to date, by URL.
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

fn hash_of(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["content_hash"].as_str().expect("a hash").to_owned()
}

async fn patched(store: &dyn Store, members: Value) -> String {
    let patch = Patch::merge(members).expect("a merge patch");
    let operation = Operation::Patch { id: id(1), expect: Expect::Any, patch, base: None };
    hash_of(&store.write(write(operation)).await.expect("patched").answer)
}

/// The old hash stays with what was written under it; what is written from now on tells the numbers apart.
async fn assert_goes_on_with_exact_hashes(store: &dyn Store) {
    let before = store.get(id(1)).await.expect("readable").expect("it is there");
    assert!(hash_of(&before).starts_with(ROUNDED), "{}", hash_of(&before));
    let first = store.revision(id(1), Revision::FIRST).await.expect("readable").expect("it is there");
    assert_ne!(hash_of(&first.answer), hash_of(&before));
    let one = patched(store, json!({ "extensions": { "n": 9_007_199_254_740_992_u64 } })).await;
    let other = patched(store, json!({ "extensions": { "n": 9_007_199_254_740_993_u64 } })).await;
    assert_ne!(one, other);
    assert_ne!(other, hash_of(&before), "the same document as before, with a hash of today");
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
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL")).expect("brought up to date");
    go(&plan(&url, &name_of(&folder.path("early.db")))).expect("moved");
    assert!(check(&folder.path("early.db")).expect("it can be read").is_sound());
    let url = old_server(cluster);
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL")).expect("brought up to date");
    let store = server_store(&url);
    assert_goes_on_with_exact_hashes(&store).await;
    store.close().await;
    drop(store);
    go(&plan(&url, &name_of(&folder.path("late.db")))).expect("moved");
    let report = check(&folder.path("late.db")).expect("it can be read");
    assert!(report.is_sound() && report.revisions == 13, "{report:?}");
}
