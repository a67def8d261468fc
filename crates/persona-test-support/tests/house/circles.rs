//! Imports within a crate: no circle of files leads out of a folder, and what clients know of the
//! API knows no web framework.
//!
//! The imports are read from the text: lines with `use`, and paths that begin with `crate` or
//! `super`. A name that a module hands on counts for the file that has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{assert_none, files};

/// Two folders of a crate, the files of which may import each other in a circle, with the reason.
const ALLOWED: [(&str, &str, &str); 5] = [
    // The table of operations is made of the types of the contract, and these name operations.
    ("persona-http", "contract", "contract/operations"),
    // A document counts the words of itself, by the rules of the search.
    ("persona-model", "", "search"),
    // The store, its errors and its requests name the types of labels, and labels name them.
    ("persona-storage", "", "label"),
    // A view is made of the requests of the store, and these name the viewer that they are for.
    ("persona-storage", "", "view"),
    ("persona-storage", "label", "view"),
];

/// What the contract is made without, so that clients can be made of it.
const FRAMEWORKS: [&str; 5] = ["axum", "axum_core", "hyper", "tokio", "tower"];

/// How often a name is followed that one module hands on to the next.
const HANDED_ON_MAX: u32 = 6;

/// One file with its imports, as far as they are told in it.
struct Module {
    folder: String,
    /// Every path that the file names.
    paths: Vec<String>,
    /// The names that it hands on, with their paths.
    handed_on: BTreeMap<String, String>,
}

type Modules = BTreeMap<String, Module>;

impl Module {
    fn of(folder: &str, code: &str) -> Self {
        let (mut paths, mut handed_on) = (paths_in(code), BTreeMap::new());
        for (is_handed_on, tree) in uses_in(code) {
            for path in expanded(&tree) {
                let last = path.rsplit("::").next().unwrap_or_default().to_owned();
                if is_handed_on {
                    handed_on.insert(last, path);
                } else {
                    paths.push(path);
                }
            }
        }
        Self { folder: folder.to_owned(), paths, handed_on }
    }
}

/// The lines that are code of the program: no comments, and no tests at the end of the file.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    // `pub(in crate::sqlite)` says how far a name is seen, and imports nothing.
    lines.collect::<Vec<_>>().join("\n").replace("(in crate::", "(in ")
}

/// The trees of all `use` in a text, each with whether the names are handed on.
fn uses_in(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default();
        let is_pub = line.starts_with("pub");
        let is_use = line.trim().is_empty() || line.trim_start().starts_with("pub");
        rest = &rest[at + 4..];
        if is_use && let Some(end) = rest.find(';') {
            found.push((is_pub, rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")));
            rest = &rest[end..];
        }
    }
    found
}

/// The paths of a tree: `a::{b, c::d}` has `a::b` and `a::c::d`.
fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, inside)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().to_owned()];
    };
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in inside.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("one at least").push(letter);
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expanded(part)).map(|path| format!("{before}{path}")).collect()
}

/// Paths outside of `use`, such as `super::row::number(found)` and `axum::Router`.
fn paths_in(code: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    code.split(|letter| !is_part(letter))
        .filter_map(|word| {
            let (first, _) = word.split_once("::")?;
            let is_path = matches!(first, "crate" | "super") || FRAMEWORKS.contains(&first);
            is_path.then(|| word.trim_end_matches(':').to_owned())
        })
        .collect()
}

/// The modules of a crate by their paths, without those of tests.
fn modules_of(name: &str) -> Modules {
    let prefix = format!("crates/{name}/src/");
    let sources = files(&prefix, ".rs").into_iter();
    sources
        .filter_map(|(path, text)| {
            let path = path.strip_prefix(&prefix)?.strip_suffix(".rs")?.to_owned();
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
            if file.contains("tests") || path.contains("tests/") {
                return None;
            }
            let module = if ["mod", "lib", "main"].contains(&file) { folder } else { &path };
            let module = module.replace('/', "::");
            Some((module, Module::of(folder, &code_of(&text))))
        })
        .collect()
}

/// The module that has what a path names, seen from another module; `None` for other crates.
fn resolved(modules: &Modules, path: &str, from: &str, handed_on: u32) -> Option<String> {
    let mut steps: Vec<&str> = path.split("::").collect();
    let mut base: Vec<&str> = from.split("::").filter(|step| !step.is_empty()).collect();
    match steps[0] {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            while steps.get(1) == Some(&"super") {
                base.pop();
                steps.remove(0);
            }
            base.pop();
        }
        first => {
            let child = [base.as_slice(), &[first]].concat().join("::");
            if !modules.contains_key(&child) {
                return None;
            }
            steps.insert(0, "self");
        }
    }
    base.extend(&steps[1..]);
    (0..=base.len()).rev().find_map(|length| {
        let name = base[..length].join("::");
        let module = modules.get(&name)?;
        let further = base.get(length).and_then(|step| module.handed_on.get(*step));
        let behind = further
            .filter(|_| handed_on < HANDED_ON_MAX)
            .and_then(|path| resolved(modules, path, &name, handed_on + 1));
        Some(behind.unwrap_or(name))
    })
}

