//! No test sleeps: it waits for what must happen, with a bound.
//!
//! A pause that is meant to be long enough is too short on a busy machine and too long on every
//! other one. Tests use `persona-test-support/src/wait.rs`, which looks again and again, and for a
//! load `stop.rs`, in which a pause ends at once.

use crate::tidy::{all_sources, assert_none};

/// Exceptions, where the pause itself is tested or is part of waiting: path, number of calls,
/// reason.
const ARGUED: &[(&str, usize, &str)] = &[
    ("crates/persona-test-support/src/wait.rs", 2, "the pause between two looks"),
    (
        "crates/persona-storage/src/conformance/polling.rs",
        1,
        "the pause between two looks; part of the product's crate, which knows no test support",
    ),
    (
        "crates/persona-storage/tests/postgres/transfer_killed.rs",
        1,
        "the moment of a kill, which is random",
    ),
    (
        "crates/persona-cli/tests/faults/slow_readers.rs",
        1,
        "the pace of a client that reads slowly",
    ),
    (
        "crates/persona-cli/tests/postgres/faults/crowded.rs",
        1,
        "the patience of a client that goes away",
    ),
    ("crates/persona-cli/tests/postgres/transfer.rs", 1, "the pace of clients that write"),
    ("crates/persona-cli/src/client/probe.rs", 1, "the pace of an answer without an end"),
    ("crates/persona-http/src/extract/body.rs", 1, "the pace of a client that sends slowly"),
    ("crates/persona-server/src/worker/stream.rs", 1, "the pace of a client that reads slowly"),
];

/// Calls that let time pass.
const CALLS: [&str; 3] = ["sleep(", "sleep_until(", "park_timeout("];

/// The part of a source file that is compiled for tests only.
fn test_code<'a>(path: &str, text: &'a str) -> &'a str {
    let is_test = path.contains("/tests/")
        || path.ends_with("tests.rs")
        || path.contains("/conformance/")
        || path.contains("/persona-test-support/");
    if is_test {
        return text;
    }
    // The module of tests is the last item of a file.
    text.find("#[cfg(test)]\nmod tests {").map_or("", |start| &text[start..])
}

/// The number of calls that let time pass. A longer name that ends like one of them does not count.
fn pauses(code: &str) -> usize {
    let is_part_of_a_word = |before: &str| {
        before.chars().next_back().is_some_and(|last| last.is_alphanumeric() || last == '_')
    };
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| {
            CALLS.iter().flat_map(move |call| {
                line.match_indices(call).map(move |(start, _)| &line[..start])
            })
        })
        .filter(|before| !is_part_of_a_word(before))
        .count()
}

#[test]
fn no_test_sleeps_but_for_a_reason() {
    let mut left: Vec<_> = ARGUED.to_vec();
    let (mut looked_at, mut problems) = (0, Vec::new());
    for (path, text) in all_sources() {
        let code = test_code(&path, &text);
        looked_at += usize::from(!code.is_empty());
        // This file contains the names of the calls.
        let found = if path.ends_with("house/sleeps.rs") { 0 } else { pauses(code) };
        let argued = left.iter().position(|(known, _, _)| path == *known);
        let allowed = argued.map_or(0, |position| left.remove(position).1);
        if found != allowed {
            problems.push(format!("{path}: {found} pauses, and {allowed} of them are argued"));
        }
    }
    problems.extend(left.iter().map(|(path, _, _)| format!("{path}: it is argued, and not there")));
    assert!(looked_at > 200, "only {looked_at} files of tests were found: the search is broken");
    assert_none(&problems);
}

/// The control: the check finds a pause in code of a test, and nothing else.
#[test]
fn a_pause_is_found_where_it_is_code_of_a_test() {
    let pause = "    std::thread::sleep(PAUSE);\n    // sleep(PAUSE)\n    oversleep(PAUSE);\n";
    let product =
        format!("fn look() {{\n{pause}}}\n\n#[cfg(test)]\nmod tests {{\n{pause}{pause}}}\n");
    assert_eq!(pauses(pause), 1);
    assert_eq!(pauses("tokio::time::sleep(PAUSE).await; park_timeout(PAUSE)"), 2);
    assert_eq!(pauses(test_code("crates/persona-http/src/look.rs", &product)), 2);
    assert_eq!(pauses(test_code("crates/persona-cli/tests/program/look.rs", &product)), 3);
    assert_eq!(pauses(test_code("crates/persona-http/src/look.rs", pause)), 0);
}
