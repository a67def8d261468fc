//! The command on real servers: clean runs, kills, other people's servers, and what can go wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::tokens::{create, random_secret};
use crate::common::{DEADLINE, Server, signal, wait_for};

fn command(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command.arg("verify").args(flags).current_dir(folder).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, flags: &[&str]) -> Output {
    command(folder, flags).output().expect("the built program")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The report of a run that must have found no fault.
#[track_caller]
fn good(output: &Output) -> Value {
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(
        (&report["verdict"], &report["staleness_max_micros"]),
        (&"ok".into(), &0.into()),
        "{report}"
    );
    report
}

#[test]
fn a_scratch_server_keeps_its_promise_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = good(&run(
        folder.path(),
        &["--seconds=2", "--clients=8", "--hot-keys=2", "--json", "--seed=1"],
    ));
    for operation in ["create", "patch", "replace", "read", "visit"] {
        assert!(
            report["operations"][operation]["done"].as_u64() > Some(0),
            "{operation}: {report}"
        );
    }
    assert_eq!(report["writes_without_answer"]["happened"], 0, "{report}");
    assert!(report["visits"].as_u64() > Some(100), "{report}");
    assert_eq!(report["workers"].as_array().map(Vec::len), Some(4), "{report}");
    // Two refusals by a condition, one for lack of time, and one for lack of space, where the disk
    // has less than a tebibyte.
    assert!(report["refused_before_a_kill"].as_u64() >= Some(3), "{report}");
    assert_eq!(report["restored"], true);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0,
        "the scratch folder is removed"
    );
}

#[test]
fn kills_of_workers_maintenance_process_and_supervisor_break_no_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = good(&run(
        folder.path(),
        &["--seconds=4", "--clients=16", "--chaos=supervisor", "--json", "--seed=4"],
    ));
    let kills = |role: &str| report["kills"][role].as_u64().unwrap_or_default();
    assert!(kills("workers") + kills("maintenance") >= 3 && kills("supervisors") >= 1, "{report}");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn ten_minutes_of_kills_break_no_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    for chaos in ["--chaos", "--chaos=supervisor"] {
        let output = run(folder.path(), &["--seconds=600", "--clients=64", chaos, "--json"]);
        println!("{}", good(&output));
    }
}

#[test]
fn the_report_for_people_ends_with_the_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let output =
        run(folder.path(), &["--seconds=1", "--clients=4", "--workers=2", "--durability=full"]);
    let report = text(&output.stdout);
    assert!(
        output.status.success()
            && report.ends_with("Nothing lost, nothing stale, nothing locked.\n"),
        "{report}"
    );
    for part in [
        "4 clients through 2 workers",
        "D  every acknowledged write is there",
        "Staleness     worst 0 us",
        "Fairness",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(
        text(&output.stderr).contains("of 1 s: "),
        "progress is told: {}",
        text(&output.stderr)
    );
}

#[test]
fn a_running_server_is_verified_and_left_without_the_personas_of_the_run() {
    let server = Server::with_workers(3).flag("--expose-worker").start();
    let url = format!("http://{}", server.address());
    // Two runs with the same seed: the second must not meet the keys and names of the first.
    for _ in 0..2 {
        let report = good(&run(
            server.folder(),
            &["--server", &url, "--seconds=1", "--clients=6", "--json", "--seed=5"],
        ));
        assert_eq!(report["workers"].as_array().map(Vec::len), Some(3), "{report}");
    }
    let status = server.connect().get("/api/v1/status").expect("an answer").json();
    assert_eq!(status["personas"], 0, "{status}");
}

