//! Tests of the view in areas of several sizes.

use insta::assert_snapshot;

use super::super::reading::{Process, Reading, Route, ServerReading, Times};
use super::{Size, View, grouped, line};

const USUAL: Size = Size { columns: 80, rows: 24 };

fn reading(requests: u64) -> Reading {
    let process = |slot| Process {
        slot,
        pid: 4000 + u32::from(slot),
        uptime_s: 7_260,
        restarts: u64::from(slot / 2),
        connections: 16,
        requests: requests / 4,
        writes: 120,
        queue: slot.into(),
        write_lock_users: ["", "in", "waits", "", ""][usize::from(slot)],
    };
    let times = Times { p50: Some(200), p99: Some(5_000) };
    Reading {
        version: "0.1.0".into(),
        uptime_s: 7_263,
        durability: "normal".into(),
        engine: "SQLite 3.54.1 in wal mode on ext4".into(),
        personas: 12_345,
        processes: (0..=4).map(process).collect(),
        requests,
        classes: [requests - 3, 0, 3, 0],
        in_flight: 12,
        writes: 480,
        queue: 7,
        write_lock_wait: times,
        write_lock_hold: Times { p50: Some(100), p99: Some(900) },
        wal_bytes: 3_400_000,
        wal_bytes_max: 64 << 20,
        autocheckpoint: 1000,
        checkpoints: 1,
        last_checkpoint_s: Some(1),
        routes: vec![Route { name: "GET    /api/v1/personas/{id}".into(), requests, took: times }],
        ..Reading::default()
    }
}

fn view() -> View {
    let mut view = View::new("http://127.0.0.1:8000");
    for second in 0..70 {
        view.update(reading(1000 + second * 7 % 100 * 10));
    }
    view
}

fn text(view: &View, place: Size) -> String {
    let lines = view.frame(place).into_iter();
    let texts = lines.map(|line| {
        line.into_iter().map(|span| span.text).collect::<String>().trim_end().to_owned()
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn four_workers_and_every_figure_fit_into_the_smallest_usual_terminal() {
    assert_snapshot!("usual", text(&view(), USUAL));
}

#[test]
fn a_large_terminal_shows_the_routes_too() {
    assert_snapshot!("large", text(&view(), Size { columns: 120, rows: 40 }));
}

#[test]
fn a_server_that_does_not_answer_is_said_and_the_last_figures_stay() {
    let mut view = view();
    view.lost("connection refused");
    view.lost("connection refused");
    let shown = text(&view, USUAL);
    assert!(shown.contains("no answer for 2 s, still trying: connection refused"), "{shown}");
    assert!(shown.contains("worker 4"), "{shown}");
    view.update(reading(5));
    assert!(!text(&view, USUAL).contains("no answer"));
}

#[test]
fn nothing_is_wider_or_higher_than_the_place_however_small_it_is() {
    for place in
        [(1, 1), (20, 5), (80, 24), (200, 60)].map(|(columns, rows)| Size { columns, rows })
    {
        let shown = view().frame(place);
        assert!(shown.len() <= place.rows, "{place:?}");
        let width =
            |line: &super::Line| line.iter().map(|span| span.text.chars().count()).sum::<usize>();
        assert!(shown.iter().all(|line| width(line) <= place.columns), "{place:?}");
    }
}

#[test]
fn a_second_is_one_line_without_a_terminal() {
    let expected = "requests 1000/s, errors 0/s, writes 480/s, queue 7, lock wait p99 5.0 ms, lock hold p99 900 us, log 3.2 MiB, workers 4";
    assert_eq!(line(&reading(1000)), expected);
}

#[test]
fn long_numbers_are_grouped() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
}

#[test]
fn a_database_server_is_shown_with_its_connections_and_without_write_lock_wal_and_checkpoints() {
    let mut view = View::new("http://127.0.0.1:8000");
    let times = Times { p50: Some(200), p99: Some(60_000) };
    let server = ServerReading {
        connections: 93,
        connections_max: 100,
        queue_wait: times,
        transaction: times,
    };
    let reading =
        Reading { server: Some(server), engine: "PostgreSQL 15.9 at db".into(), ..reading(1000) };
    view.update(reading.clone());
    let shown = text(&view, USUAL);
    assert!(
        shown.contains("93 of 100")
            && shown.contains("queue wait")
            && shown.contains("transaction"),
        "{shown}"
    );
    for none in ["write_lock", "LOCK", "WAL", "checkpoints", "foreign lock"] {
        assert!(!shown.contains(none) && !line(&reading).contains(none), "{none}: {shown}");
    }
    assert!(line(&reading).contains("connections 93 of 100"), "{}", line(&reading));
    let json = reading.to_json();
    assert!(json.get("wal_bytes").is_none() && json["database_connections_max"] == 100, "{json}");
}
