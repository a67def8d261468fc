//! Personas with the same time of creation, as only several processes on PostgreSQL make them, have
//! one order by relevance: the same on PostgreSQL, in a file that they were moved to, and page by
//! page.

use std::sync::Arc;

use crate::files::{self, Folder};
use crate::transfers::{go, name_of, plan};
use persona_model::{Cursor, Filter, ListRequest, PersonaId, Search, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;

/// The numbers of the personas in the order of creation, which is neither that of the identities
/// nor its reverse. Four each have the word in the name, in a tag and in a text.
const CREATED: [u8; 12] = [5, 2, 9, 12, 1, 7, 3, 11, 4, 10, 6, 8];

/// Creates the personas by one process after the other, each with the same time of day.
async fn create_at_one_moment(settings: &Settings) {
    for number in CREATED {
        let store = PostgresStore::open(
            settings.clone(),
            Arc::new(TestClock::default()),
            Arc::new(NoObserver),
        )
        .expect("it opens");
        let members = match number % 3 {
            0 => json!({ "name": "wizard" }),
            1 => json!({ "name": "Ada", "tags": ["wizard"] }),
            _ => json!({ "name": "Ada", "description": "a wizard" }),
        };
        store
            .write(write(Operation::Create { id: id(number), document: document(members) }))
            .await
            .expect("created");
        store.close().await;
    }
}

/// Reads a list page by page.
async fn walk(store: &dyn Store, query: &str, sort: Sort, limit: usize) -> Vec<PersonaId> {
    let filter =
        Filter { search: Some(Search::parse(query).expect("a search")), ..Filter::default() };
    let mut request = ListRequest { filter, sort, after: None, limit, count: false };
    let mut found = Vec::new();
    loop {
        let page = store.list(request.clone()).await.expect("listed");
        found.extend(page.items.iter().map(|answer| answer.id));
        let Some(cursor) = page.next_cursor else { return found };
        request.after = Some(Cursor::decode(&cursor, &request.filter, sort).expect("its own"));
    }
}

/// Checks the order of every list: among equals the larger identity comes first where the newest
/// come first.
async fn check(store: &dyn Store, what: &str) {
    let ids = |numbers: &[u8]| numbers.iter().map(|number| id(*number)).collect::<Vec<_>>();
    let by_nearness = ids(&[12, 9, 6, 3, 10, 7, 4, 1, 11, 8, 5, 2]);
    let downwards = ids(&(1..=12).rev().collect::<Vec<_>>());
    let upwards = ids(&(1..=12).collect::<Vec<_>>());
    let of = |word: &str| word.parse::<Sort>().expect("an order");
    for limit in [1, 2, 3, 5, 50] {
        assert_eq!(
            walk(store, "wizard", Sort::RELEVANCE, limit).await,
            by_nearness,
            "{what}, {limit} a page"
        );
        assert_eq!(
            walk(store, "-excel", Sort::RELEVANCE, limit).await,
            downwards,
            "{what}, {limit} a page"
        );
        assert_eq!(
            walk(store, "wizard", of("-created_at"), limit).await,
            downwards,
            "{what}, {limit} a page"
        );
        assert_eq!(
            walk(store, "wizard", of("created_at"), limit).await,
            upwards,
            "{what}, {limit} a page"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personas_of_one_moment_have_one_order_by_relevance_on_every_backend() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let url = cluster.url(&cluster.database());
    let settings = Settings::parse(&url).expect("a URL");
    initialise(&settings).expect("an empty database");
    create_at_one_moment(&settings).await;
    let times = "SELECT count(DISTINCT created_at) FROM persona_store.personas";
    assert_eq!(cluster.sql(url.rsplit('/').next().expect("a name"), times), "1");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    check(&store, "PostgreSQL").await;
    store.close().await;
    drop(store);
    let file = folder.path("moved.db");
    go(&plan(&url, &name_of(&file))).expect("moved");
    let store = files::open(&file);
    check(&store, "a file").await;
    store.close().await;
}
