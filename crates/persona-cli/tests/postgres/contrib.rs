//! `contrib/` and the list of metrics in the documents name the metrics that `/metrics` has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::Server;
use persona_test_support::{Authority, Cluster};

/// The suffixes that a histogram adds to its name.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn contrib(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib").join(name))
        .expect("a file")
}

/// Every word of a text that looks like the name of a metric of the program.
fn named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
    words.filter(|word| word.starts_with("persona_")).map(str::to_owned).collect()
}

/// Every metric of a server over a file, of one with encrypted connections, and of one over
/// PostgreSQL.
fn given() -> BTreeSet<String> {
    let cluster = Cluster::shared();
    let place = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(place.path());
    let on = |database: String| Server::with_workers(1).flag(format!("--database={database}"));
    let file = on("persona.db".into()).encrypted(&authority, &authority.issue("server"));
    [file, on(cluster.url(&cluster.database()))]
        .into_iter()
        .flat_map(|server| given_by(&server.start()))
        .collect()
}

fn given_by(server: &Server) -> BTreeSet<String> {
    server.connect().get("/healthz").expect("an answer");
    let text =
        String::from_utf8(server.connect().get("/metrics").expect("metrics").body).expect("text");
    let series = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next());
    series.map(str::to_owned).collect()
}

fn unknown(text: &str, given: &BTreeSet<String>) -> Vec<String> {
    named_in(text).into_iter().filter(|name| !given.contains(name)).collect()
}

#[test]
fn every_series_of_the_dashboard_and_of_the_alerts_exists() {
    let given = given();
    for (name, series_min) in [("grafana-dashboard.json", 20), ("alerts.yml", 8)] {
        let text = contrib(name);
        assert!(named_in(&text).len() >= series_min, "{name} names only {:?}", named_in(&text));
        assert_eq!(unknown(&text, &given), [""; 0], "{name}");
        // The positive control: a metric that does not exist is found.
        let wrong = text.replacen("persona_wal_bytes", "persona_wal_megabytes", 1);
        assert_eq!(unknown(&wrong, &given), ["persona_wal_megabytes"], "{name}");
    }
}

#[test]
fn every_metric_of_the_server_is_on_the_dashboard() {
    let shown = bases(&named_in(&contrib("grafana-dashboard.json")));
    let missing: Vec<String> = bases(&given()).difference(&shown).cloned().collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_document_of_monitoring_has_exactly_the_metrics_of_the_server() {
    let given = bases(&given());
    let text = contrib("../docs/monitoring.md");
    let listed = |text: &str| {
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `persona_")).collect();
        named_in(&rows.join("\n"))
    };
    assert_eq!(listed(&text), given);
    // The positive controls: a metric that is missing, and one that does not exist.
    assert_ne!(listed(&text.replace("`persona_writes_total`", "")), given);
    assert_ne!(listed(&text.replace("persona_wal_bytes", "persona_wal_megabytes")), given);
}

/// The names of metrics, without the suffixes of histograms.
fn bases(names: &BTreeSet<String>) -> BTreeSet<String> {
    let base = |name: &String| {
        SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
    };
    names.iter().map(base).collect()
}

#[test]
fn the_dashboard_is_json_and_its_panels_do_not_overlap() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&contrib("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 10, "{}", panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |member: &str| panel["gridPos"][member].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for (x, y) in (at("x")..at("x") + at("w"))
            .flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert((x, y)), "{} overlaps", panel["title"]);
        }
    }
}
