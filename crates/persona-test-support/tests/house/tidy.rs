//! House rules that the compiler does not know, checked over the sources of the whole workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file and function, in lines (`docs/style.md`, 1).
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
/// Longest line of a comment, in characters; rustfmt holds the code to the same.
const COMMENT_COLUMNS_MAX: usize = 100;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// Every file below a folder with this ending, as path from the root and text.
pub fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules"].contains(&&*name) && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((
                    path.strip_prefix(&root)
                        .expect("below the root")
                        .to_string_lossy()
                        .into_owned(),
                    text,
                ));
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} below {folder}: this check would prove nothing");
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    files("crates", ".rs")
}

/// The sources of the product, of the benches and of the fuzz targets.
pub fn all_sources() -> Vec<(String, String)> {
    [sources(), files("benches", ".rs"), files("fuzz", ".rs")].concat()
}

pub fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let problems: Vec<String> = all_sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert_none(&problems);
}

/// Start, name and length of every function, by the indentation that rustfmt guarantees.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        let head =
            ["pub ", "pub(super) ", "pub(crate) ", "async ", "const ", "unsafe ", "extern \"C\" "];
        let mut rest = code;
        while let Some(shorter) = head.iter().find_map(|word| rest.strip_prefix(word)) {
            rest = shorter;
        }
        let Some(name) = rest.strip_prefix("fn ") else { continue };
        let mut heads = lines[start..].iter();
        if heads.find(|line| line.ends_with(['{', ';'])).is_some_and(|line| line.ends_with(';')) {
            continue; // Declared in a trait, without a body.
        }
        let end = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[start..].iter().position(|line| *line == end) {
            found.push((name.split(['(', '<']).next().unwrap_or_default().to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut seen = 0;
    let mut problems = Vec::new();
    for (path, text) in all_sources() {
        for (name, lines) in functions(&text) {
            seen += 1;
            if lines > FUNCTION_LINES_MAX {
                problems.push(format!("{path}: {name} has {lines} lines"));
            }
        }
    }
    assert!(seen > 300, "only {seen} functions were found: the search is broken");
    assert_none(&problems);
}

#[test]
fn no_comment_is_wider_than_100_columns() {
    let scripts = ["test", "bench", ".ci/run"]
        .map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).expect("readable")));
    let sources = [all_sources(), files("crates", ".py"), scripts.to_vec()].concat();
    let problems: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| {
            let sign = if path.strip_suffix(".rs").is_some() { "//" } else { "#" };
            text.lines()
                .filter(move |line| line.trim_start().starts_with(sign))
                .filter(|line| line.chars().count() > COMMENT_COLUMNS_MAX)
                .map(move |line| format!("{path}: {line}"))
        })
        .collect();
    assert_none(&problems);
}

/// What git leaves where it cannot merge: these lines outside of examples in documents, which are
/// between fences.
fn has_unmerged_lines(text: &str) -> bool {
    let mut is_example = false;
    text.lines().any(|line| {
        is_example ^= line.starts_with("```");
        !is_example && ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark))
    })
}

#[test]
fn no_file_has_lines_that_git_could_not_merge() {
    assert!(has_unmerged_lines("a\n<<<<<<< ours\nb\n"), "the control");
    let others = [("", ".md"), ("studio", ".js"), ("studio", ".css"), ("crates", ".sql")];
    let others = others.map(|(folder, ending)| files(folder, ending)).concat();
    let all = [all_sources(), others].concat();
    let problems: Vec<String> = all
        .iter()
        .filter(|(_, text)| has_unmerged_lines(text))
        .map(|(path, _)| format!("{path}: lines that git could not merge"))
        .collect();
    assert_none(&problems);
}

#[test]
fn every_module_says_what_lives_in_it() {
    let problems: Vec<String> = all_sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path}: no module header"))
        .collect();
    assert_none(&problems);
}

