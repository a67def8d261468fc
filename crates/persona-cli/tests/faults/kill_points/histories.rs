//! What drops revisions from histories, killed: an autosave that squashes, `persona prune`, and the
//! migration to the version in which revisions can be dropped.
//!
//! After each kill no revision is changed, none is gone but those that may go, the current one and
//! all that are labelled are there, `persona check` finds nothing, and the work goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::json;

use super::TARGET;
use super::works::copy_of;
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Server, wait_for};
use crate::strace::{CHANGING, Point, is_there, kill_at, points_of, spread, traced};

const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";
/// Revisions of the old history: several transactions drop those that may go.
const REVISIONS: i64 = 301;
/// Revisions with a label.
const LABELLED: [i64; 3] = [4, 120, 299];
/// The autosave that is squashed.
const AUTOSAVE: i64 = REVISIONS + 1;

/// What a file keeps of the persona.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State {
    /// The revisions that are kept, each with its texts.
    kept: BTreeMap<i64, String>,
    current: i64,
    labels: Vec<(String, i64)>,
}

impl State {
    fn of(folder: &Path) -> Self {
        let file = Connection::open(folder.join("persona.db")).expect("it opens");
        file.busy_timeout(DEADLINE).expect("a time");
        let mut revisions = file
            .prepare(
                "SELECT r.revision, r.head || r.document FROM revisions AS r
                 JOIN changes AS c USING (sequence)
                 JOIN personas AS p ON p.id = c.persona
                 WHERE p.row_id = (SELECT min(row_id) FROM personas) AND r.head <> ''",
            )
            .expect("SQL");
        let row = |found: &rusqlite::Row<'_>| Ok((found.get(0)?, found.get(1)?));
        let kept = revisions.query_map([], row).expect("rows").map(|row| row.expect("a row"));
        let mut labels = file
            .prepare(
                "SELECT m.label, m.revision FROM labels AS l
                 JOIN label_moves AS m USING (persona, label, version) ORDER BY m.label",
            )
            .expect("SQL");
        let row = |found: &rusqlite::Row<'_>| Ok((found.get(0)?, found.get(1)?));
        let labels = labels.query_map([], row).expect("rows").map(|row| row.expect("a row"));
        let current = "SELECT revision FROM personas ORDER BY row_id LIMIT 1";
        Self {
            kept: kept.collect(),
            labels: labels.collect(),
            current: file.query_row(current, [], |row| row.get(0)).expect("a number"),
        }
    }

    /// Checks that the state comes from another one by dropping none but revisions that may go, and
    /// by adding some. Returns those that are gone.
    #[track_caller]
    fn comes_from(&self, before: &Self, may_go: fn(i64) -> bool, how: &str) -> Vec<i64> {
        assert_eq!(self.labels, before.labels, "{how}");
        assert!(self.kept.contains_key(&self.current), "{how}: the current one is gone");
        let mut gone = Vec::new();
        for (revision, texts) in &before.kept {
            match self.kept.get(revision) {
                Some(kept) => assert_eq!(kept, texts, "{how}: revision {revision}"),
                None => gone.push(*revision),
            }
        }
        let wrongly = gone.iter().filter(|revision| !may_go(**revision)).collect::<Vec<_>>();
        assert!(wrongly.is_empty(), "{how}: {wrongly:?} are gone");
        gone
    }
}

/// Something that one command does.
struct Work {
    name: &'static str,
    prepare: fn(&Path),
    arguments: &'static [&'static str],
    may_go: fn(i64) -> bool,
    /// How many revisions are gone when it is done.
    gone: usize,
    /// The current revision when it is done.
    current: i64,
}

const AUTOSAVES: [&[&str]; 2] = [
    &[
        "update",
        ID,
        "--set=nickname=first",
        "--squash=900",
        "--author=ann",
        "--database=persona.db",
    ],
    &["update", ID, "--set=nickname=next", "--squash=900", "--author=ann", "--database=persona.db"],
];

const SQUASH: Work = Work {
    name: "squash",
    prepare: |folder| {
        old_history(folder);
        run(folder, AUTOSAVES[0]);
    },
    arguments: AUTOSAVES[1],
    may_go: |revision| revision == AUTOSAVE,
    gone: 1,
    current: AUTOSAVE + 1,
};

const RETENTION: Work = Work {
    name: "retention",
    prepare: old_history,
    arguments: &["prune", "--keep=30d", "--database=persona.db"],
    may_go: |revision| (2..REVISIONS - 1).contains(&revision) && !LABELLED.contains(&revision),
    gone: 295,
    current: REVISIONS,
};

const MIGRATION: Work = Work {
    name: "migration to version 15",
    prepare: |folder| {
        old_history(folder);
        let older = "ALTER TABLE personas DROP COLUMN autosaved_since;
                     DROP INDEX label_moves_by_revision;
                     PRAGMA user_version = 14";
        let file = Connection::open(folder.join("persona.db")).expect("it opens");
        file.execute_batch(older).expect("the version before");
    },
    arguments: &["list", "--database=persona.db"],
    may_go: |_| false,
    gone: 0,
    current: REVISIONS,
};

