//! Tests that read the text with a strict parser, which checks the rules of the format.

use std::collections::BTreeMap;
use std::time::Duration;

use persona_http::contract::OperationId;
use persona_model::Timestamp;
use persona_storage::{Connected, Observer};

use super::super::{ProcessState, Scoreboard};
use super::{escaped, seconds};

/// Series by their full name with labels, checked against the rules of the format while they are
/// read.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut family: Option<(String, String)> = None;
    let mut helped: Option<String> = None;
    assert!(text.ends_with('\n'), "the last line must end");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split_once(' ').map(|(name, _)| name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a kind");
            assert_eq!(helped.as_deref(), Some(name), "help comes first");
            assert!(
                kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{name} has two types"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (key, value) = line.rsplit_once(' ').expect("a series and a value");
            let (name, labels) = key
                .split_once('{')
                .map_or((key, ""), |(name, rest)| (name, rest.strip_suffix('}').expect("closed")));
            check_labels(labels);
            let (expected, kind) = family.as_ref().expect("a type before the first series");
            let suffix = name.strip_prefix(expected.as_str()).expect("series follow their type");
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(
                series.insert(key.to_owned(), value.parse().expect("a number")).is_none(),
                "{key} twice"
            );
        }
    }
    series
}

fn check_labels(labels: &str) {
    let mut rest = labels;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a name and a quoted value");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut escape = false;
        let end = after
            .char_indices()
            .find(|(_, c)| {
                let closes = *c == '"' && !escape;
                escape = *c == '\\' && !escape;
                closes
            })
            .map(|(at, _)| at)
            .expect("a closing quote");
        rest = after[end + 1..].strip_prefix(',').unwrap_or(&after[end + 1..]);
    }
}

#[test]
fn the_text_keeps_the_rules_of_the_format_and_sums_over_entries() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    scoreboard.set_started_at(Timestamp::from_micros(1_500_000));
    for (slot, generation) in [(0, 1), (1, 1), (1, 2), (2, 1)] {
        let entry = scoreboard.entry(slot, generation);
        entry.prepare(Timestamp::from_micros(2));
        entry.taken_by(100 + u32::from(slot));
        entry.set_state(ProcessState::Serving);
        entry.connection_opened();
        entry.event_stream_opened();
        entry.event_stream_opened();
        entry.event_stream_ended();
        entry.request_answered(Some(OperationId::GetPersona), 200, Duration::from_micros(20));
        entry.committed(Duration::from_millis(3), 4);
        entry.wal_bytes(u64::from(slot) * 100);
    }
    let series = parsed(&scoreboard.prometheus());
    let labels = "method=\"GET\",route=\"/api/v1/personas/{id}\",status=\"2xx\"";
    let expected = [
        ("persona_start_time_seconds".to_owned(), 1.5),
        ("persona_processes{slot=\"1\"}".to_owned(), 2.0),
        ("persona_connections_open{slot=\"1\"}".to_owned(), 2.0),
        ("persona_event_streams_open".to_owned(), 4.0),
        ("persona_wal_bytes".to_owned(), 200.0),
        ("persona_writes_total".to_owned(), 16.0),
        ("persona_transaction_seconds_sum".to_owned(), 0.012),
        ("persona_transaction_writes_bucket{le=\"2\"}".to_owned(), 0.0),
        ("persona_transaction_writes_bucket{le=\"5\"}".to_owned(), 4.0),
        (format!("persona_http_requests_total{{{labels}}}"), 4.0),
        (format!("persona_http_request_duration_seconds_bucket{{{labels},le=\"0.00001\"}}"), 0.0),
        (format!("persona_http_request_duration_seconds_bucket{{{labels},le=\"0.00002\"}}"), 4.0),
        (format!("persona_http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}}"), 4.0),
        (format!("persona_http_request_duration_seconds_count{{{labels}}}"), 4.0),
    ];
    for (name, value) in expected {
        assert_eq!(series.get(&name), Some(&value), "{name}");
    }
}

#[test]
fn a_new_page_has_every_metric_but_no_series_of_requests() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    let series = parsed(&scoreboard.prometheus());
    assert!(series.contains_key("persona_write_lock_wait_seconds_bucket{le=\"+Inf\"}"));
    assert!(!series.keys().any(|name| name.starts_with("persona_http_request_duration")));
    assert!(
        !series.keys().any(|name| name.starts_with("persona_database")),
        "there is no database server"
    );
}

#[test]
fn connections_to_a_database_server_are_told_by_slot() {
    let scoreboard = Scoreboard::create().expect("a scoreboard");
    scoreboard.set_on_server();
    let (first, second) = (scoreboard.entry(1, 1), scoreboard.entry(2, 1));
    for (pid, entry) in [(101, &first), (102, &second)] {
        entry.prepare(Timestamp::from_micros(2));
        entry.taken_by(pid);
        entry.connections_max(8);
    }
    for state in [
        Connected::Open,
        Connected::Open,
        Connected::Open,
        Connected::InUse,
        Connected::Abandoned,
        Connected::Waiting,
    ] {
        first.connected(state);
    }
    second.connected(Connected::Open);
    second.disconnected(Connected::Open);
    first.connection_waited(Duration::from_millis(3));
    let series = parsed(&scoreboard.prometheus());
    let told = |slot: u16| {
        ["in_use", "idle", "waiting", "abandoned", "max"].map(|state| {
            series[&format!("persona_database_connections_{state}{{slot=\"{slot}\"}}")]
        })
    };
    assert_eq!((told(1), told(2)), ([1.0, 1.0, 1.0, 1.0, 8.0], [0.0, 0.0, 0.0, 0.0, 8.0]));
    assert_eq!(series["persona_database_connection_wait_seconds_sum"].to_string(), "0.003");
    assert!(
        !series.keys().any(|name| name.starts_with("persona_write_lock")),
        "there is no write lock"
    );
}

#[test]
fn values_are_written_exactly() {
    assert_eq!(
        [seconds(0), seconds(10), seconds(1_000_000), seconds(12_345_678)],
        ["0", "0.00001", "1", "12.345678"]
    );
    assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
}
