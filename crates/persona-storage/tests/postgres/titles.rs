//! The words of name and tags, and those of the longer texts, are in separate tables: a change
//! writes only the rows of the words that it can change.

use std::sync::Arc;

use persona_model::{Filter, ListRequest, Patch, Precondition, Search, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::{Value, json};

/// Tells which transaction wrote the words of titles, and which one those of texts.
const WRITTEN_BY: &str = "SELECT (SELECT xmin FROM persona_store.persona_titles), (SELECT xmin FROM persona_store.persona_texts)";

async fn patch(store: &dyn Store, members: Value) {
    let patch = Patch::merge(members).expect("a merge patch");
    let operation =
        Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None };
    store.write(write(operation)).await.expect("patched");
}

async fn finds(store: &dyn Store, text: &str) -> bool {
    let filter = Filter { search: Search::parse(text).ok(), ..Filter::default() };
    let request =
        ListRequest { filter, sort: Sort::RELEVANCE, after: None, limit: 1, count: false };
    !store.list(request).await.expect("listed").items.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_writes_the_words_of_titles_or_of_texts_and_not_those_that_stay() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let settings = Settings::parse(&cluster.url(&database)).expect("a URL");
    initialise(&settings).expect("ready");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    let members = json!({ "name": "Ada", "tags": ["engine"], "description": "a quiet wizard" });
    let created = Operation::Create { id: id(1), document: document(members) };
    store.write(write(created)).await.expect("created");

    let mut before = cluster.sql(&database, WRITTEN_BY);
    // Each change, and whether it writes the words of titles and those of texts.
    let changes = [
        (json!({ "nickname": "Countess" }), true, false),
        (json!({ "tags": ["loom"] }), true, false),
        (json!({ "description": "a loud wizard" }), false, true),
        (json!({ "extensions": { "n": 1 } }), false, false),
        (json!({ "name": "Grace", "scenario": "a harbour" }), true, true),
    ];
    for (members, in_titles, in_texts) in changes {
        patch(&store, members.clone()).await;
        let after = cluster.sql(&database, WRITTEN_BY);
        let [(titles, texts), (titles_before, texts_before)] =
            [&after, &before].map(|found| found.split_once('|').expect("two columns"));
        assert_eq!(
            (titles != titles_before, texts != texts_before),
            (in_titles, in_texts),
            "{members}"
        );
        before = after;
    }

    // One term is in titles or in texts; several terms may be in both.
    for text in ["countess", "grace loud", "loom harbour", "\"loud wizard\" countess", "c* loud"] {
        assert!(finds(&store, text).await, "{text}");
    }
    for text in ["ada", "engine", "quiet", "grace quiet", "\"grace loud\"", "h*"] {
        assert!(!finds(&store, text).await, "{text}");
    }
}
