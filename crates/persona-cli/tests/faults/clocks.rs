//! 41: the wall clock of the whole program is wrong, by a preloaded library, for a minute or from
//! the start on; on a file, and on a PostgreSQL server with a right clock.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use persona_model::Timestamp;
use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, Reply, Server, wait_for};

pub const TARGET: &str =
    "nothing is removed on the clock's word, and what it stamped lifts nothing";
const HOUR_S: i64 = 3_600;
pub const YEAR_S: i64 = 365 * 24 * HOUR_S;
/// Longest wait for a round of the maintenance process that removes what has expired: there is one
/// each minute.
const ROUND_MAX: Duration = Duration::from_mins(3);

/// A preloaded clock that can be set wrong by any amount.
pub struct WrongClock {
    folder: tempfile::TempDir,
    file: File,
}

impl WrongClock {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clocks/shim.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("shim.so"))
            .arg(source)
            .arg("-ldl")
            .output();
        let output = output.expect("a C compiler");
        assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        let file = File::create(folder.path().join("ahead")).expect("a file");
        let clock = Self { folder, file };
        clock.be_ahead(0);
        clock
    }

    pub fn be_ahead(&self, seconds: i64) {
        self.file.write_all_at(&seconds.to_ne_bytes(), 0).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a server with this clock in all of its processes.
    pub fn start(&self, workers: u16, folder: Option<tempfile::TempDir>, flags: &[&str]) -> Server {
        let text = |name| self.path(name).to_str().expect("UTF-8").to_owned();
        let builder = Server::with_workers(workers)
            .variable("LD_PRELOAD", text("shim.so"))
            .variable("CLOCK_AHEAD_FILE", text("ahead"));
        let builder = flags.iter().fold(builder, |builder, flag| builder.flag(*flag));
        match folder {
            Some(folder) => builder.in_folder(folder).start(),
            None => builder.start(),
        }
    }
}

/// Creates a persona with a key, or repeats that creation.
fn create_once(client: &mut Client) -> Reply {
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let reply = client
        .request("POST", "/api/v1/personas", &headers, br#"{"name":"once"}"#)
        .expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    reply
}

/// A time of an answer, in seconds since the epoch.
fn seconds(reply: &Reply, member: &str) -> i64 {
    assert!(reply.status < 300, "{reply:?}");
    reply.json()[member].as_str().and_then(Timestamp::parse).expect("a time").as_micros()
        / 1_000_000
}

fn a_day_ahead_for_a_minute(form: Form) {
    let clock = WrongClock::new();
    let server = clock.start(2, None, &[]);
    let mut client = server.connect();
    let first = create_once(&mut client);
    let began = seconds(&first, "created_at");
    let path = create(&mut client, "other");
    clock.be_ahead(28 * HOUR_S);
    if form == Form::Long {
        // No client writes, so the wrong clock meets a round of the maintenance process, which
        // holds the write lock until its end.
        wait_for("a round of the maintenance process", ROUND_MAX, || {
            server.log().contains("the clock jumped").then_some(())
        });
    }
    let again = create_once(&mut client);
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "a second persona was made");
    assert_eq!(again.json()["id"], first.json()["id"]);
    let beside = seconds(
        &patch(&mut client, &path, &json!({ "name": "beside" })).expect("an answer"),
        "updated_at",
    );
    assert!((began..began + HOUR_S).contains(&beside), "{beside} is not near {began}");
    // This line proves that the clock was wrong at all.
    server.wait_for_log("the clock jumped");
    clock.be_ahead(0);
    let after = seconds(
        &patch(&mut client, &path, &json!({ "name": "after" })).expect("an answer"),
        "updated_at",
    );
    assert!((beside..began + HOUR_S).contains(&after), "{after} is not near {began}");
    assert_eq!(create_once(&mut client).json()["id"], first.json()["id"]);
    report(
        41,
        "a_day_ahead_for_a_minute",
        form,
        TARGET,
        &json!({ "keys_lost": 0, "longest_lift_s": after - beside }),
    );
}

#[test]
fn a_clock_that_is_a_day_ahead_for_a_minute_costs_no_key() {
    a_day_ahead_for_a_minute(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_clock_that_is_a_day_ahead_for_a_minute_costs_no_key_long() {
    a_day_ahead_for_a_minute(Form::Long);
}

#[test]
fn a_server_that_wrote_a_year_ahead_lifts_no_later_change() {
    let clock = WrongClock::new();
    let server = clock.start(1, None, &[]);
    let mut client = server.connect();
    let [one, two] = ["one", "two"].map(|name| create(&mut client, name));
    let began = seconds(&client.get(&one).expect("an answer"), "updated_at");
    clock.be_ahead(YEAR_S);
    let server = clock.start(1, Some(server.stop_and_keep_the_folder()), &[]);
    let ahead = seconds(
        &patch(&mut server.connect(), &one, &json!({ "nickname": "ahead" })).expect("an answer"),
        "updated_at",
    );
    assert!(ahead >= began + YEAR_S, "the clock was not wrong");
    clock.be_ahead(0);
    let server = clock.start(1, Some(server.stop_and_keep_the_folder()), &[]);
    let mut client = server.connect();
    for path in [&two, &one] {
        let healed = seconds(
            &patch(&mut client, path, &json!({ "nickname": "healed" })).expect("an answer"),
            "updated_at",
        );
        assert!((began..began + HOUR_S).contains(&healed), "{healed} is not near {began}");
    }
    report(41, "a_year_ahead_for_a_write", Form::Short, TARGET, &json!({ "lifted": 0 }));
}
