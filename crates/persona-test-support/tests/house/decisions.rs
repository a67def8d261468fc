//! The records of decisions: what the lines under their titles say of other records is what the
//! index of the records says too, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{assert_none, files};

const FOLDER: &str = "docs/adr";
const INDEX: &str = "docs/adr/README.md";

/// What one record is to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Relation {
    SupersededBy,
    SupersededInPartBy,
    Supersedes,
    AddsTo,
}

/// How records say it, and the relation that it is.
/// Of two that end at the same place the longer one counts, so it stands first.
const WORDS: [(&str, Relation); 7] = [
    ("superseded in part by", Relation::SupersededInPartBy),
    ("superseded by", Relation::SupersededBy),
    ("supersedes in part", Relation::Supersedes),
    ("supersedes", Relation::Supersedes),
    ("adds to", Relation::AddsTo),
    ("extends", Relation::AddsTo),
    ("builds on", Relation::AddsTo),
];

/// The records that a text links to, each with the words before it that say how they stand.
fn relations(text: &str) -> Vec<(Relation, String)> {
    let text = text.replace('\n', " ").to_lowercase();
    let mut found = Vec::new();
    for (place, _) in text.match_indices("](00") {
        let number = text[place + 2..place + 6].to_owned();
        let before = &text[..place];
        let nearest = WORDS
            .iter()
            .filter_map(|(word, relation)| Some((before.rfind(word)?, *relation)))
            .reduce(|nearest, next| if next.0 > nearest.0 { next } else { nearest });
        if let Some((_, relation)) = nearest {
            found.push((relation, number));
        }
    }
    found
}

/// What stands between the title of a record and its first section.
fn header(text: &str) -> &str {
    text.split_once("\n## ").map_or(text, |(header, _)| header)
}

/// Number and file name of a record, with its text.
fn records() -> BTreeMap<String, (String, String)> {
    files(FOLDER, ".md")
        .into_iter()
        .filter(|(path, _)| path != INDEX)
        .map(|(path, text)| {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            (name[..4].to_owned(), (name, text))
        })
        .collect()
}

fn links(records: &BTreeMap<String, (String, String)>, numbers: &BTreeSet<String>) -> String {
    let link = |number: &String| {
        let name = records.get(number).map_or("no such record", |(name, _)| name.as_str());
        format!("[{number}]({name})")
    };
    numbers.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// The status that the index has to give a record, from the headers of all records.
fn status(number: &String, records: &BTreeMap<String, (String, String)>) -> String {
    let own = relations(header(&records[number].1));
    let with = |relation| -> BTreeSet<String> {
        own.iter()
            .filter(|(other, _)| *other == relation)
            .map(|(_, number)| number.clone())
            .collect()
    };
    let superseding = with(Relation::SupersededBy);
    let in_part = with(Relation::SupersededInPartBy);
    let extending: BTreeSet<String> = records
        .iter()
        .filter(|(other, _)| !superseding.contains(*other) && !in_part.contains(*other))
        .filter(|(_, (_, text))| {
            relations(header(text)).contains(&(Relation::AddsTo, number.clone()))
        })
        .map(|(other, _)| other.clone())
        .collect();
    let parts: Vec<String> = [
        ("superseded by", superseding),
        ("superseded in part by", in_part),
        ("extended by", extending),
    ]
    .into_iter()
    .filter(|(_, numbers)| !numbers.is_empty())
    .map(|(words, numbers)| format!("{words} {}", links(records, &numbers)))
    .collect();
    if parts.is_empty() { "accepted".to_owned() } else { parts.join(", ") }
}

#[test]
fn the_index_says_of_each_record_what_the_headers_say() {
    let records = records();
    let index = files(FOLDER, "README.md").remove(0).1;
    let rows: BTreeMap<&str, &str> = index
        .lines()
        .filter_map(|line| Some((line.strip_prefix("| [")?.get(..4)?, line)))
        .collect();
    let mut problems = Vec::new();
    for (number, (name, _)) in &records {
        let Some(row) = rows.get(number.as_str()) else {
            problems.push(format!("{INDEX}: no row for {name}"));
            continue;
        };
        let expected = status(number, &records);
        let found = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        if found != expected {
            problems.push(format!("{INDEX}: the status of {number} has to be:\n  {expected}"));
        }
    }
    let numbers = rows.keys().filter(|number| !records.contains_key(**number));
    problems.extend(numbers.map(|number| format!("{INDEX}: {number} is no record")));
    assert_none(&problems);
}

#[test]
fn a_record_that_is_superseded_says_by_which() {
    let records = records();
    let mut seen = 0;
    let mut problems = Vec::new();
    for (number, (_, text)) in &records {
        for (relation, other) in relations(header(text)) {
            let Some((name, older)) = records.get(&other) else {
                problems.push(format!("{number} names {other}, which is no record"));
                continue;
            };
            if relation == Relation::Supersedes {
                seen += 1;
                let answers = relations(header(older));
                let named = [Relation::SupersededBy, Relation::SupersededInPartBy]
                    .map(|relation| (relation, number.clone()));
                if !named.iter().any(|answer| answers.contains(answer)) {
                    problems.push(format!("{name} does not say that {number} supersedes it"));
                }
            }
        }
    }
    assert!(seen > 5, "only {seen} records supersede another one: the search is broken");
    assert_none(&problems);
}

#[test]
fn the_words_before_a_link_say_how_two_records_stand() {
    let text = "Accepted. Adds to [0002](0002-b.md) and\n[0003](0003-c.md): why. \
                Superseded in part by [0004](0004-d.md); supersedes [0001](0001-a.md).";
    let numbered = |relation, number: &str| (relation, number.to_owned());
    assert_eq!(
        relations(text),
        [
            numbered(Relation::AddsTo, "0002"),
            numbered(Relation::AddsTo, "0003"),
            numbered(Relation::SupersededInPartBy, "0004"),
            numbered(Relation::Supersedes, "0001"),
        ]
    );
    assert_eq!(relations("Accepted. Differs from [0005](0005-e.md)."), []);
}
