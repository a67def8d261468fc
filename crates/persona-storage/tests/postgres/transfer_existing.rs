//! Moves into a database that has personas already: they are added, or refused before anything is
//! moved.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::files::{self, Folder};
use crate::transfers::{go, name_of, plan, purge};
use persona_model::Precondition;
use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{Step, initialise};
use persona_storage::transfer::{Plan, TransferError, transfer};
use persona_storage::{NoObserver, Operation, Store, Write};
use persona_test_support::Cluster;
use serde_json::{Value, json};
use tokio::runtime::Handle;

/// SQL for one digest of everything in a database.
const EVERYTHING: &str = "SELECT md5(string_agg(row, '|' ORDER BY row)) FROM (
    SELECT t::text FROM persona_store.about AS t UNION ALL SELECT t::text FROM persona_store.personas AS t
    UNION ALL SELECT t::text FROM persona_store.persona_tags AS t UNION ALL SELECT t::text FROM persona_store.persona_titles AS t UNION ALL SELECT t::text FROM persona_store.persona_texts AS t
    UNION ALL SELECT t::text FROM persona_store.revisions AS t UNION ALL SELECT t::text FROM persona_store.changes AS t
    UNION ALL SELECT t::text FROM persona_store.idempotency AS t) AS all_rows (row)";

