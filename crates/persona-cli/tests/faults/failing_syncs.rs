//! 6: every sync of every process fails with an input/output error: the syncs of commands, of a
//! backup and a restore, and of a server from its start on.
//!
//! A change that was not synced is not acknowledged: the command ends with a failure, the server
//! with a message about the disk or with new processes. A second sync that succeeds proves nothing,
//! because the kernel has forgotten which pages the first one failed to write.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::common::Server;
use crate::common::report::{Form, report};
use crate::kill_points::{WORKS, Work, copy_of};
use crate::strace::{Point, fail_at, is_there, points_of, spread, traced};
use crate::traced_server::{TracedServer, assert_agrees, interrupted};

const TARGET: &str = "every sync, 0 told as done, 0 lost";

/// Exit codes of a failed disk, and of a state that has to be tried again or looked at.
const FAILED: [i32; 2] = [74, 75];

/// The files of the calls that were made to fail, such as `/folder/persona.db-wal`, from a record
/// of `strace -y`.
fn failed_files(record: &str) -> Vec<String> {
    let failed = record.lines().filter(|line| line.contains("(INJECTED)"));
    failed.filter_map(|line| Some(line.split_once('<')?.1.split_once('>')?.0.to_owned())).collect()
}

/// The options that make a call fail and note its file in this record.
fn failing(point: &Point, record: &Path) -> Vec<String> {
    [
        "-y".into(),
        "-o".into(),
        record.display().to_string(),
        "-e".into(),
        fail_at(point, "EIO", false),
    ]
    .into()
}

/// Whether one of the failed calls was about a file. The sync of a folder that SQLite makes may
/// fail unseen: it is for the entry of the WAL, and this program synced that entry earlier.
fn has_failed_file(folder: &Path, failed: &[String]) -> bool {
    failed.iter().any(|file| Path::new(file) != folder)
}

/// Fails each sync of a command. Returns how many points there were, and how many of them were
/// about files.
fn fail_each_sync(work: &Work, most: usize) -> (usize, usize) {
    let template = tempfile::tempdir().expect("a folder");
    (work.prepare)(template.path());
    let points = spread(
        points_of(copy_of(template.path()).path(), "fsync,fdatasync", &work.arguments()),
        most,
    );
    let mut of_files = 0;
    for point in &points {
        let (folder, record) = (copy_of(template.path()), NamedTempFile::new().expect("a file"));
        let output = traced(folder.path(), &failing(point, record.path()), &work.arguments())
            .output()
            .expect("strace");
        let (code, said) =
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
        let failed = failed_files(&fs::read_to_string(record.path()).expect("a record"));
        assert!(!failed.is_empty(), "{}: nothing failed at {point:?}", work.name);
        // The first sync of a folder is this program's own.
        if has_failed_file(folder.path(), &failed) || point.nth == 1 {
            of_files += 1;
            assert!(
                code.is_some_and(|code| FAILED.contains(&code)),
                "{}: {code:?} at {point:?} of {failed:?}: {said}",
                work.name
            );
        }
        work.check(
            folder.path(),
            output.status.success(),
            &format!("failed at {point:?} of {failed:?}"),
        );
    }
    (points.len(), of_files)
}

fn every_sync_of_every_command(form: Form) {
    if !is_there("every_sync_of_every_command") {
        return;
    }
    let mut figures = Vec::new();
    for work in &WORKS {
        let (points, of_files) = fail_each_sync(work, form.pick(4, usize::MAX));
        figures.push(
            json!({ "work": work.name, "points": points, "of_files": of_files, "told_as_done": 0 }),
        );
    }
    report(6, "every_sync_of_every_command", form, TARGET, &json!(figures));
}

#[test]
fn a_command_does_not_say_that_it_is_done_after_a_failed_sync() {
    every_sync_of_every_command(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_command_does_not_say_that_it_is_done_after_a_failed_sync_long() {
    every_sync_of_every_command(Form::Long);
}

/// Starts servers in which every process fails at its n-th sync, on a file with a long WAL, and
/// sends changes.
fn every_sync_of_a_server(form: Form) {
    if !is_there("every_sync_of_a_server") {
        return;
    }
    let template = interrupted();
    let (mut points, mut acknowledged, mut refused, mut ended) = (0, 0, 0, 0);
    for nth in form.pick(vec![2, 5], (1..=16).collect()) {
        let (folder, record) = (copy_of(template.path()), NamedTempFile::new().expect("a file"));
        let point = Point { call: "fsync".into(), nth };
        let arguments = ["--durability=full", "--wal-autocheckpoint=1"];
        let mut server =
            TracedServer::start(folder.path(), &failing(&point, record.path()), &arguments);
        let told = server.send_changes(12);
        let said = server.end();
        let failed = failed_files(&fs::read_to_string(record.path()).expect("a record"));
        if has_failed_file(folder.path(), &failed) {
            points += 1;
            let is_told = ["sync of the disk failed", "disk failed", "disk I/O error"]
                .iter()
                .any(|word| said.contains(word));
            assert!(is_told, "{nth} of {failed:?} failed without a word: {said}");
        }
        acknowledged += told.acknowledged.len();
        refused += told.refused.len();
        ended += usize::from(!server.was_ready());
        let server = Server::with_workers(1).in_folder(folder).start();
        assert_agrees(&server, &told);
    }
    assert!(points > 0, "no sync of a file failed");
    let figures = json!({ "points": points, "acknowledged": acknowledged, "refused": refused, "starts_refused": ended, "lost": 0 });
    report(6, "every_sync_of_a_server", form, TARGET, &figures);
}

#[test]
fn a_server_with_processes_that_fail_to_sync_says_so_and_loses_nothing() {
    every_sync_of_a_server(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_server_with_processes_that_fail_to_sync_says_so_and_loses_nothing_long() {
    every_sync_of_a_server(Form::Long);
}
