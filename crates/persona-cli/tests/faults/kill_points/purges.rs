//! Purges that are killed.

use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::json;

use super::TARGET;
use super::works::copy_of;
use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Server, wait_for};
use crate::ledger::read_whole;
use crate::strace::{CHANGING, Point, is_there, kill_at, points_of, spread, traced};

/// Revisions of the persona that is purged: three transactions remove them.
const REVISIONS: i64 = 601;

/// A folder with a persona that has a long history, and another one; with the identity of the
/// first.
fn template() -> (tempfile::TempDir, String) {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    create(&mut client, "kept");
    let path = create(&mut client, "purged");
    for number in 1..REVISIONS {
        let members = json!({ "description": format!("text {number}") });
        assert_eq!(patch(&mut client, &path, &members).expect("an answer").status, 200);
    }
    drop(client);
    let id = path.rsplit('/').next().expect("an identity").to_owned();
    (server.stop_and_keep_the_folder(), id)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_persona"));
    program.args(arguments).current_dir(folder).env_clear().output().expect("the program")
}

fn number(file: &Connection, sql: &str) -> i64 {
    file.query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// Checks a file after a killed purge, and does the purge again. Returns whether revisions were
/// left to be removed.
#[track_caller]
fn check(folder: &Path, id: &str, how: &str) -> bool {
    let database = folder.join("persona.db");
    let sound = run(folder, &["check", "--database", "persona.db"]);
    assert!(sound.status.success(), "{how}: {sound:?}");
    let file = Connection::open(&database).expect("it opens");
    let living = number(&file, "SELECT count(*) FROM personas WHERE name = 'purged'");
    let tombs = number(&file, "SELECT count(*) FROM purged");
    let told = number(&file, "SELECT count(*) FROM changes WHERE kind = 'purged'");
    assert_eq!((living + tombs, tombs), (1, told), "{how}: all or nothing");
    let kept = number(&file, "SELECT count(*) FROM revisions") - 1;
    let left = number(&file, "SELECT coalesce(sum(revisions_left), 0) FROM purged");
    assert_eq!(kept, if living == 1 { REVISIONS } else { left }, "{how}");
    assert_eq!(read_whole(&database).personas.len(), usize::try_from(1 + living).expect("few"));
    drop(file);
    let arguments = ["delete", id, "--purge", "--yes", "--database", "persona.db"];
    let again = run(folder, &arguments);
    let expected = if living == 1 { 0 } else { 3 };
    assert_eq!(again.status.code(), Some(expected), "{how}: {again:?}");
    left > 0
}

/// The maintenance of a server removes what a killed purge left.
#[track_caller]
fn finish(folder: tempfile::TempDir) {
    let server = Server::with_workers(1).in_folder(folder).start();
    let file = Connection::open(server.database()).expect("it opens");
    wait_for("the removal of every revision", DEADLINE, || {
        (number(&file, "SELECT count(*) FROM revisions") == 1).then_some(())
    });
}

fn every_purge_killed_at_every_call(form: Form) {
    if !is_there("every_purge_killed_at_every_call") {
        return;
    }
    let (template, id) = template();
    let arguments = ["delete", &id, "--purge", "--yes", "--database", "persona.db"];
    let arguments = arguments.map(str::to_owned);
    let points = points_of(copy_of(template.path()).path(), CHANGING, &arguments);
    let count = points.len();
    let (mut killed, mut unfinished) = (0, 0);
    let (writes, others) =
        points.into_iter().partition(|point: &Point| point.call.contains("write"));
    let (few, many) = form.pick((10, 14), (usize::MAX, usize::MAX));
    for point in [spread(others, few), spread(writes, many)].concat() {
        let folder = copy_of(template.path());
        let options = ["-o".into(), "/dev/null".into(), "-e".into(), kill_at(&point)];
        let ended = traced(folder.path(), &options, &arguments).output().expect("strace");
        killed += usize::from(!ended.status.success());
        if check(folder.path(), &id, &format!("killed at {point:?}")) {
            unfinished += 1;
            if unfinished <= form.pick(2, 20) {
                finish(folder);
            }
        }
    }
    assert!(killed > 0 && unfinished > 0, "{killed} were killed, {unfinished} between two steps");
    let figures = json!({ "work": "purge", "points": count, "killed": killed, "unfinished": unfinished, "violations": 0 });
    report(4, "every_purge_killed_at_every_call", form, TARGET, &figures);
}

#[test]
fn purges_that_are_killed_at_any_call_leave_all_or_nothing() {
    every_purge_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn purges_that_are_killed_at_any_call_leave_all_or_nothing_long() {
    every_purge_killed_at_every_call(Form::Long);
}
