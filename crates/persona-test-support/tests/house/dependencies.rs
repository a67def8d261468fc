//! Which package may depend on which, read from the resolved graph of all packages.
//!
//! The graph is what cargo builds, so a rule also holds for a dependency that another package
//! brings along. Dependencies of tests and of build scripts are left out: tests may look at a
//! database with its driver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A package, and every package that may depend on it directly.
const RULES: &[(&str, &[&str])] = &[
    // Database drivers: only the storage speaks to a database. The bench drives rivals.
    ("libsqlite3-sys", &["rusqlite"]),
    ("rusqlite", &["persona-storage", "persona-bench"]),
    ("tokio-postgres", &["persona-storage", "deadpool-postgres", "tokio-postgres-rustls"]),
    ("deadpool", &["persona-storage", "deadpool-postgres"]),
    ("deadpool-postgres", &["persona-storage"]),
    ("tokio-postgres-rustls", &["persona-storage"]),
    // The API is the only crate with handlers; everything else serves or calls its router.
    ("axum", &["persona-http", "persona-bench"]),
    // Memory that processes share, and calls of the system: never in the API.
    ("memmap2", &["persona-server"]),
    ("persona-formats", &["persona-http", "persona-cli"]),
    ("persona-http", &["persona-server", "persona-cli"]),
    ("persona-server", &["persona-cli", "persona-bench"]),
    ("persona-cli", &[]),
    ("persona-test-support", &["persona-bench"]),
];

/// A package, and every package of this workspace that may depend on it directly. Packages from
/// outside are free.
const RULES_OF_THE_WORKSPACE: &[(&str, &[&str])] = &[
    ("hyper", &["persona-server", "persona-cli", "persona-bench"]),
    (
        "rustix",
        &[
            "persona-storage",
            "persona-server",
            "persona-cli",
            "persona-test-support",
            "persona-bench",
        ],
    ),
    (
        "tokio",
        &[
            "persona-storage",
            "persona-http",
            "persona-server",
            "persona-cli",
            "persona-test-support",
            "persona-bench",
        ],
    ),
    ("clap", &["persona-server", "persona-cli", "persona-bench"]),
    ("toml", &["persona-server", "persona-cli"]),
    ("persona-storage", &["persona-http", "persona-server", "persona-cli", "persona-bench"]),
];

/// The direct dependents of every package that is part of a build.
fn dependents() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo: {}", String::from_utf8_lossy(&output.stderr));
    let graph: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let names: BTreeMap<String, String> = list(&graph["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut dependents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in list(&graph["resolve"]["nodes"]) {
        for dependency in list(&node["deps"]) {
            // A kind of null is a dependency of the package itself.
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                let name = names[&text(&dependency["pkg"])].clone();
                dependents.entry(name).or_default().insert(names[&text(&node["id"])].clone());
            }
        }
    }
    dependents
}

#[test]
fn each_package_has_only_the_dependents_that_its_rule_names() {
    let dependents = dependents();
    let mut problems = Vec::new();
    for (rules, is_checked) in [
        (RULES, (|_| true) as fn(&str) -> bool),
        (RULES_OF_THE_WORKSPACE, |name| name.starts_with("persona-")),
    ] {
        for (package, allowed) in rules {
            let found = dependents.get(*package).cloned().unwrap_or_default();
            for unused in allowed.iter().filter(|name| !found.contains(**name)) {
                problems
                    .push(format!("{unused} does not depend on {package}: the rule is too wide"));
            }
            for name in found.iter().filter(|name| is_checked(name)) {
                if !allowed.contains(&name.as_str()) {
                    problems.push(format!("{name} must not depend on {package}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_model_and_the_formats_depend_on_nothing_of_ours_but_the_model() {
    let dependents = dependents();
    for (package, found) in dependents.iter().filter(|(name, _)| name.starts_with("persona-")) {
        assert!(!found.contains("persona-model"), "persona-model must not depend on {package}");
        let is_allowed = package == "persona-model" || !found.contains("persona-formats");
        assert!(is_allowed, "persona-formats must not depend on {package}");
    }
}