/// For each module the modules that it imports.
fn imports_of(modules: &Modules) -> BTreeMap<&str, BTreeSet<String>> {
    let imports = |name: &str, module: &Module| {
        let all = module.paths.iter().filter_map(|path| resolved(modules, path, name, 0));
        all.filter(|other| other != name).collect()
    };
    modules.iter().map(|(name, module)| (name.as_str(), imports(name, module))).collect()
}

/// Whether one module imports another one, over however many others.
fn reaches(imports: &BTreeMap<&str, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut waiting) = (BTreeSet::from([from]), vec![from]);
    while let Some(module) = waiting.pop() {
        for next in &imports[module] {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                waiting.push(next);
            }
        }
    }
    false
}

/// The imports that are part of a circle and lead out of their folder.
fn circles_between_folders(name: &str, modules: &Modules) -> Vec<String> {
    let imports = imports_of(modules);
    let mut problems = Vec::new();
    for (module, others) in &imports {
        for other in others {
            let folders = [module, other.as_str()].map(|module| modules[module].folder.as_str());
            let is_allowed = folders[0] == folders[1]
                || ALLOWED.iter().any(|(allowed, one, another)| {
                    *allowed == name && (folders == [*one, *another] || folders == [*another, *one])
                });
            if !is_allowed && reaches(&imports, other, module) {
                problems.push(format!("{name}: {module} imports {other}, which leads back to it"));
            }
        }
    }
    problems
}

#[test]
fn no_circle_of_imports_leads_out_of_a_folder() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for name in ["model", "formats", "storage", "http", "server", "cli"] {
        let name = format!("persona-{name}");
        let modules = modules_of(&name);
        seen += imports_of(&modules).values().map(BTreeSet::len).sum::<usize>();
        problems.extend(circles_between_folders(&name, &modules));
    }
    assert!(seen > 1_000, "only {seen} imports were found: the search is broken");
    assert_none(&problems);
}

/// What modules of the contract import that is not of it.
fn strangers_to_the_contract(modules: &Modules) -> Vec<String> {
    let mut problems = Vec::new();
    let of_contract = |name: &str| name == "contract" || name.starts_with("contract::");
    for (name, others) in imports_of(modules).into_iter().filter(|(name, _)| of_contract(name)) {
        let strangers = others.iter().filter(|other| !of_contract(other));
        problems.extend(strangers.map(|other| format!("{name} imports {other}")));
        let paths = modules[name].paths.iter().chain(modules[name].handed_on.values());
        let first = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
        let frameworks: BTreeSet<&String> =
            paths.filter(|path| FRAMEWORKS.contains(&&*first(path))).collect();
        problems.extend(frameworks.into_iter().map(|path| format!("{name} imports {path}")));
    }
    problems
}

#[test]
fn the_contract_imports_no_framework_and_nothing_else_of_its_crate() {
    assert_none(&strangers_to_the_contract(&modules_of("persona-http")));
}

#[test]
fn a_framework_in_the_contract_is_found_wherever_it_is_named() {
    let of = |code| {
        let modules = [("contract::one", code), ("contract::two", ""), ("labels", "use axum::X;")];
        let module = |(name, code): (&str, &str)| {
            let folder = name.rsplit_once("::").map_or("", |(folder, _)| folder);
            (name.to_owned(), Module::of(folder, code))
        };
        strangers_to_the_contract(&modules.into_iter().map(module).collect())
    };
    for found in [
        "use axum::Router;",
        "use tokio;",
        "pub use hyper::body::Body;",
        "fn answer() -> axum::response::Response {}",
        "type Layer = Box<tower::util::BoxService>;",
        "fn other() { crate::labels::X }",
    ] {
        assert_eq!(of(found).len(), 1, "{found}: {:?}", of(found));
    }
    for clean in ["use super::two;", "use serde::Serialize;", "const AXUM: &str = \"axum\";"] {
        assert_eq!(of(clean), [""; 0], "{clean}");
    }
}

#[test]
fn a_circle_is_found_through_names_that_are_handed_on() {
    let root =
        || (String::new(), Module::of("", "mod a;\nmod b;\npub use a::one::{\n    Thing,\n};"));
    let one = |code| ("a::one".to_owned(), Module::of("a", code));
    let two = ("b::two".to_owned(), Module::of("b", "fn of() { crate::Thing::new() }"));
    let folders = [("a".to_owned(), Module::of("a", "")), ("b".to_owned(), Module::of("b", ""))];
    let in_circle = [root(), one("use crate::b::{two, self};"), two].into_iter().chain(folders);
    let problems = circles_between_folders("x", &in_circle.collect());
    assert_eq!(problems.len(), 2, "{problems:?}");
    let alone = [root(), one("use super::super::c;")];
    assert_eq!(circles_between_folders("x", &alone.into_iter().collect()), [""; 0]);
}