#[test]
fn sql_lives_only_in_the_backends() {
    let statements =
        ["SELECT ", "INSERT INTO", "UPDATE personas", "DELETE FROM", "CREATE TABLE", "PRAGMA "];
    let backends = ["crates/persona-storage/src/sqlite/", "crates/persona-storage/src/postgres/"];
    let mut inside = [0, 0];
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(|line| line.contains('"') || !path.contains("/tests/"));
        let hits = code.filter(|line| statements.iter().any(|word| line.contains(word))).count();
        if let Some(backend) = backends.iter().position(|backend| path.starts_with(backend)) {
            inside[backend] += hits;
        } else if hits > 0 && path.contains("/src/") {
            problems.push(format!("{path}: SQL outside a backend"));
        }
    }
    assert!(
        inside.iter().all(|hits| *hits > 10),
        "no SQL was found where it belongs: the search is broken"
    );
    assert_none(&problems);
}

#[test]
fn the_model_neither_reads_the_clock_nor_does_input_or_output() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::env",
        "std::time::SystemTime",
        "Instant",
        "tokio",
        "async fn",
    ];
    let problems: Vec<String> = files("crates/persona-model/src", ".rs")
        .iter()
        .flat_map(|(path, text)| {
            let code: String =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            forbidden
                .into_iter()
                .filter(move |word| code.contains(word))
                .map(move |word| format!("{path}: {word}"))
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn every_conformance_case_is_in_the_list_that_backends_run() {
    let list = fs::read_to_string(root().join("crates/persona-storage/src/conformance/mod.rs"))
        .expect("readable");
    let mut cases = 0;
    let mut problems = Vec::new();
    // `steps.rs` has the parts that cases are made of, and no case.
    let modules = files("crates/persona-storage/src/conformance", ".rs")
        .into_iter()
        .filter(|(path, _)| !path.ends_with("/steps.rs"));
    for (path, text) in modules {
        let module = Path::new(&path).file_stem().expect("a name").to_string_lossy().into_owned();
        for name in text
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|rest| rest.split('(').next())
        {
            cases += 1;
            if !list.contains(&format!("{module}::{name},")) {
                problems.push(format!("{path}: {name} is not in the list"));
            }
        }
    }
    assert!(cases > 30, "only {cases} cases were found: the search is broken");
    assert_none(&problems);
}

#[test]
fn nothing_is_left_to_do_and_nothing_is_commented_out() {
    let words = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "todo".to_owned() + "!(",
        "unimplemented".to_owned() + "!(",
    ];
    let problems: Vec<String> = all_sources()
        .iter()
        .flat_map(|(path, text)| {
            words
                .iter()
                .filter(|word| text.contains(word.as_str()))
                .map(move |word| format!("{path}: {word}"))
        })
        .collect();
    assert_none(&problems);
}

/// The files with `unsafe` code: memory that processes share, descriptors that were handed over,
/// three functions of SQLite and one of the C library without a safe interface, and one test that
/// gives SQLite its own memory functions.
const UNSAFE: [&str; 7] = [
    "crates/persona-server/src/listen/inherited.rs",
    "crates/persona-server/src/scoreboard/",
    "crates/persona-server/src/worker/allocator.rs",
    "crates/persona-storage/src/sqlite/sync.rs",
    "crates/persona-storage/src/sqlite/wal_index.rs",
    "crates/persona-storage/src/sqlite/system_error.rs",
    "crates/persona-storage/tests/allocations/memory.rs",
];

#[test]
fn unsafe_code_is_in_few_places_only() {
    let words = [" {", " extern"].map(|rest| "unsafe".to_owned() + rest);
    let problems: Vec<String> = sources()
        .iter()
        .filter(|(path, text)| {
            words.iter().any(|word| text.contains(word.as_str()))
                && !UNSAFE.iter().any(|place| path.starts_with(place))
        })
        .map(|(path, _)| format!("{path}: unsafe code"))
        .collect();
    assert_none(&problems);
}
