//! The keeper merges the search index, and is in nobody's way with it.

mod files;

use std::time::{Duration, Instant};

use files::{Folder, keeper, open, settings};
use persona_model::PersonaId;
use persona_storage::conformance::{document, write};
use persona_storage::sqlite::initialise;
use persona_storage::{Operation, Store};
use serde_json::json;

/// Words that no two texts share, so that the index is as large as the texts.
fn many_words(number: u32) -> String {
    let word = |word: u32| format!("{:x}", (number * 4_000 + word).wrapping_mul(2_654_435_761));
    (0..4_000).map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_nobody_writes_beside_is_not_broken_off_because_the_index_is_merged() {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    let store = open(&folder.database());
    for number in 0..200_u32 {
        let id = PersonaId::from_bytes(u128::from(number + 1).to_be_bytes());
        let document = document(json!({ "name": "Ada", "description": many_words(number) }));
        store.write(write(Operation::Create { id, document })).await.expect("created");
    }
    let mut keeper = keeper(&folder.database());
    let mut export = store.export(false).await.expect("it begins");
    // Longer than a reader may be waited for while the log is long.
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        keeper.tick().expect("upkeep");
    }
    let mut count = 0;
    while let Some(item) = export.recv().await {
        item.expect("not broken off");
        count += 1;
        keeper.tick().expect("upkeep");
    }
    assert_eq!(count, 200);
    store.close().await;
    drop(store);
    keeper.close();
}
