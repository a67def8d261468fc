//! Plain words: a comment, and the name of a test or a type, speak of programs and processes as
//! things, with a noun as the subject, and a value is named by a noun.

use crate::tidy::{all_sources, assert_none};

/// Words that stand for people.
const WORDS: [&str; 8] =
    ["who", "whom", "whose", "whoever", "nobody", "somebody", "everybody", "anybody"];
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

/// What may stand before an item of Rust, and what an item begins with.
const BEFORE_ITEMS: [&str; 8] =
    ["pub", "crate)", "super)", "async", "unsafe", "const", "static", "extern"];
const ITEMS: [&str; 6] = ["fn", "struct", "enum", "trait", "type", "mod"];

/// The first word for people in the name of an item that a line begins.
fn word_in_name(line: &str) -> Option<&'static str> {
    let mut words = line.trim_start().split([' ', '(', '<', ':', ';', '=']).peekable();
    let mut is_item = false;
    while let Some(word) = words.peek() {
        if !BEFORE_ITEMS.contains(word) && !ITEMS.contains(word) {
            break;
        }
        is_item |= ITEMS.contains(word) || ["const", "static"].contains(word);
        words.next();
    }
    let name = words.next().filter(|_| is_item)?;
    let (mut spaced, mut is_behind_lower) = (String::new(), false);
    for letter in name.chars() {
        if is_behind_lower && letter.is_uppercase() {
            spaced.push(' ');
        }
        is_behind_lower = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    WORDS.into_iter().find(|word| spaced.split([' ', '_']).any(|part| part == *word))
}

#[test]
fn names_of_items_have_no_words_for_people() {
    let mut problems = Vec::new();
    for (path, text) in all_sources() {
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = word_in_name(line) {
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
fn the_check_of_names_of_items_looks_at_each_part_of_a_name() {
    assert_eq!(word_in_name("async fn a_store_that_nobody_opened() {"), Some("nobody"));
    assert_eq!(word_in_name("pub(crate) struct AnybodyElse<T> {"), Some("anybody"));
    assert_eq!(word_in_name("    const WHO_WRITES: u8 = 1;"), Some("who"));
    assert_eq!(word_in_name("fn the_whole_of_it(who: &str) {"), None);
    assert_eq!(word_in_name("    // A fn nobody() in a comment."), None);
    assert_eq!(word_in_name("    let who = fn_of(nobody);"), None);
}

#[test]
fn the_check_of_words_finds_them_and_allows_what_is_about_people() {
    assert_eq!(word_in("    // Whoever waits, nobody sees it."), Some("whoever"));
    assert_eq!(word_in("/// The process whose lock it is."), Some("whose"));
    assert_eq!(word_in("//! The author is who wrote the persona."), None);
    assert_eq!(word_in("let who = \"nobody\";"), None);
    assert_eq!(word_in("// The whole of it."), None);
}
