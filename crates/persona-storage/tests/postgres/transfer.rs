//! Moves between SQLite and PostgreSQL: everything arrives, however often a move is interrupted,
//! and a difference is noticed.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::files::{self, Folder, check, settings};
use crate::transfers::{
    PERSONAS, assert_counted_to, assert_same, content_of_file, content_of_server,
    count_until_refused, fill, go, name_of, plan, repeat,
};
use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::transfer::{Plan, TransferError, transfer};
use persona_storage::{Error, NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_and_comes_back_the_same() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let before = content_of_file(&folder.database(), "created_at").await;
    let by_relevance = content_of_file(&folder.database(), "relevance").await;
    let url = cluster.url(&cluster.database());
    let there = plan(&name_of(&folder.database()), &url);
    let rehearsed = go(&Plan { dry_run: true, ..there.clone() }).expect("it can be moved");
    let report = go(&there).expect("moved");
    assert_eq!((report.transferred, report.keys), (rehearsed.transferred, 8));
    assert_same(&before, &content_of_server(&url, "created_at").await);
    let back = folder.path("back.db");
    let returned = go(&plan(&url, &name_of(&back))).expect("moved back");
    assert_eq!(returned.transferred, report.transferred);
    assert!(check(&back).expect("a file").is_sound(), "{:?}", check(&back));
    assert_same(&by_relevance, &content_of_file(&back, "relevance").await);
    assert_eq!(initialise(&settings(&back)).expect("ready").journal_mode, "wal");
    let store = files::open(&back);
    assert!(repeat(&store, 13).await, "the request is known");
    files::patch(&store, 9, &json!({ "description": "goes on" })).await;
    store.close().await;
    drop(store);
    assert!(check(&back).expect("a file").is_sound());
    assert_eq!(
        check(&folder.database()).expect("a file").changes,
        report.transferred.changes,
        "the source is as it was"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_database_goes_on_with_its_feed_its_keys_and_its_handles() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    let report = go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    assert!(repeat(&store, 14).await, "the request is known");
    let patch = Patch::merge(json!({ "handle": "handle-7" })).expect("a patch");
    let taken = store
        .write(write(Operation::Patch {
            id: id(9),
            precondition: Precondition::Any,
            patch,
            base: None,
        }))
        .await;
    assert!(taken.is_err(), "{taken:?}");
    store
        .write(write(Operation::Create {
            id: id(200),
            document: document(json!({ "name": "new" })),
        }))
        .await
        .expect("created");
    let changes = store.changes_after(0, 10_000).await.expect("readable");
    assert_eq!(changes.len() as u64, report.transferred.changes + 1);
    assert_eq!(changes.last().expect("some").persona, id(200));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_on_the_way_is_found_and_named() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let faults = [
        (format!("UPDATE persona_store.revisions SET document = document || ' ' WHERE persona = '{}' AND revision = 1", id(5)), Some(5)),
        (format!("UPDATE persona_store.personas SET head = head || ' ' WHERE id = '{}'", id(5)), Some(5)),
        (format!("DELETE FROM persona_store.persona_tags WHERE persona = '{}'", id(5)), Some(5)),
        (format!("UPDATE persona_store.persona_texts SET text = ' ' WHERE persona = '{}'", id(5)), Some(5)),
        (format!("DELETE FROM persona_store.changes WHERE persona = '{}' AND revision = 1", id(5)), Some(5)),
        (format!("UPDATE persona_store.label_moves SET author = 'eve' WHERE persona = '{}' AND label = 'old'", id(7)), Some(7)),
        (format!("DELETE FROM persona_store.label_moves WHERE persona = '{}' AND label = 'staging'", id(7)), Some(7)),
        (format!("UPDATE persona_store.labels SET version = 1 WHERE persona = '{}' AND label = 'production'", id(7)), None),
        ("INSERT INTO persona_store.changes SELECT 10000000, persona, 999, kind, at FROM persona_store.changes LIMIT 1".into(), None),
    ];
    for (fault, named) in faults {
        let database = cluster.database();
        let plan = plan(&name_of(&folder.database()), &cluster.url(&database));
        let transferred = std::thread::spawn({
            let (plan, database) = (plan.clone(), database.clone());
            move || {
                let mut done = false;
                transfer(&plan, &mut |progress| {
                    // At this step all is copied, and nothing was compared.
                    if progress.step == persona_storage::sqlite::Step::Comparing && !done {
                        done = true;
                        Cluster::shared().sql(&database, &fault);
                    }
                    ControlFlow::Continue(())
                })
            }
        });
        let refused = transferred.join().expect("no panic").expect_err("it differs");
        let TransferError::Differs { persona, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*persona, named.map(id), "{refused}");
        let settings = postgres::Settings::parse(&cluster.url(&database)).expect("a URL");
        assert!(
            matches!(
                postgres::initialise(&settings),
                Err(postgres::DatabaseError::BeingFilled { .. })
            ),
            "nobody may use it"
        );
        go(&Plan { start_over: true, ..plan }).expect("moved");
        postgres::initialise(&settings).expect("now it can be used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_are_not_empty_and_sources_in_use_are_refused() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let (source, url) = (name_of(&folder.database()), cluster.url(&cluster.database()));
    let there = plan(&source, &url);
    go(&there).expect("moved");
    assert!(matches!(go(&there), Err(TransferError::NotEmpty { .. })));
    assert!(
        matches!(
            go(&Plan { into_existing: true, ..there.clone() }),
            Err(TransferError::Clash { .. })
        ),
        "they are there already"
    );
    assert!(matches!(go(&plan(&url, &source)), Err(TransferError::FileExists { .. })));
    assert!(matches!(go(&plan(&source, &source)), Err(TransferError::SamePlace { .. })));
    let missing = name_of(&folder.path("missing.db"));
    assert!(matches!(go(&plan(&missing, &url)), Err(TransferError::File(_))));
    let other = Folder::new();
    let store = {
        initialise(&settings(&other.database())).expect("a file");
        files::open(&other.database())
    };
    store
        .write(write(Operation::Create {
            id: id(250),
            document: document(json!({ "name": "one more" })),
        }))
        .await
        .expect("created");
    let one_more = plan(&name_of(&other.database()), &cluster.url(&cluster.database()));
    store.close().await;
    drop::<SqliteStore>(store);
    go(&one_more).expect("moved");
    let mut added = plan(&source, "sqlite:x");
    added.to = one_more.to.clone();
    added.into_existing = true;
    let report = go(&added).expect("added");
    assert_eq!(report.transferred.personas, u64::from(PERSONAS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_takes_every_acknowledged_write_along_and_then_no_writer_goes_on() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let store: Arc<dyn Store> = Arc::new(files::open(&folder.database()));
    let url = cluster.url(&cluster.database());
    let live = Plan { live: true, ..plan(&name_of(&folder.database()), &url) };
    let counting = count_until_refused(&store);
    let report =
        tokio::task::spawn_blocking(move || go(&live)).await.expect("no panic").expect("moved");
    let (acknowledged, _) = counting.await.expect("no panic");
    let fence = report.fence.expect("it was live");
    assert!(fence < Duration::from_secs(2), "{fence:?}");
    println!("{acknowledged} writes meanwhile, fence {fence:?}");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let transferred =
        PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    assert_counted_to(&transferred, acknowledged).await;
    assert!(initialise(&files::settings(&folder.database())).is_err(), "the old file is retired");
    transferred.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_back_takes_every_acknowledged_write_along_and_then_no_writer_goes_on() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let opened =
        PostgresStore::open(settings.clone(), Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    let store: Arc<dyn Store> = Arc::new(opened);
    let back = folder.path("back.db");
    let live = Plan { live: true, ..plan(&url, &name_of(&back)) };
    let counting = count_until_refused(&store);
    let report =
        tokio::task::spawn_blocking(move || go(&live)).await.expect("no panic").expect("moved");
    let (acknowledged, refusal) = counting.await.expect("no panic");
    assert!(report.fence.is_some_and(|fence| fence < Duration::from_secs(2)), "{report:?}");
    assert!(matches!(refusal, Error::Closed(_)), "{refusal:?}");
    store.close().await;
    assert!(
        persona_storage::sqlite::check(&back, &mut |_| std::ops::ControlFlow::Continue(()))
            .expect("readable")
            .is_sound()
    );
    assert_counted_to(&files::open(&back), acknowledged).await;
    assert!(postgres::initialise(&settings).is_err(), "the old database is retired");
}