/// Makes a database with a persona that has a long history with labels, all of it of 2020.
fn old_history(folder: &Path) {
    let line = |revision: i64| {
        let at = format!("2020-01-01T{:02}:{:02}:00Z", revision / 60, revision % 60);
        let mut persona = json!({
            "id": ID, "revision": revision, "name": format!("Ada {revision}"),
            "description": "x".repeat(500), "created_at": "2020-01-01T00:01:00Z", "updated_at": at,
            "created_by": "ann", "updated_by": "ann", "deleted_at": null,
            "history": { "last": REVISIONS, "base": null },
        });
        if revision == REVISIONS {
            let label = |revision: i64| {
                let at = "2020-01-02T00:00:00Z";
                (format!("of-{revision}"), json!({ "revision": revision, "at": at, "by": null }))
            };
            let labels: serde_json::Map<_, _> = LABELLED.into_iter().map(label).collect();
            persona["history"]["labels"] = labels.into();
        }
        format!("{persona}\n")
    };
    let lines: String = (1..=REVISIONS).map(line).collect();
    std::fs::write(folder.join("history.ndjson"), lines).expect("written");
    run(folder, &["import", "history.ndjson", "--create", "--quiet", "--database=persona.db"]);
    std::fs::remove_file(folder.join("history.ndjson")).expect("a file");
}

fn ran(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_persona"));
    program.args(arguments).current_dir(folder).env_clear().output().expect("the program")
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str]) {
    let ran = ran(folder, arguments);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{arguments:?}: {said}");
}

impl Work {
    /// Checks a file after the work was killed, and does the work again. Returns whether the work
    /// was done in part.
    #[track_caller]
    fn check(&self, folder: &Path, before: &State, how: &str) -> bool {
        let how = format!("{}, {how}", self.name);
        let killed = State::of(folder);
        let gone = killed.comes_from(before, self.may_go, &how).len();
        // A file of the older version is not for the check.
        if self.gone > 0 {
            run(folder, &["check", "--database=persona.db"]);
        }
        run(folder, self.arguments);
        let done = State::of(folder);
        assert_eq!(done.comes_from(before, self.may_go, &how).len(), self.gone, "{how}");
        assert_eq!(done.current, self.current, "{how}");
        run(folder, &["check", "--database=persona.db"]);
        let copy = folder.join("persona.db-before-version-15");
        if copy.exists() {
            let sound: String = Connection::open(copy)
                .and_then(|copy| copy.pragma_query_value(None, "integrity_check", |row| row.get(0)))
                .expect("a file");
            assert_eq!(sound, "ok", "{how}: the copy");
        }
        gone > 0 && gone < self.gone
    }
}

/// The maintenance of a server goes on with what a killed command has left.
#[track_caller]
fn finish(folder: tempfile::TempDir, before: &State) {
    let server = Server::with_workers(1).in_folder(folder).flag("--history-keep=30d").start();
    wait_for("the last old revision", DEADLINE, || {
        let now = State::of(server.folder());
        let gone = now.comes_from(before, RETENTION.may_go, "finished by a server");
        (gone.len() == RETENTION.gone).then_some(())
    });
}

fn killed_at_every_call(work: &Work, form: Form) {
    if !is_there("every_dropped_revision_killed_at_every_call") {
        return;
    }
    let template = tempfile::tempdir().expect("a folder");
    (work.prepare)(template.path());
    let before = State::of(template.path());
    assert!(before.kept.len() >= 301 && before.labels.len() == 3, "{before:?}");
    let arguments: Vec<String> = work.arguments.iter().map(|&one| one.to_owned()).collect();
    let points = points_of(copy_of(template.path()).path(), CHANGING, &arguments);
    let count = points.len();
    let (mut killed, mut unfinished) = (0, 0);
    let (writes, others) =
        points.into_iter().partition(|point: &Point| point.call.contains("write"));
    let (few, many) = form.pick((8, 12), (usize::MAX, usize::MAX));
    for point in [spread(others, few), spread(writes, many)].concat() {
        let folder = copy_of(template.path());
        let options = ["-o".into(), "/dev/null".into(), "-e".into(), kill_at(&point)];
        let ended = traced(folder.path(), &options, &arguments).output().expect("strace");
        killed += usize::from(!ended.status.success());
        let for_server = copy_of(folder.path());
        if work.check(folder.path(), &before, &format!("killed at {point:?}")) {
            unfinished += 1;
            if unfinished <= form.pick(2, 20) {
                finish(for_server, &before);
            }
        }
    }
    assert!(killed > 0, "nothing was killed");
    assert_eq!(unfinished > 0, work.name == RETENTION.name, "{unfinished} were done in part");
    let figures = json!({ "work": work.name, "points": count, "killed": killed, "unfinished": unfinished, "violations": 0 });
    report(4, "every_dropped_revision_killed_at_every_call", form, TARGET, &figures);
}

#[test]
fn a_squash_that_is_killed_at_any_call_loses_nothing() {
    killed_at_every_call(&SQUASH, Form::Short);
}

#[test]
fn retention_that_is_killed_at_any_call_drops_what_may_go_and_goes_on() {
    killed_at_every_call(&RETENTION, Form::Short);
}

#[test]
fn a_migration_to_dropped_revisions_that_is_killed_at_any_call_loses_nothing() {
    killed_at_every_call(&MIGRATION, Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn what_drops_revisions_and_is_killed_at_any_call_loses_nothing_long() {
    for work in [&SQUASH, &RETENTION, &MIGRATION] {
        killed_at_every_call(work, Form::Long);
    }
}
