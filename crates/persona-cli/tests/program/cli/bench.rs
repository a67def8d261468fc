//! `persona bench` against a running server.

use rustix::process::Signal;
use serde_json::Value;

use crate::common::runner::Folder;
use crate::common::{DEADLINE, Server, signal, wait_for};

#[test]
fn it_sends_as_many_requests_as_it_should_and_leaves_no_persona_behind() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new();
    let flags = [
        "bench",
        "--server",
        &url,
        "--rate",
        "200",
        "--seconds",
        "1",
        "--connections",
        "4",
        "--personas",
        "5",
        "--json",
    ];
    let report: Value = serde_json::from_str(&folder.results(&flags)).expect("JSON");
    let count = |kind: &str| report[kind]["count"].as_u64().expect("a count");
    assert_eq!(count("reads") + count("writes"), 200, "{report}");
    assert!(
        count("writes") > 0 && count("reads") > count("writes"),
        "a tenth are writes: {report}"
    );
    assert_eq!(report["errors"], serde_json::json!({}));
    assert!(
        report["reads"]["p50_micros"].as_u64() <= report["reads"]["max_micros"].as_u64(),
        "{report}"
    );
    assert_eq!(folder.results(&["list", "--plain", "--server", &url]), "");
}

#[test]
fn personas_can_be_kept_and_are_found_by_their_tag() {
    let server = Server::with_workers(1).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new();
    let ran = folder.run(&[
        "bench",
        "--server",
        &url,
        "--rate",
        "20",
        "--seconds",
        "1",
        "--personas",
        "3",
        "--keep",
    ]);
    assert_eq!(ran.code, 0, "{ran}");
    let listed = folder.results(&["list", "--plain", "--tag", "persona-bench", "--server", &url]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
}

#[test]
fn requests_that_fail_are_counted_and_told_by_the_exit_code() {
    let server = Server::with_workers(1).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new();
    let flags =
        ["bench", "--server", &url, "--rate", "200", "--seconds", "5", "--personas", "1", "--json"];
    let bench = folder.command(&flags).spawn().expect("the built program");
    // Another client deletes the persona while the run goes on, so that the later requests of the
    // run fail.
    let id = wait_for("the persona", DEADLINE, || {
        let listed = folder.results(&["list", "--json", "--server", &url]);
        let persona: Value = serde_json::from_str(listed.lines().next()?).expect("JSON");
        persona["id"].as_str().map(ToString::to_string)
    });
    // The run changes the persona all the time, so its revision may be newer than the one that the
    // command has just seen.
    wait_for("the deletion", DEADLINE, || {
        (folder.run(&["delete", "--yes", &id, "--server", &url]).code == 0).then_some(())
    });
    let ended = bench.wait_with_output().expect("a child");
    assert_eq!(ended.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert!(report["errors"]["410"].as_u64() > Some(0), "{report}");
}

#[test]
fn control_c_ends_the_run_and_the_personas_are_deleted_all_the_same() {
    let server = Server::with_workers(1).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new();
    let bench = folder
        .command(&["bench", "--server", &url, "--seconds", "600", "--personas", "3"])
        .spawn()
        .expect("the built program");
    let list = || folder.results(&["list", "--json", "--server", &url]);
    // Requests begin only when every persona was created, so a change proves that the program is
    // measuring.
    let is_changed = |line: &str| {
        serde_json::from_str::<Value>(line).expect("JSON")["revision"].as_u64() > Some(1)
    };
    wait_for("a change", DEADLINE, || {
        let listed = list();
        (listed.lines().count() == 3 && listed.lines().any(is_changed)).then_some(())
    });
    signal(bench.id(), Signal::INT);
    let ended = bench.wait_with_output().expect("a child");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(list(), "");
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let ran = Folder::new().run(&["bench", "--server", "http://127.0.0.1:9"]);
    assert_eq!(ran.code, 69, "{ran}");
}
