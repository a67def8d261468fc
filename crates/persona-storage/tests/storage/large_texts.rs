//! The words of a large text are written in parts before the document: a search finds them with the
//! document and not before, and the parts of a killed writer are removed.

use crate::files::{Folder, check, maintenance, open, patch};
use persona_model::{Filter, ListRequest, Precondition, Search, Sort};
use persona_storage::conformance::{document, id, write};
use persona_storage::sqlite::SqliteStore;
use persona_storage::{Error, Operation, Store};
use serde_json::{Value, json};

/// Words of the large text, nearly all of them different.
const WORDS: u32 = 60_000;

fn large() -> Value {
    let words: Vec<String> = (0..WORDS).map(|number| format!("w{number}")).collect();
    let texts: Vec<String> = words.chunks(20_000).map(|chunk| chunk.join(" ")).collect();
    json!({ "name": "Novel", "alternate_greetings": texts })
}

/// The personas that a search finds, the same in every order and with a count.
async fn found(store: &SqliteStore, text: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for (sort, count) in [("relevance", false), ("relevance", true), ("name", true)] {
        let filter = Filter { search: Search::parse(text).ok(), ..Filter::default() };
        let sort = sort.parse::<Sort>().expect("an order");
        let page = store
            .list(ListRequest { filter, sort, after: None, limit: 10, count })
            .await
            .expect("listed");
        let mut found: Vec<u8> = page.items.iter().map(|item| item.id.as_bytes()[15]).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        all.push(found);
    }
    assert!(all.iter().all(|found| *found == all[0]), "{text}: {all:?}");
    all.swap_remove(0)
}

/// The parts in the file, with the rows of their personas.
fn parts(folder: &Folder) -> Vec<(i64, Option<i64>)> {
    let file = rusqlite::Connection::open(folder.database()).expect("it opens");
    let mut statement =
        file.prepare("SELECT part, persona FROM text_parts ORDER BY part").expect("SQL");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<rusqlite::Result<_>>().expect("readable")
}

async fn write_large(store: &SqliteStore, number: u8) {
    let create = Operation::Create { id: id(number), document: document(large()) };
    store.write(write(create)).await.expect("created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_text_is_found_by_words_phrases_and_with_small_ones_until_it_is_changed() {
    let folder = Folder::filled(3).await;
    let store = open(&folder.database());
    write_large(&store, 9).await;
    let of_novel = parts(&folder);
    assert!(of_novel.len() >= 7, "{of_novel:?}");
    assert!(of_novel.iter().all(|(_, row)| *row == Some(4)), "{of_novel:?}");
    patch(&store, 2, &json!({ "description": "w5 and others" })).await;
    for (text, wanted) in [
        ("w0", vec![9]),
        ("w5", vec![9, 2]),
        ("w5 w59000", vec![9]),
        ("w59998 novel", vec![9]),
        ("w5 -w59998", vec![2]),
        ("w5999*", vec![9]),
        ("\"w20000 w19999\"", vec![]),
        // Phrases across the ends of parts, wherever the ends are.
        ("\"w8190 w8191 w8192 w8193\"", vec![9]),
        ("\"w16383 w16384 w16385\"", vec![9]),
        ("\"w40958 w40959 w40960 w40961 w40962\"", vec![9]),
    ] {
        assert_eq!(found(&store, text).await, wanted, "{text}");
    }
    patch(&store, 9, &json!({ "nickname": "Tome", "tags": ["long"] })).await;
    assert_eq!(parts(&folder), of_novel, "no word of a text changed");
    assert_eq!(found(&store, "tome w59998").await, [9]);
    patch(&store, 9, &json!({ "description": "preface" })).await;
    let newer = parts(&folder);
    assert!(newer.iter().all(|part| !of_novel.contains(part)), "other parts: {newer:?}");
    assert_eq!(
        (found(&store, "preface w0").await, found(&store, "w59998").await),
        (vec![9], vec![9])
    );
    store.close().await;
    drop(store);
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    let store = open(&folder.database());
    patch(&store, 9, &json!({ "alternate_greetings": [] })).await;
    assert!(parts(&folder).is_empty());
    assert_eq!((found(&store, "w59998").await, found(&store, "preface").await), (vec![], vec![9]));
    store.close().await;
    drop(store);
    assert!(check(&folder.database()).expect("it can be read").is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_write_that_is_refused_writes_no_part() {
    let folder = Folder::filled(1).await;
    let store = open(&folder.database());
    write_large(&store, 9).await;
    let before = parts(&folder);
    let first = store.get(id(9)).await.expect("readable").expect("it is there").tag();
    patch(&store, 9, &json!({ "nickname": "Tome" })).await;
    let mut other = large();
    other["description"] = json!("other");
    let replace = Operation::Replace {
        id: id(9),
        precondition: Precondition::at(first),
        document: document(other.clone()),
    };
    let refused = store.write(write(replace)).await.expect_err("refused");
    assert!(matches!(refused, Error::Stale { .. }), "{refused}");
    let again = Operation::Create { id: id(9), document: document(other) };
    store.write(write(again)).await.expect_err("refused");
    assert_eq!(parts(&folder), before);
    let file = rusqlite::Connection::open(folder.database()).expect("it opens");
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'text_parts'";
    let last: i64 = file.query_row(sql, [], |row| row.get(0)).expect("a number");
    assert_eq!(Some(last), before.last().map(|(part, _)| *part), "none was written and removed");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_writer_left_is_not_found_is_no_damage_and_is_removed() {
    let folder = Folder::filled(2).await;
    let path = folder.database();
    let file = rusqlite::Connection::open(&path).expect("it opens");
    file.execute_batch(
        "INSERT INTO text_parts (persona) VALUES (NULL), (NULL);
         INSERT INTO persona_texts (rowid, text)
         SELECT (1 << 40) + part, 'lost words' FROM text_parts;",
    )
    .expect("two parts without a persona");
    drop(file);
    assert!(check(&path).expect("it can be read").is_sound());
    let store = open(&path);
    assert!(found(&store, "lost").await.is_empty());
    assert_eq!(found(&store, "-lost").await.len(), found(&store, "-nothing").await.len());
    let mut maintenance = maintenance(&path);
    maintenance.tick().expect("maintenance");
    assert!(parts(&folder).is_empty());
    let file = rusqlite::Connection::open(&path).expect("it opens");
    let sql = "SELECT count(*) FROM persona_texts WHERE persona_texts MATCH 'lost'";
    assert_eq!(file.query_row(sql, [], |row| row.get::<_, i64>(0)), Ok(0));
    drop(file);
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
    assert!(check(&path).expect("it can be read").is_sound());
}
