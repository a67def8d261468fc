//! Plain words: a comment speaks of programs and processes as things, with a noun as the subject,
//! and a value is named by a noun.

use crate::tidy::{all_sources, assert_none};

/// Words that stand for people.
const WORDS: [&str; 7] = ["who", "whom", "whose", "whoever", "nobody", "somebody", "everybody"];
/// Phrases in which such a word is about people.
const ALLOWED: [&str; 3] = ["who wrote", "people who", "a person who"];

/// The first word for people in a comment, if there is one outside of the allowed phrases.
fn word_in(line: &str) -> Option<&'static str> {
    let comment = line.trim_start().strip_prefix("//")?.to_lowercase();
    let comment = ALLOWED.iter().fold(comment, |text, phrase| text.replace(phrase, ""));
    let words: Vec<&str> = comment.split(|letter: char| !letter.is_alphanumeric()).collect();
    WORDS.into_iter().find(|word| words.contains(word))
}

#[test]
fn comments_have_no_words_for_people_where_programs_are_meant() {
    let mut problems = Vec::new();
    for (path, text) in all_sources() {
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = word_in(line) {
                problems.push(format!("{path}:{}: \"{word}\": {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&problems);
}

/// How a value gets its name in Rust: in a closure, a pattern, a parameter, a loop.
const BINDINGS_OF_IT: [&str; 12] = [
    "|it|",
    "|it:",
    "|it,",
    "|&it",
    "|(it,",
    ", it|",
    ", it)",
    "(it: ",
    "let it ",
    "let mut it ",
    "for it in ",
    "Some(it)",
];

/// Whether a line of code gives a value the name `it`.
fn names_a_value_it(line: &str) -> bool {
    !line.trim_start().starts_with("//") && BINDINGS_OF_IT.iter().any(|form| line.contains(form))
}

#[test]
fn no_value_is_named_it() {
    let mut problems = Vec::new();
    // This file has the forms as texts.
    for (path, text) in all_sources().iter().filter(|(path, _)| !path.ends_with("/words.rs")) {
        for (number, line) in text.lines().enumerate() {
            if names_a_value_it(line) {
                problems.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_check_of_names_finds_them_and_allows_texts() {
    assert!(names_a_value_it("let found = all.iter().find(|it| it.is_new());"));
    assert!(names_a_value_it("pairs.map(|(_, it)| it)"));
    assert!(names_a_value_it("    for it in &matches {"));
    assert!(!names_a_value_it("    // A closure |it| in a comment."));
    assert!(!names_a_value_it("assert!(found, \"the worker ends when it is asked to\");"));
}

#[test]
fn the_check_of_words_finds_them_and_allows_what_is_about_people() {
    assert_eq!(word_in("    // Whoever waits, nobody sees it."), Some("whoever"));
    assert_eq!(word_in("/// The process whose lock it is."), Some("whose"));
    assert_eq!(word_in("//! The author is who wrote the persona."), None);
    assert_eq!(word_in("let who = \"nobody\";"), None);
    assert_eq!(word_in("// The whole of it."), None);
}
