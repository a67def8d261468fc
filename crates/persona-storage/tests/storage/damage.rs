//! Damaged files: refused, reported, or harmless; never served as if they were right, never
//! repaired, never deleted.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::files::{self, Folder, bodies, check, fill, maintenance, open, settings};
use persona_model::{Filter, ListRequest, Patch, Precondition, Revision, Sort};
use persona_storage::conformance::{TestClock, id, idempotent, write};
use persona_storage::sqlite::{DatabaseError, Maintenance, SqliteStore, initialise};
use persona_storage::{Error, Exported, Observer, Operation, Store, WaiterView, Write};
use persona_test_support::wait_for;
use serde_json::json;

const PERSONAS: u8 = 30;
/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_mins(1);
const PAGE_BYTES: usize = 4096;

/// Numbers from a seed (SplitMix64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }
}

/// Damages bytes in one of several ways, and says how.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    let pages = bytes.len() / PAGE_BYTES;
    let (at, page, other) = (random.below(bytes.len()), random.below(pages), random.below(pages));
    let start = page * PAGE_BYTES;
    match random.below(8) {
        0..=2 => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        3 => {
            bytes[start..start + PAGE_BYTES].fill(0);
            format!("page {page} zeroed")
        }
        4 => {
            bytes.truncate(at);
            format!("cut to {at} bytes")
        }
        5 => {
            for offset in 0..PAGE_BYTES {
                bytes.swap(start + offset, other * PAGE_BYTES + offset);
            }
            format!("pages {page} and {other} swapped")
        }
        6 => {
            let length = 1 + random.below(64).min(bytes.len() - at - 1);
            bytes[at..at + length]
                .iter_mut()
                .for_each(|byte| *byte = random.next().to_le_bytes()[0]);
            format!("{length} bytes at {at} overwritten")
        }
        _ => {
            let at = random.below(100);
            bytes[at] = random.next().to_le_bytes()[0];
            format!("byte {at} of the header overwritten")
        }
    }
}

/// Everything that a file says of its personas, and whether it said so without an error.
#[derive(PartialEq, Eq, Debug)]
struct Content {
    answers: Vec<Result<Option<Vec<u8>>, ()>>,
    revisions: Vec<Result<Option<Vec<u8>>, ()>>,
    listed: Result<Vec<Vec<u8>>, ()>,
    exported: Result<Vec<Vec<u8>>, ()>,
}

fn newest_first() -> ListRequest {
    ListRequest {
        filter: Filter::default(),
        sort: Sort::DEFAULT,
        after: None,
        limit: 100,
        count: false,
    }
}

async fn content(path: &Path) -> Option<Content> {
    let clock = Arc::new(TestClock::default());
    let store = persona_storage::sqlite::SqliteStore::open(
        settings(path),
        clock,
        Arc::new(persona_storage::NoObserver),
    )
    .ok()?;
    let mut content =
        Content { answers: Vec::new(), revisions: Vec::new(), listed: Err(()), exported: Err(()) };
    for number in 1..=PERSONAS {
        content.answers.push(
            store
                .get(id(number))
                .await
                .map(|found| found.map(|answer| answer.body.to_vec()))
                .map_err(drop),
        );
        for revision in (1..=5).filter_map(Revision::new) {
            let found = store.revision(id(number), revision).await;
            content.revisions.push(
                found
                    .map(|found| found.map(|record| record.representation.body.to_vec()))
                    .map_err(drop),
            );
        }
    }
    content.listed = store
        .list(newest_first())
        .await
        .map(|page| page.items.iter().map(|answer| answer.body.to_vec()).collect())
        .map_err(drop);
    let mut export = store.export(Exported::All).await.ok()?;
    let mut exported = Ok(Vec::new());
    while let Some(item) = export.recv().await {
        match (&mut exported, item) {
            (Ok(bodies), Ok(answer)) => bodies.push(answer.body.to_vec()),
            (exported, _) => *exported = Err(()),
        }
    }
    content.exported = exported;
    Some(content)
}

/// What became of the mutations.
#[derive(Default, Debug)]
struct Tally {
    refused: u32,
    found: u32,
    harmless: u32,
}

async fn mutate_many(count: u64, seed: u64) -> Tally {
    let sound = Folder::filled(PERSONAS).await;
    let original = fs::read(sound.database()).expect("readable");
    let expected = content(&sound.database()).await.expect("sound");
    let mut tally = Tally::default();
    for number in 0..count {
        let (mut random, mut bytes) = (Random(seed + number), original.clone());
        let what = format!("seed {}: {}", seed + number, mutate(&mut bytes, &mut random));
        let folder = Folder::new();
        fs::write(folder.database(), &bytes).expect("written");
        match examine(&folder.database(), &expected, &what).await {
            Verdict::Refused => tally.refused += 1,
            Verdict::Found => tally.found += 1,
            Verdict::Harmless => tally.harmless += 1,
        }
        let after = fs::read(folder.database()).expect("it is still there");
        // An empty file is a new database, and is made one.
        assert!(after == bytes || bytes.is_empty(), "{what}: the damaged file was changed");
    }
    tally
}