fn create(number: u8, members: Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

/// A file to which these writes were made.
async fn file_of(path: &Path, requests: Vec<Write>) -> String {
    initialise(&files::settings(path)).expect("a file");
    let store = files::open(path);
    for request in requests {
        store.write(request).await.expect("written");
    }
    store.close().await;
    name_of(path)
}

/// A database that has a persona with a handle, made by a request with a key. Returns the
/// database's name and URL.
async fn filled_database(cluster: &Cluster) -> (String, String) {
    let name = cluster.database();
    let url = cluster.url(&name);
    let settings = postgres::Settings::parse(&url).expect("a URL");
    postgres::initialise(&settings).expect("ready");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    let there = create(1, json!({ "name": "there", "handle": "ada", "tags": ["t"] }));
    store.write(idempotent(there, "key-1", 1)).await.expect("created");
    store.close().await;
    (name, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_sides_have_is_named_before_anything_is_moved() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let before = cluster.sql(&name, EVERYTHING);
    // More personas than the move looks at in one step; the persona that clashes is the last.
    let others = || (10..=250).map(|number| create(number, json!({ "name": "other" })));
    let clashes = [
        (
            create(251, json!({ "name": "x", "handle": "ada" })),
            "a persona with the handle ada".to_owned(),
        ),
        (
            create(1, json!({ "name": "not the same" })),
            format!("persona {}, with different contents", id(1)),
        ),
        (
            idempotent(create(251, json!({ "name": "x" })), "key-1", 2),
            format!(
                "a request with the idempotency key of a request for persona {}: \"key-1\"",
                id(251)
            ),
        ),
    ];
    for (index, (request, what)) in clashes.into_iter().enumerate() {
        let file =
            file_of(&folder.path(&format!("{index}.db")), others().chain([request]).collect())
                .await;
        let existing = Plan { into_existing: true, ..plan(&file, &url) };
        for attempt in [
            Plan { dry_run: true, ..existing.clone() },
            existing.clone(),
            Plan { live: true, ..existing.clone() },
            Plan { start_over: true, ..existing },
        ] {
            let refused = go(&attempt).expect_err("a clash");
            assert!(
                matches!(&refused, TransferError::Clash { what: found, .. } if *found == what),
                "{refused}"
            );
            assert!(
                refused.to_string().contains(&name)
                    && refused.to_string().contains(&format!("{index}.db")),
                "{refused}"
            );
            assert_eq!(cluster.sql(&name, EVERYTHING), before, "{attempt:?}");
        }
        postgres::initialise(&postgres::Settings::parse(&url).expect("a URL"))
            .expect("it can be used as before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_a_deleted_persona_has_given_up_is_no_clash() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let given_up = [
        create(2, json!({ "name": "deleted", "handle": "ada" })),
        write(Operation::Delete { id: id(2), precondition: Precondition::Any }),
    ];
    let file = file_of(&folder.database(), given_up.into()).await;
    let report = go(&Plan { into_existing: true, ..plan(&file, &url) }).expect("added");
    assert_eq!((report.transferred.personas, report.transferred.changes), (1, 2));
    assert_eq!(cluster.sql(&name, "SELECT count(*) FROM persona_store.personas"), "2");
}

fn server(url: &str) -> PostgresStore {
    let settings = postgres::Settings::parse(url).expect("a URL");
    PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens")
}

/// A file to which these writes were made, and in which these personas were purged then.
async fn file_with_purged(path: &Path, requests: Vec<Write>, purged: &[u8]) -> String {
    let name = file_of(path, requests).await;
    let store = files::open(path);
    for number in purged {
        purge(&store, *number).await;
    }
    store.close().await;
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_are_added_where_others_were_purged_on_both_sides() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let store = server(&url);
    store.write(create(2, json!({ "name": "purged there" }))).await.expect("created");
    purge(&store, 2).await;
    store.close().await;
    let sent = [3, 4].map(|number| create(number, json!({ "name": "sent" })));
    let file = file_with_purged(&folder.database(), sent.into(), &[4]).await;
    let report = go(&Plan { into_existing: true, ..plan(&file, &url) }).expect("added");
    let counts = (report.transferred.personas, report.transferred.revisions);
    assert_eq!((counts, report.transferred.changes), ((1, 1), 3));
    let store = server(&url);
    for (number, is_there) in [(1, true), (2, false), (3, true), (4, false)] {
        let found = store.get(id(number)).await.expect("readable");
        let tombstone = store.tombstone(id(number)).await.expect("readable");
        assert_eq!((found.is_some(), tombstone.is_some()), (is_there, !is_there), "{number}");
    }
    store.close().await;
    let back = folder.path("back.db");
    go(&plan(&cluster.url(&name), &name_of(&back))).expect("moved back");
    assert!(files::check(&back).expect("a file").is_sound(), "{:?}", files::check(&back));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_was_purged_on_both_sides_is_named_before_anything_is_moved() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let store = server(&url);
    purge(&store, 1).await;
    store.close().await;
    let before = cluster.sql(&name, EVERYTHING);
    let sent = vec![create(1, json!({ "name": "sent" }))];
    let file = file_with_purged(&folder.database(), sent, &[1]).await;
    let existing = Plan { into_existing: true, ..plan(&file, &url) };
    for attempt in [
        Plan { dry_run: true, ..existing.clone() },
        existing.clone(),
        Plan { live: true, ..existing.clone() },
    ] {
        let refused = go(&attempt).expect_err("a clash");
        let both = format!("persona {}, which was purged in both", id(1));
        assert!(
            matches!(&refused, TransferError::Clash { what, .. } if *what == both),
            "{refused}"
        );
        assert_eq!(cluster.sql(&name, EVERYTHING), before, "{attempt:?}");
    }
}

/// A persona that is imported into the source while a live move is under way, under an identity
/// that the target has, and purged there before it is copied.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_in_the_source_meanwhile_removes_nothing_that_was_there() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let before = cluster.sql(&name, EVERYTHING);
    let sent = vec![create(3, json!({ "name": "sent" }))];
    let file = file_of(&folder.database(), sent).await;
    let adding = Plan { into_existing: true, live: true, ..plan(&file, &url) };
    let source: Arc<dyn Store> = Arc::new(files::open(&folder.database()));
    let (runtime, meanwhile) = (Handle::current(), Arc::clone(&source));
    let moving = tokio::task::spawn_blocking(move || {
        let mut is_done = false;
        transfer(&adding, &mut |progress| {
            if progress.step == Step::Transferring && !std::mem::replace(&mut is_done, true) {
                runtime.block_on(async {
                    let own = create(1, json!({ "name": "not that of the target" }));
                    meanwhile.write(own).await.expect("created");
                    purge(&*meanwhile, 1).await;
                });
            }
            ControlFlow::Continue(())
        })
    });
    let refused = moving.await.expect("no panic").expect_err("refused");
    assert!(matches!(refused, TransferError::Taken { .. }), "{refused}");
    source.close().await;
    // The unfinished move is taken out, and its target is what it was.
    let other = vec![create(4, json!({ "name": "x", "handle": "ada" }))];
    let other = file_of(&folder.path("other.db"), other).await;
    let again = Plan { start_over: true, into_existing: true, ..plan(&other, &url) };
    let refused = go(&again).expect_err("a clash");
    assert!(matches!(refused, TransferError::Clash { .. }), "{refused}");
    assert_eq!(cluster.sql(&name, EVERYTHING), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_over_takes_out_what_was_added_and_leaves_what_was_there() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    let before = cluster.sql(&name, EVERYTHING);
    let keyed = |number: u8| {
        idempotent(
            create(number, json!({ "name": "added", "tags": ["t"] })),
            &format!("key-{number}"),
            1,
        )
    };
    let file = file_of(&folder.database(), (2..60).map(keyed).collect()).await;
    let adding = Plan { into_existing: true, ..plan(&file, &url) };
    let interrupted = std::thread::spawn({
        let adding = adding.clone();
        move || {
            let until_compared = &mut |progress: persona_storage::sqlite::Progress| {
                // At this step everything was copied, the keys too.
                if progress.step == persona_storage::sqlite::Step::Comparing
                    && progress.done == progress.total
                    && progress.total > 0
                {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            transfer(&adding, until_compared)
        }
    });
    let interrupted = interrupted.join().expect("no panic").expect_err("interrupted");
    assert!(matches!(interrupted, TransferError::Interrupted { .. }), "{interrupted}");
    assert_ne!(cluster.sql(&name, EVERYTHING), before);
    // A move from another source is refused: the rest of the interrupted move stays as it was.
    let other =
        file_of(&folder.path("other.db"), vec![create(3, json!({ "name": "x", "handle": "ada" }))])
            .await;
    let refused = go(&Plan { start_over: true, into_existing: true, ..plan(&other, &url) })
        .expect_err("a clash");
    assert!(matches!(refused, TransferError::Clash { .. }), "{refused}");
    assert_eq!(cluster.sql(&name, EVERYTHING), before);
    let report = go(&adding).expect("added");
    assert_eq!((report.transferred.personas, report.keys), (58, 58));
    assert_eq!(cluster.sql(&name, "SELECT count(*) FROM persona_store.idempotency"), "59");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_added_are_as_fresh_as_the_count_of_the_target_says() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let (name, url) = filled_database(cluster).await;
    // The target has counted far more elapsed time than the source.
    let count = "SELECT max(at) + 10 * 86400000000 FROM persona_store.idempotency";
    cluster.sql(
        &name,
        &format!("INSERT INTO persona_store.meta SELECT 'observed_us', ({count})::text"),
    );
    let keyed = |number: u8| {
        idempotent(create(number, json!({ "name": "added" })), &format!("key-{number}"), 1)
    };
    let file = file_of(&folder.database(), (2..5).map(keyed).collect()).await;
    let report = go(&Plan { into_existing: true, ..plan(&file, &url) }).expect("added");
    assert_eq!(report.keys, 3);
    let old = "SELECT count(*) FROM persona_store.idempotency
               WHERE at < (SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us')";
    assert_eq!(cluster.sql(&name, old), "1", "only the one that was there is ten days old");
    // Into an empty database and back: the count of elapsed time begins at the count that was
    // moved.
    let empty = cluster.database();
    go(&plan(&file, &cluster.url(&empty))).expect("moved");
    let counted = "SELECT (SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us')
                          = least(max(at), (extract(epoch FROM now()) * 1000000)::bigint) FROM persona_store.idempotency";
    assert_eq!(cluster.sql(&empty, counted), "t");
    let back = folder.path("back.db");
    go(&plan(&cluster.url(&empty), &name_of(&back))).expect("moved back");
    let sql = "SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us') <= max(at) FROM idempotency";
    let connection = rusqlite::Connection::open(&back).expect("it opens");
    assert!(connection.query_row(sql, [], |found| found.get::<_, bool>(0)).expect("a count"));
}
