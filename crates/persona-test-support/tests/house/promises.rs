//! What `docs/security.md` promises is proved: each promise names a test that there is.

use std::fs;
use std::path::Path;

use crate::tidy::{all_sources, assert_none};

/// The part of the page in which each item is a promise.
const SECTION: &str = "## What is promised";
/// Words that the name of a test has at least. Shorter names are words of the API.
const WORDS_OF_A_TEST_MIN: usize = 4;

/// The items of the section, a line each.
fn promises(page: &str) -> Vec<&str> {
    let section = page.split_once(SECTION).map_or("", |(_, behind)| behind);
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    section.lines().filter(|line| line.starts_with("- ")).collect()
}

/// What a line has between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_test_name(word: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    word.chars().all(|letter| is_plain(letter) || letter == '_')
        && word.split('_').filter(|part| !part.is_empty()).count() >= WORDS_OF_A_TEST_MIN
}

/// What is wrong with a promise: it names no proof, or one that there is not.
fn problems_of(promise: &str, sources: &[(String, String)]) -> Vec<String> {
    let start: String = promise.chars().take(60).collect();
    let mut proofs = 0;
    let mut problems = Vec::new();
    for word in quoted(promise) {
        let exists = if Path::new(word).extension().is_some_and(|ending| ending == "rs") {
            sources.iter().any(|(path, _)| path.ends_with(&format!("/{word}")))
        } else if is_test_name(word) {
            sources.iter().any(|(_, text)| text.contains(&format!("fn {word}(")))
        } else {
            continue;
        };
        proofs += 1;
        if !exists {
            problems.push(format!("{start}: there is no {word}"));
        }
    }
    if proofs == 0 {
        problems.push(format!("{start}: no test is named"));
    }
    problems
}

#[test]
fn each_promise_of_the_security_page_names_a_test_that_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let page = fs::read_to_string(path).expect("the page");
    let (promises, sources) = (promises(&page), all_sources());
    assert!(promises.len() > 10, "the section was found");
    let problems: Vec<String> =
        promises.iter().flat_map(|promise| problems_of(promise, &sources)).collect();
    assert_none(&problems);
}

#[test]
fn a_promise_without_a_test_and_one_with_a_lost_test_are_found() {
    let page = format!(
        "# Security\n- before\n{SECTION}\n\n- **It holds** (`a_test_that_there_is`).\n- **So**: `x.rs`\n\n## Not\n- behind\n"
    );
    assert_eq!(promises(&page), ["- **It holds** (`a_test_that_there_is`).", "- **So**: `x.rs`"]);
    let sources = [("crates/a/tests/x.rs".to_owned(), "fn a_test_that_there_is() {".to_owned())];
    let count = |promise: &str| problems_of(promise, &sources).len();
    assert_eq!(count("- **It holds** (`a_test_that_there_is`, `x.rs`, `cross_site`)."), 0);
    assert_eq!(count("- **It holds** (`a_test_that_was_lost`, `y.rs`)."), 2);
    assert_eq!(count("- **It holds**: 403 `cross_site`."), 1);
}
