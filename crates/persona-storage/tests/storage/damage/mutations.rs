//! Files with wrong bytes: refused, found by the check, or harmless; never served as if they were
//! right, and never changed.

use std::fs;
use std::path::Path;

use persona_storage::Store;
use persona_storage::conformance::id;
use persona_storage::sqlite::{DatabaseError, initialise};

use super::content::{Content, PERSONAS, content};
use crate::files::{self, Folder, bodies, check, fill, open, settings};

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

/// How many mutations had each verdict.
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
        // An empty file is a new database, which the program fills.
        assert!(after == bytes || bytes.is_empty(), "{what}: the damaged file was changed");
    }
    tally
}

enum Verdict {
    Refused,
    Found,
    Harmless,
}

/// Opens a damaged file: it is refused at the start, or its answers are right and the check says
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
async fn a_wal_that_is_damaged_loses_a_suffix_at_most_and_nothing_is_made_up() {
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
    let wal = fs::read(running.path("persona.db-wal")).expect("readable");
    for seed in 0..60 {
        let (mut random, mut bytes) = (Random(seed), wal.clone());
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
