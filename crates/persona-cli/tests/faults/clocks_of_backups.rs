//! 41: scheduled backups while the wall clock of the whole program is wrong.

use std::fs;

use serde_json::json;

use crate::clocks::{TARGET, WrongClock, YEAR_S};
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Server, wait_for};

/// The names of the backups in the folder, in the order of their numbers.
fn backups(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.folder().join("persona.db-backups")).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    names.retain(|name| !name.contains(".unfinished"));
    names.sort();
    names
}

#[test]
fn backups_of_a_fast_clock_make_way_for_those_that_come_after() {
    let clock = WrongClock::new();
    let server = clock.start(1, None, &["--backup-every=1s", "--backup-keep=2"]);
    let year = |name: &String| {
        name.rsplit('-')
            .next()
            .and_then(|stamp| stamp.get(..4)?.parse::<i64>().ok())
            .expect("a year")
    };
    let first = wait_for("a backup", DEADLINE, || backups(&server).pop());
    clock.be_ahead(2 * YEAR_S);
    wait_for("two backups with a wrong time", DEADLINE, || {
        let names = backups(&server);
        (names.len() == 2 && names.iter().all(|name| year(name) > year(&first))).then_some(())
    });
    clock.be_ahead(0);
    wait_for("two backups with the right time again", DEADLINE, || {
        let names = backups(&server);
        (names.len() == 2 && names.iter().all(|name| year(name) == year(&first))).then_some(())
    });
    assert_eq!(server.metric("persona_backups_failed_total"), 0);
    report(41, "backups_of_a_fast_clock", Form::Short, TARGET, &json!({ "kept_out_of_turn": 0 }));
}