#[test]
fn a_server_with_tokens_is_verified_with_one_that_permits_it_and_no_refusal_breaks_a_promise() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let url = format!("http://{}", server.address());
    let tokens = [
        (create(&server, &["--name=all", "--scope=admin"]), None),
        (create(&server, &["--name=ada", "--scope=admin", "--owner=ada"]), Some("owner ada")),
        (create(&server, &["--name=reader", "--scope=read"]), Some("the scope read")),
        (random_secret(), Some("not known here")),
    ];
    let flags = ["--server", &url, "--seconds=1", "--clients=6", "--json", "--seed=5"];
    for (secret, why) in tokens {
        let ran = command(server.folder(), &flags).env("PERSONA_TOKEN", secret).output();
        let ran = ran.expect("the built program");
        match why {
            None => {
                let report = good(&ran);
                assert!(report["operations"]["patch"]["done"].as_u64() > Some(0), "{report}");
            }
            Some(why) => {
                let told = text(&ran.stderr);
                assert!(!ran.status.success() && told.contains(why), "{told}");
                assert!(told.contains("--token-file"), "{told}");
            }
        }
    }
    let without = run(server.folder(), &flags);
    assert!(text(&without.stderr).contains("does not let this program in"), "{without:?}");
}

#[test]
fn a_server_that_does_not_name_its_workers_is_verified_all_the_same() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let report =
        good(&run(server.folder(), &["--server", &url, "--seconds=1", "--clients=4", "--json"]));
    assert!(report["visits"].as_u64() > Some(0), "{report}");
    assert_eq!(report["workers_named"], false);
    let output = run(server.folder(), &["--server", &url, "--seconds=1", "--clients=4"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("outlives a restore not looked at"), "{text}");
    assert!(
        text.contains("see a write at once     not looked at")
            && text.contains("start it with --expose-worker"),
        "{text}"
    );
}

/// Starts a run and waits until it reports its progress.
fn started(folder: &Path, flags: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = command(folder, flags).spawn().expect("the built program");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    assert!(line.contains("requests"), "{line}");
    (child, stderr)
}

#[test]
fn an_interrupted_load_is_still_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (child, stderr) = started(folder.path(), &["--seconds=600", "--clients=4", "--json"]);
    assert!(signal(child.id(), Signal::INT));
    let output = child.wait_with_output().expect("a child");
    drop(stderr);
    let report = good(&output);
    assert!(report["seconds"].as_f64() < Some(500.0), "{report}");
}

#[test]
fn a_server_that_goes_away_is_told_with_code_69() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("http://{}", server.address());
    let (mut child, mut stderr) =
        started(folder.path(), &["--server", &url, "--seconds=600", "--clients=4"]);
    drop(server);
    let ended = wait_for("the end of the run", DEADLINE, || child.try_wait().expect("a child"));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut said).expect("text");
    assert_eq!(ended.code(), Some(69), "{said}");
    assert!(said.contains("went away") && said.contains("hint: "), "{said}");
}

/// The process number of the scratch server that has its folder inside this one.
fn scratch_server(folder: &Path) -> Option<u32> {
    let of = folder.to_str().expect("a path of text").to_owned();
    let pids = std::fs::read_dir("/proc")
        .expect("a mounted /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let serves = |pid: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("\0serve\0") && line.contains(&of)
    };
    pids.into_iter().find(serves)
}

#[test]
fn a_scratch_server_that_ends_by_itself_is_a_broken_promise_and_its_files_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (child, stderr) = started(folder.path(), &["--seconds=600", "--clients=4", "--json"]);
    assert!(signal(scratch_server(folder.path()).expect("a server"), Signal::KILL));
    let output = child.wait_with_output().expect("a child");
    drop(stderr);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(
        (output.status.code(), &report["verdict"]),
        (Some(1), &"violated".into()),
        "{report}"
    );
    let kept = Path::new(report["kept"].as_str().expect("a folder"));
    assert!(kept.join("persona.db").exists() && kept.join("server.log").exists(), "{report}");
}

#[test]
fn what_cannot_be_verified_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusals: [(&[&str], i32, &str); 6] = [
        (&["--server", "http://127.0.0.1:1", "--chaos"], 2, "not this program's to kill"),
        (&["--server", "ftp://127.0.0.1"], 2, "must begin with http://"),
        (&["--server", "http://127.0.0.1:1"], 69, "went away"),
        (&["--dir", "nowhere"], 3, "there is no folder nowhere"),
        (&["--workers=5"], 2, "a SQLite file has at most 4 workers"),
        (&["--server", "http://127.0.0.1:1", "--dir", "."], 2, "cannot be used with"),
    ];
    for (flags, code, said) in refusals {
        let output = run(folder.path(), flags);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{flags:?}: {}", text(&output.stderr));
    }
}