enum Verdict {
    Refused,
    Found,
    Harmless,
}

/// A damaged file is refused at the start, or what it still answers is right and the check says
/// what is wrong.
async fn examine(path: &Path, expected: &Content, what: &str) -> Verdict {
    let checked = check(path);
    let is_sound = match &checked {
        Ok(report) => report.is_sound(),
        Err(error) => {
            assert!(
                error.hint().is_some() || matches!(error, DatabaseError::Backend { .. }),
                "{what}: {error:?}"
            );
            false
        }
    };
    let opened = initialise(&settings(path));
    let Some(found) = (if opened.is_ok() { content(path).await } else { None }) else {
        assert!(
            !is_sound || path.metadata().is_ok_and(|metadata| metadata.len() > 0),
            "{what}: refused, and the check calls it sound"
        );
        return Verdict::Refused;
    };
    let pairs = found
        .answers
        .iter()
        .zip(&expected.answers)
        .chain(found.revisions.iter().zip(&expected.revisions));
    for (found, expected) in pairs {
        if let Ok(Some(body)) = found {
            assert_eq!(
                Some(body),
                expected.as_ref().expect("sound").as_ref(),
                "{what}: served as if it were right"
            );
        }
    }
    for (found, expected) in
        [(&found.listed, &expected.listed), (&found.exported, &expected.exported)]
    {
        let known = expected.as_ref().expect("sound");
        assert!(
            found.iter().flatten().all(|body| known.contains(body)),
            "{what}: a list has what never was"
        );
    }
    assert!(
        !is_sound || found == *expected,
        "{what}: something is missing, and the check calls the file sound"
    );
    if is_sound { Verdict::Harmless } else { Verdict::Found }
}

#[tokio::test]
async fn a_mutated_file_is_refused_or_found_or_reads_as_before() {
    let tally = mutate_many(200, 1).await;
    println!("200 mutations: {tally:?}");
    assert!(
        tally.found > 40 && tally.refused > 10,
        "the mutations do not reach what they should: {tally:?}"
    );
}

#[tokio::test]
#[ignore = "long: run by ./test --long"]
async fn ten_thousand_mutated_files_are_refused_or_found_or_read_as_before() {
    let tally = mutate_many(10_000, 1_000_000).await;
    println!("10,000 mutations: {tally:?}");
    assert!(
        tally.found > 2_000 && tally.refused > 500,
        "the mutations do not reach what they should: {tally:?}"
    );
}

#[tokio::test]
async fn a_log_that_is_damaged_loses_a_suffix_at_most_and_nothing_is_made_up() {
    let (running, empty) = (Folder::new(), Folder::new());
    fill(&empty.database(), 0).await;
    fs::copy(empty.database(), running.database()).expect("copied");
    let store = open(&running.database());
    let mut history = Vec::new();
    for number in 1..=20 {
        files::create(&store, number).await;
        history.push(
            store.get(id(number)).await.expect("readable").map(|answer| answer.body.to_vec()),
        );
    }
    let log = fs::read(running.path("persona.db-wal")).expect("readable");
    for seed in 0..60 {
        let (mut random, mut bytes) = (Random(seed), log.clone());
        let what = format!("seed {seed}: {}", mutate(&mut bytes, &mut random));
        let folder = Folder::new();
        fs::copy(empty.database(), folder.database()).expect("copied");
        fs::write(folder.path("persona.db-wal"), &bytes).expect("written");
        initialise(&settings(&folder.database())).expect("the file itself is sound");
        let found = bodies(&folder.database(), 20).await;
        let kept = found.iter().take_while(|body| body.is_some()).count();
        assert_eq!(found[..kept], history[..kept], "{what}");
        assert!(found[kept..].iter().all(Option::is_none), "{what}: a hole in the history");
        assert!(check(&folder.database()).expect("readable").is_sound(), "{what}");
    }
}

#[tokio::test]
async fn the_wal_of_another_database_is_found() {
    let (folder, other) = (Folder::filled(PERSONAS).await, Folder::new());
    fill(&other.database(), 2).await;
    let store = open(&other.database());
    files::create(&store, 3).await;
    fs::copy(other.path("persona.db-wal"), folder.path("persona.db-wal")).expect("copied");
    match check(&folder.database()) {
        Ok(report) => assert!(!report.is_sound(), "{report:?}"),
        Err(error) => assert!(matches!(error, DatabaseError::Damaged { .. }), "{error:?}"),
    }
}

/// A change of one text of a persona.
fn change_of(number: u8) -> Write {
    let patch = Patch::merge(json!({ "description": "new" })).expect("a patch");
    write(Operation::Patch { id: id(number), precondition: Precondition::Any, patch, base: None })
}

/// Counts what the maintenance process reports.
#[derive(Default)]
struct Found(AtomicU64);

impl WaiterView for Found {}

