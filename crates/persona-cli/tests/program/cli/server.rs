//! The same commands against a running server.

use std::process::Stdio;

use insta::assert_snapshot;

use crate::common::runner::{Folder, many};
use crate::common::{DEADLINE, Server, wait_for};

const PROMPTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-formats/testdata/prompts-excerpt.csv");

#[test]
fn commands_do_the_same_over_tcp_as_on_the_file_beside_it() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let file = server.database().display().to_string();
    let folder = Folder::new();
    let imported = folder.run(&["import", PROMPTS, "--server", &url]);
    assert_eq!((imported.code, imported.stdout.as_str()), (0, "13 items in [took]: 13 created\n"));
    let again = folder.run(&["import", PROMPTS, "--database", &file]);
    assert_eq!((again.code, again.stdout.as_str()), (0, "13 items in [took]: 13 unchanged\n"));
    for command in [
        &["list", "--sort=name"] as &[&str],
        &["show", "Ethereum Developer"],
        &["export"],
        &["list", "--kind", "robot"],
    ] {
        let over_tcp = folder.run(&[command, &["--server", &url]].concat());
        assert_eq!(
            over_tcp,
            folder.run(&[command, &["--database", &file]].concat()),
            "{command:?}"
        );
    }
    assert_eq!(folder.run(&["health", "--server", &url]).code, 0);
    assert_eq!(
        folder.run(&["create", "--name", "Ada", "--server", &server.address().to_string()]).code,
        0
    );
    let folder = folder.variable("PERSONA_SERVER", &url);
    assert_eq!(folder.run(&["update", "Ada", "--set", "nickname=A"]).code, 0);
    assert_eq!(folder.run(&["health"]).code, 0);
    assert_eq!(
        folder.run(&["list", "--database", "none.db"]).code,
        3,
        "a database that is named is meant"
    );
    assert_eq!(folder.run(&["show", "Ada", "--database", &file]).code, 0);
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[test]
fn an_import_sends_new_personas_together_and_what_is_there_already_alone() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new().file("many.ndjson", many(1_000));
    let import = || folder.run(&["import", "many.ndjson", "--server", &url]).stdout;
    let answered = |method: &str, route: &str, status: &str| {
        server.metric(&format!(
            "persona_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        ))
    };
    let batches = || answered("POST", "/api/v1/personas/batch", "2xx");
    assert_eq!(import(), "1000 items in [took]: 1000 created\n");
    let of_first = batches();
    assert!((4..500).contains(&of_first), "{of_first} batches");
    assert_eq!(answered("PUT", "/api/v1/personas/{id}", "2xx"), 0, "personas went alone");
    assert_eq!(import(), "1000 items in [took]: 1000 unchanged\n");
    assert!(batches() > of_first, "an item that is there already is found out in a batch too");
}

#[test]
fn an_import_waits_for_its_turns_where_the_server_limits_writes() {
    let server = Server::with_workers(2).flag("--rate-writes=1").start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new().file("many.ndjson", many(1_000));
    let refused = || {
        server.metric(
            "persona_http_requests_total{method=\"POST\",route=\"/api/v1/personas/batch\",status=\"4xx\"}",
        )
    };
    let import = folder
        .command(&["import", "many.ndjson", "--server", &url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the built program");
    // Another client of the same address uses up the budget until a batch was refused, so that the
    // limit is met on a slow machine too.
    let mut other = server.connect();
    wait_for("a refused batch", DEADLINE, || {
        for _ in 0..20 {
            other.request("POST", "/api/v1/personas", &[], b"{}").expect("an answer");
        }
        (refused() > 0).then_some(())
    });
    let ended = import.wait_with_output().expect("a child");
    let stdout = String::from_utf8_lossy(&ended.stdout);
    assert!(
        stdout.starts_with("1000 items in ") && stdout.ends_with(": 1000 created\n"),
        "{ended:?}"
    );
}

#[test]
fn an_import_goes_on_while_the_server_restarts_its_workers() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new().file("many.ndjson", many(2_000));
    let import = folder
        .command(&["import", "many.ndjson", "--json", "--server", &url])
        .spawn()
        .expect("the built program");
    server.signal(rustix::process::Signal::HUP);
    let ended = import.wait_with_output().expect("a child");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let listed = folder.results(&["list", "--plain", "--limit", "3000", "--server", &url]);
    assert_eq!(listed.lines().count(), 2_000);
}

#[test]
fn a_server_that_cannot_be_reached_is_unavailable() {
    let folder = Folder::new();
    // No machine that runs tests has a listener at port 9 (discard).
    assert_snapshot!("unreachable", folder.run(&["health", "--server", "http://127.0.0.1:9"]));
    assert_snapshot!(
        "url_of_the_api",
        folder.run(&["list", "--server", "http://127.0.0.1:9/base/api/v1/"])
    );
    assert_snapshot!("no_url", folder.run(&["list", "--server", "ftp://x"]));
    let folder = folder.file("one.ndjson", "{\"name\":\"A\"}");
    let began = std::time::Instant::now();
    assert_eq!(folder.run(&["import", "one.ndjson", "--server", "http://127.0.0.1:9"]).code, 69);
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "it was tried again and again");
    assert_snapshot!("both_targets", folder.run(&["list", "--server", "x", "--database", "y"]));
}
