//! 4 and 7: the index of the WAL (the file `-shm`) cannot be made longer at the n-th call that
//! extends it, or all processes are killed just before that call; for commands and for a server
//! that recovers a WAL.
//!
//! SQLite cuts the index to nothing when the first process opens the file, and extends it a page at
//! a time.

use std::path::Path;

use serde_json::json;

use crate::common::Server;
use crate::common::report::{Form, report};
use crate::kill_points::{WORKS, Work, copy_of};
use crate::strace::{Point, fail_at, is_there, kill_at, points_in_files, spread, traced};
use crate::traced_server::{TracedServer, assert_agrees, interrupted};

const TARGET: &str = "every call, 0 lost, 0 refused writes that come back";
const EXTENDING: &str = "pwrite64,ftruncate,fallocate";

/// Options of `strace` that trace only calls about the index of the WAL.
fn of_the_index(folder: &Path) -> [String; 2] {
    ["-P".into(), folder.join("persona.db-shm").display().to_string()]
}

/// The ways to disturb a call.
const WAYS: [fn(&Point) -> String; 3] =
    [kill_at, |point| fail_at(point, "ENOSPC", false), |point| fail_at(point, "ENOSPC", true)];

/// Disturbs a command at each point in each way. Returns how many points there were, and how often
/// the command failed.
fn disturb(work: &Work, most: usize) -> (usize, usize) {
    let template = tempfile::tempdir().expect("a folder");
    (work.prepare)(template.path());
    let undisturbed = copy_of(template.path());
    let points = points_in_files(
        undisturbed.path(),
        EXTENDING,
        &of_the_index(undisturbed.path()),
        &work.arguments(),
    );
    let mut failed = 0;
    for point in spread(points.clone(), most) {
        for way in WAYS {
            let folder = copy_of(template.path());
            let options = [
                &of_the_index(folder.path())[..],
                &["-o".into(), "/dev/null".into(), "-e".into(), way(&point)],
            ]
            .concat();
            let status =
                traced(folder.path(), &options, &work.arguments()).output().expect("strace").status;
            failed += usize::from(!status.success());
            work.check(folder.path(), status.success(), &way(&point));
        }
    }
    (points.len(), failed)
}

fn every_extension_of_the_index(form: Form) {
    if !is_there("every_extension_of_the_index") {
        return;
    }
    let mut figures = Vec::new();
    for work in &WORKS {
        let (points, failed) = disturb(work, form.pick(2, usize::MAX));
        figures.push(
            json!({ "work": work.name, "points": points, "failed": failed, "violations": 0 }),
        );
    }
    let template = interrupted();
    let (mut ready, mut not_ready, mut acknowledged, mut refused) = (0, 0, 0, 0);
    // The first call is needed to recover the WAL. The 60th call reserves room in advance, and a
    // server gets ready even if that call fails.
    for nth in (1..=80).step_by(form.pick(59, 1)) {
        for way in WAYS {
            let folder = copy_of(template.path());
            let injection = way(&Point { call: "pwrite64".into(), nth });
            let options = [
                &of_the_index(folder.path())[..],
                &["-o".into(), "/dev/null".into(), "-e".into(), injection],
            ]
            .concat();
            let mut server = TracedServer::start(folder.path(), &options, &[]);
            let told = server.send_changes(3);
            server.end();
            *if server.was_ready() { &mut ready } else { &mut not_ready } += 1;
            acknowledged += told.acknowledged.len();
            refused += told.refused.len();
            assert_agrees(&Server::with_workers(1).in_folder(folder).start(), &told);
        }
    }
    assert!(
        ready > 0 && not_ready > 0 && acknowledged > 0,
        "{ready} starts, {not_ready} failed, {acknowledged} acknowledged"
    );
    let of_servers = json!({ "starts": ready, "starts_failed": not_ready, "acknowledged": acknowledged, "refused": refused, "lost": 0 });
    report(
        7,
        "every_extension_of_the_index",
        form,
        TARGET,
        &json!({ "commands": figures, "servers": of_servers }),
    );
}

#[test]
fn an_index_that_cannot_be_made_longer_at_any_call_loses_nothing() {
    every_extension_of_the_index(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn an_index_that_cannot_be_made_longer_at_any_call_loses_nothing_long() {
    every_extension_of_the_index(Form::Long);
}
