//! The maintenance process merges the search index and delays no writer by that.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::files::{Folder, maintenance, open, settings};
use persona_model::PersonaId;
use persona_storage::conformance::{document, write};
use persona_storage::sqlite::initialise;
use persona_storage::{Exported, Operation, Store};
use serde_json::json;

/// Words that no two texts share, so that the index is as large as the texts.
fn many_words(number: u32) -> String {
    let word = |word: u32| format!("{:x}", (number * 4_000 + word).wrapping_mul(2_654_435_761));
    (0..4_000).map(word).collect::<Vec<_>>().join(" ")
}

/// Segments of the index of words, from its structure record (SQLite, `fts5_index.c`, "Structure
/// Record"): a cookie of four bytes, four more that mark the second version of the format, and the
/// numbers of levels and of segments.
fn segments(path: &Path) -> u64 {
    let connection = rusqlite::Connection::open(path).expect("it opens");
    let sql = "SELECT block FROM persona_texts_data WHERE id = 10";
    let record: Vec<u8> = connection.query_row(sql, [], |found| found.get(0)).expect("readable");
    let mut bytes = record[if record[4..8] == [0xff, 0, 0, 1] { 8 } else { 4 }..].iter();
    let mut number = || {
        let mut value = 0;
        for byte in bytes.by_ref() {
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    };
    number();
    number()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_do_not_pile_up_while_the_wal_is_long_beside_a_writer() {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    let (mut maintenance, store) = (maintenance(&folder.database()), open(&folder.database()));
    // A snapshot from the beginning keeps the WAL from being reset.
    let reader = rusqlite::Connection::open(folder.database()).expect("it opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM personas").expect("a snapshot");
    let create = async |number: u32, text: String| {
        let id = PersonaId::from_bytes(u128::from(number + 1).to_be_bytes());
        let document = document(json!({ "name": "Ada", "description": text }));
        store.write(write(Operation::Create { id, document })).await.expect("created");
    };
    for number in 0..60 {
        create(number, many_words(number)).await;
    }
    let wal = std::fs::metadata(folder.database().with_extension("db-wal")).expect("a WAL").len();
    assert!(wal > 8 * 1024 * 1024, "{wal} bytes: so much is merged beside any writer");
    for number in 60..120 {
        create(number, "a few words".into()).await;
        maintenance.tick().expect("maintenance");
    }
    let left = segments(&folder.database());
    assert!(left < 30, "{left} segments of 120");
    drop(reader);
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_without_writers_beside_it_is_not_broken_off_because_the_index_is_merged() {
    let folder = Folder::new();
    initialise(&settings(&folder.database())).expect("a new file");
    let store = open(&folder.database());
    for number in 0..200_u32 {
        let id = PersonaId::from_bytes(u128::from(number + 1).to_be_bytes());
        let document = document(json!({ "name": "Ada", "description": many_words(number) }));
        store.write(write(Operation::Create { id, document })).await.expect("created");
    }
    let mut maintenance = maintenance(&folder.database());
    let mut export = store.export(Exported::Living).await.expect("it begins");
    // Longer than the program waits for a reader while the WAL is long.
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        maintenance.tick().expect("maintenance");
    }
    let mut count = 0;
    while let Some(item) = export.recv().await {
        item.expect("not broken off");
        count += 1;
        maintenance.tick().expect("maintenance");
    }
    assert_eq!(count, 200);
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
}