impl Observer for Found {
    fn damage_found(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_damaged_persona_is_an_error_for_readers_and_writers_and_the_others_are_served() {
    let folder = Folder::filled(4).await;
    folder.change(
        "UPDATE personas SET document = replace(document, 'name 3', 'name 8') WHERE row_id = 3",
    );
    let store = open(&folder.database());
    assert!(matches!(store.get(id(3)).await, Err(Error::Damaged(_))));
    assert!(matches!(store.list(newest_first()).await, Err(Error::Damaged(_))));
    let changed = store.write(change_of(3)).await;
    assert!(
        matches!(changed, Err(Error::Damaged(_))),
        "a change would make the damage look right: {changed:?}"
    );
    assert!(store.get(id(2)).await.expect("readable").is_some());
}

#[tokio::test]
async fn damage_that_reads_and_writes_meet_is_told_once() {
    let folder = Folder::filled(4).await;
    folder.change(
        "UPDATE personas SET document = replace(document, 'name 3', 'name 8') WHERE row_id = 3",
    );
    let found = Arc::new(Found::default());
    let told = || found.0.load(Ordering::SeqCst);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    store.get(id(2)).await.expect("readable");
    assert_eq!(told(), 0);
    store.list(newest_first()).await.expect_err("damaged");
    assert_eq!(told(), 1, "a list");
    store.get(id(3)).await.expect_err("damaged");
    assert_eq!(told(), 1, "the same persona again");
    drop(store);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    let mut export = store.export(Exported::Living).await.expect("it begins");
    while let Some(Ok(_)) = export.recv().await {}
    assert_eq!(told(), 2, "an export of another process");
    drop(store);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    store.write(change_of(3)).await.expect_err("damaged");
    store.write(change_of(3)).await.expect_err("damaged");
    assert_eq!(told(), 3, "writes of another process");
}

#[tokio::test]
async fn a_repeated_request_is_not_answered_with_a_damaged_text() {
    let folder = Folder::filled(1).await;
    let store = open(&folder.database());
    let create = || {
        let document = persona_storage::conformance::document(json!({ "name": "Eve" }));
        store.write(idempotent(write(Operation::Create { id: id(9), document }), "key", 1))
    };
    let first = create().await.expect("created");
    let again = create().await.expect("replayed");
    assert_eq!((again.representation, again.replayed), (first.representation, true));
    folder.change("UPDATE revisions SET document = replace(document, 'Eve', 'Eva') WHERE document LIKE '%Eve%'");
    assert!(matches!(create().await, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn the_maintenance_process_comes_across_damage_that_nobody_reads_and_reports_it_once() {
    let folder = Folder::filled(8).await;
    folder.change("UPDATE personas SET name = 'what it is not' WHERE row_id IN (3, 6)");
    let found = Arc::new(Found::default());
    let mut maintenance = Maintenance::open(
        &settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    let mut come_by = |wanted: u64| {
        wait_for("damage to be found", LONG, || {
            maintenance.tick().expect("maintenance");
            (found.0.load(Ordering::SeqCst) >= wanted).then_some(())
        });
    };
    come_by(2);
    // A look reads all of these personas, so the one that finds the third has come by the first two
    // again.
    folder.change("UPDATE personas SET name = 'what it is not' WHERE row_id = 4");
    come_by(3);
    assert_eq!(found.0.load(Ordering::SeqCst), 3, "once for each, however often it comes by");
}

#[tokio::test]
async fn a_file_of_version_1_gets_its_checksums_and_says_what_it_said() {
    let (new, old) = (Folder::filled(PERSONAS).await, Folder::new());
    let expected = content(&new.database()).await.expect("sound");
    let connection = rusqlite::Connection::open(old.database()).expect("it opens");
    connection.pragma_update(None, "application_id", 0x5053_4e41).expect("a number");
    connection
        .execute_batch(include_str!("../../migrations/sqlite/0001_personas.sql"))
        .expect("the schema of version 1");
    connection.execute("ATTACH ?1 AS new", [new.database().to_str()]).expect("attached");
    for (table, columns) in [
        (
            "personas",
            "row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at, created_by, updated_by, content_hash, head, document",
        ),
        ("persona_tags", "tag, persona"),
        (
            "revisions",
            "persona, revision, parent, base, at, author, note, changed, deleted, head, document",
        ),
        ("changes", "sequence, persona, revision, kind, at"),
    ] {
        connection
            .execute(
                &format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}"),
                [],
            )
            .expect("copied");
    }
    connection.pragma_update(None, "user_version", 1).expect("a number");
    drop(connection);
    let before = check(&old.database()).expect("version 1 can be checked");
    assert!(before.is_sound() && before.schema_version == 1, "{before:?}");
    let backup = old.path("b.db");
    persona_storage::sqlite::back_up(&old.database(), &backup, false, &mut files::go_on)
        .expect("version 1 can be backed up");
    persona_storage::sqlite::restore(&backup, &old.path("restored.db"), false, &mut files::go_on)
        .expect("and restored");
    for path in [old.database(), old.path("restored.db")] {
        let report = initialise(&settings(&path)).expect("migrated");
        assert_eq!((report.migrated_from, report.schema_version), (Some(1), 8));
        assert_eq!(content(&path).await.expect("readable"), expected);
        assert!(check(&path).expect("readable").is_sound());
        drop(maintenance(&path));
    }
}
