//! A scanner of APIs sends what it makes of the OpenAPI document, request after request with what
//! earlier answers told: no answer is a failure of the server, and none has a status, a header or a
//! form that the document does not declare.
//!
//! `requirements.txt` pins the scanner (schemathesis). Its other checks are left out, because they
//! report requests that a schema of single parameters cannot tell from good ones; what they found
//! is in `http::scanners`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::clients::tools::{Tools, run};
use crate::common::Server;
use crate::common::tokens::{bearer, create};

/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// What bounds a scan. The short form makes so many requests of each operation, however long they
/// take, and then goes through the edges of its parameters for so many seconds. The long form goes
/// on for so many seconds.
const SHORT: [&str; 2] = ["--phases=fuzzing,stateful", "--max-examples=4"];
const EDGES: [&str; 2] = ["--phases=examples,coverage", "--max-time=25"];
const LONG: [&str; 2] = ["--phases=examples,coverage,fuzzing,stateful", "--max-time=600"];

/// The scanner over a document in a folder; without the operations of these names. A stream of
/// events has no end, and a restart of the workers is not for a server that other tests measure.
fn scan(
    tools: &Tools,
    server: &Server,
    folder: &Path,
    bounds: [&str; 2],
    without: &[&str],
) -> Command {
    let mut scanner = tools.command("schemathesis");
    scanner
        .args(["run", "openapi.json", "--no-color", "--continue-on-failure", "--seed=17"])
        .args(["--suppress-health-check=all", "--request-timeout=60", "--checks", CHECKS])
        .args(bounds)
        .arg(format!("--url=http://{}", server.address()))
        .current_dir(folder);
    for operation in ["follow_events", "restart_server"].iter().chain(without) {
        scanner.args(["--exclude-operation-id", operation]);
    }
    scanner
}

/// Saves the document of a server, as `change` leaves it.
fn save_document(server: &Server, folder: &Path, change: impl FnOnce(&mut Value)) {
    let mut document = server.connect().get("/api/v1/openapi.json").expect("an answer").json();
    change(&mut document);
    fs::write(folder.join("openapi.json"), document.to_string()).expect("a file");
}

fn scanner() -> Option<Tools> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/scanned/requirements.txt");
    Tools::python_of("scanner of APIs", &pins)
}

/// The number beside a word in what the scanner says at its end: "Tested: 44", "209 generated".
fn count_of(said: &str, word: &str) -> u64 {
    let line = said.lines().rfind(|line| line.contains(word)).unwrap_or_default();
    line.split(|char: char| !char.is_ascii_digit())
        .find_map(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Scans a server that is open, and one with a token of the scope admin.
fn scans_find_nothing(bounds: &[[&str; 2]]) {
    let Some(tools) = scanner() else { return };
    for has_token in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::with_workers(2).start();
        save_document(&server, folder.path(), |_| {});
        // The first token would close an open server, and the end of the only one would end the
        // scan.
        let without: &[&str] =
            if has_token { &["revoke_token", "rotate_token"] } else { &["create_token"] };
        let token =
            has_token.then(|| bearer(&create(&server, &["--name=scanner", "--scope=admin"])));
        let mut said = Vec::new();
        for bounds in bounds {
            let mut scan = scan(&tools, &server, folder.path(), *bounds, without);
            if let Some(token) = &token {
                scan.arg("--header").arg(format!("Authorization: {token}"));
            }
            said.push(run(&mut scan));
        }
        // On a busy machine the time of the edges may be over before the first of them.
        let first = &said[0];
        assert!(count_of(first, "Tested:") > 0 && count_of(first, "generated") > 0, "{first}");
    }
}

#[test]
fn a_scanner_meets_no_failure_and_no_answer_that_is_not_declared() {
    scans_find_nothing(&[SHORT, EDGES]);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_scanner_meets_no_failure_and_no_answer_that_is_not_declared_long() {
    scans_find_nothing(&[LONG]);
}

/// The control of the scan: a document that leaves out one answer is found to do so.
#[test]
fn an_answer_that_the_document_leaves_out_is_found() {
    let Some(tools) = scanner() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::with_workers(1).start();
    save_document(&server, folder.path(), |document| {
        let responses = &mut document["paths"]["/api/v1/problems"]["get"]["responses"];
        let removed = responses.as_object_mut().and_then(|responses| responses.remove("200"));
        assert!(removed.is_some(), "the document declares it: {responses}");
    });
    let mut scan = scan(&tools, &server, folder.path(), SHORT, &[]);
    let output = scan.args(["--include-path", "/api/v1/problems"]).output().expect("the scanner");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("Undocumented status code"), "{said}");
}
