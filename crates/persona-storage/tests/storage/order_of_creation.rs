//! A file that was once written with a wrong clock: rows that were added later have an earlier time
//! of creation, and a list by relevance still shows each persona once.

use std::sync::Arc;

use crate::files::{self, Folder, settings};
use persona_model::{Cursor, Filter, ListRequest, Search, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::{NoObserver, Operation, Store};
use serde_json::json;

const YEAR_US: i64 = 365 * 86_400_000_000;

/// All pages of a search, two personas each, by the last byte of their identities.
async fn found(store: &dyn Store, order: &str) -> Vec<u8> {
    let filter = Filter { search: Search::parse("name").ok(), ..Filter::default() };
    let sort = order.parse::<Sort>().expect("an order");
    let mut request = ListRequest { filter, sort, after: None, limit: 2, count: false };
    let mut found = Vec::new();
    loop {
        let page = store.list(request.clone()).await.expect("readable");
        found.extend(page.items.iter().map(|item| item.id.as_bytes()[15]));
        let Some(next) = page.next_cursor else { return found };
        assert!(found.len() < 100, "it comes to no end: {found:?}");
        request.after =
            Some(Cursor::decode(&next, &request.filter, request.sort).expect("its own cursor"));
    }
}

#[tokio::test]
async fn personas_that_a_wrong_clock_created_are_listed_once_in_their_place() {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    for (years, numbers) in [(0, 1..4), (1, 4..6), (0, 6..10)] {
        let clock = Arc::new(TestClock::default());
        clock.advance_micros(years * YEAR_US + i64::from(numbers.start));
        let store = SqliteStore::open(settings(&folder.database()), clock, Arc::new(NoObserver))
            .expect("it opens");
        for number in numbers {
            let document = document(json!({ "name": "name" }));
            store
                .write(write(Operation::Create { id: id(number), document }))
                .await
                .expect("created");
        }
        store.close().await;
    }
    let store = files::open(&folder.database());
    let expected = [5, 4, 9, 8, 7, 6, 3, 2, 1];
    assert_eq!(found(&store, "-created_at").await, expected);
    assert_eq!(found(&store, "relevance").await, expected);
    store.close().await;
    drop(store);
    // The same in a file of a version that did not note the order.
    let file = rusqlite::Connection::open(folder.database()).expect("it opens");
    file.execute_batch(files::TO_VERSION_4).expect("as version 4 left it");
    drop(file);
    assert_eq!(initialise(&settings(&folder.database())).expect("migrated").migrated_from, Some(4));
    let store = files::open(&folder.database());
    assert_eq!(found(&store, "relevance").await, expected);
    store.close().await;
}
