//! The access matrix: each operation of the table with each kind of token, against the running
//! program.

use std::fmt::Write as _;

use persona_http::contract::{OPERATIONS, OperationRow, Scope, Tag};
use serde_json::Value;

use crate::common::tokens::{bearer, create, random_secret, run};
use crate::common::{Client, Server};

/// The identity of the persona that the operations are about; no persona has it at the start.
const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";

/// A kind of credentials, and how much it permits.
struct Kind {
    name: &'static str,
    header: Option<String>,
    /// `None` where the credentials permit no more than none at all.
    permits: Option<Scope>,
    /// The code of the refusals of these credentials.
    refusal: &'static str,
    /// Whether the token is bound to an owner, and so may not ask about the whole server.
    is_bound: bool,
}

/// One of each kind. The tokens of the last two have ended.
fn kinds(server: &Server) -> Vec<Kind> {
    let made =
        |name: &str, flags: &[&str]| bearer(&create(server, &[&["--name", name], flags].concat()));
    let kind = |name, header, permits, refusal| Kind {
        name,
        header,
        permits,
        refusal,
        is_bound: name == "owned",
    };
    let kinds = vec![
        kind("none", None, None, "token_required"),
        kind("unknown", Some(bearer(&random_secret())), None, "token_refused"),
        kind("read", Some(made("r", &["--scope=read"])), Some(Scope::Read), "scope_too_small"),
        kind("write", Some(made("w", &["--scope=write"])), Some(Scope::Write), "scope_too_small"),
        kind("admin", Some(made("a", &["--scope=admin", "--act-as"])), Some(Scope::Admin), ""),
        kind(
            "owned",
            Some(made("o", &["--scope=admin", "--act-as", "--owner=ada"])),
            Some(Scope::Admin),
            "owner_refused",
        ),
        kind(
            "expired",
            Some(made("e", &["--scope=admin", "--expires=run-out"])),
            None,
            "token_refused",
        ),
        kind("revoked", Some(made("x", &["--scope=admin"])), None, "token_refused"),
    ];
    run(server, &["revoke", "x"]);
    kinds
}

fn rank(scope: Scope) -> u8 {
    match scope {
        Scope::Open => 0,
        Scope::Read => 1,
        Scope::Write => 2,
        Scope::Admin => 3,
    }
}

/// The status of an answer, and its code if it is a refusal of access.
fn ask(client: &mut Client, row: &OperationRow, kind: &Kind) -> (u16, Option<String>) {
    let path = row.path.replace("{id}", ID).replace("{revision}", "1").replace("{file}", "x.js");
    let path = path.replace("{version}", "v").replace("{folder}", "f");
    let path = path.replace("{label}", "staging").replace("{token}", "none");
    let mut headers: Vec<(&str, &str)> = Vec::new();
    headers.extend(kind.header.as_deref().map(|value| ("authorization", value)));
    let body = row.bodies.first();
    headers.extend(body.map(|body| ("content-type", body.media_type)));
    // A stream of events has no end, so this request asks for a page of events.
    headers.extend((row.name == "follow_events").then_some(("accept", "application/json")));
    let bytes = body.map_or(&b""[..], |body| body.example.as_bytes());
    let reply = client.request(row.method.as_str(), &path, &headers, bytes).expect("an answer");
    let is_refusal = matches!(reply.status, 401 | 403);
    assert_eq!(
        reply.status == 401,
        reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer"))
            && reply.status != 403,
        "{} with {}: {reply:?}",
        row.name,
        kind.name
    );
    let code = is_refusal.then(|| reply.json()["code"].as_str().unwrap_or_default().to_owned());
    (reply.status, code)
}

/// Sends each operation with each kind, and prints the answers. Returns the cells that are not as
/// the table of operations says.
fn wrong_cells(server: &Server, opened: &[&str]) -> Vec<String> {
    let kinds = kinds(server);
    let mut matrix = format!("{:<20}{:<8}", "operation", "needs");
    for kind in &kinds {
        write!(matrix, "{:<9}", kind.name).expect("a string");
    }
    let mut wrong = Vec::new();
    for row in OPERATIONS {
        let needed = if opened.contains(&row.name) { Scope::Open } else { row.scope };
        write!(matrix, "\n{:<20}{:<8}", row.name, format!("{needed:?}").to_lowercase())
            .expect("a string");
        for kind in &kinds {
            let (status, code) = ask(&mut server.connect(), row, kind);
            let is_within = !kind.is_bound || row.tag != Tag::Server;
            let is_permitted = needed == Scope::Open
                || kind.permits.is_some_and(|permitted| rank(permitted) >= rank(needed))
                    && is_within;
            write!(matrix, "{:<9}", if code.is_some() { status.to_string() } else { "yes".into() })
                .expect("a string");
            let expected = (!is_permitted).then(|| kind.refusal.to_owned());
            if code != expected {
                wrong.push(format!("{} with {}: {status} {code:?}", row.name, kind.name));
            }
        }
    }
    println!("{matrix}");
    wrong
}

#[test]
fn each_token_may_do_what_its_scope_says_and_nothing_else() {
    let server = Server::with_workers(2).start();
    let wrong = wrong_cells(&server, &[]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_opened_for_monitoring_is_open_and_nothing_else() {
    let server = Server::with_workers(1).flag("--open-monitoring").start();
    let wrong = wrong_cells(&server, &["get_status", "get_metrics"]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The control of the tests above: a server that ignores its tokens is open, and each operation
/// that differs from the table is found.
#[test]
fn an_operation_that_does_not_ask_for_a_token_is_noticed() {
    let server = Server::with_workers(1).flag("--fault=overlook-tokens").start();
    let wrong = wrong_cells(&server, &[]);
    let closed = OPERATIONS.iter().filter(|row| row.scope != Scope::Open);
    for row in closed {
        assert!(
            wrong.iter().any(|cell| cell.starts_with(&format!("{} with none", row.name))),
            "{}: {wrong:#?}",
            row.name
        );
    }
}

/// The status, code and detail of a problem.
fn told(reply: &crate::common::Reply) -> (u16, String, String) {
    let problem: Value = reply.json();
    let text = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("detail"))
}

/// The headers of a request, the code of its answer, and a part of the detail.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[test]
fn each_reason_for_a_refusal_has_a_sentence_of_its_own() {
    let server = Server::with_workers(1).start();
    let good = bearer(&create(&server, &["--name=r", "--scope=read"]));
    let expired = bearer(&create(&server, &["--name=e", "--scope=read", "--expires=run-out"]));
    let revoked = bearer(&create(&server, &["--name=x", "--scope=read"]));
    run(&server, &["revoke", "x"]);
    let unknown = bearer(&random_secret());
    let mistyped = format!("{good}0");
    let basic = good.replace("Bearer", "Basic");
    let mut details = std::collections::BTreeSet::new();
    let cases: [Case; 9] = [
        (&[], "token_required", "no token"),
        (&[("x-api-key", &good)], "token_required", "x-api-key is not looked at"),
        (&[("authorization", &basic)], "token_required", "another scheme"),
        (&[("authorization", &good), ("authorization", &good)], "token_refused", "more than once"),
        (&[("authorization", &mistyped)], "token_refused", "is no token"),
        (&[("authorization", &unknown)], "token_refused", "not known"),
        (&[("authorization", &expired)], "token_refused", "has run out"),
        (&[("authorization", &revoked)], "token_refused", "was revoked"),
        (&[("authorization", &good)], "", ""),
    ];
    for (headers, code, words) in cases {
        // Once over the router, and once over the short way of plain reads.
        for path in ["/api/v1/personas", &format!("/api/v1/personas/{ID}")] {
            let reply = server.connect().request("GET", path, headers, b"").expect("an answer");
            if code.is_empty() {
                assert!(matches!(reply.status, 200 | 404), "{reply:?}");
                continue;
            }
            let (status, found, detail) = told(&reply);
            assert_eq!((status, found.as_str()), (401, code), "{detail}");
            assert!(detail.contains(words), "{detail}");
            assert!(!detail.contains("psk_0") && !detail.contains(&good[7..]), "{detail}");
            details.insert(detail);
        }
    }
    assert_eq!(details.len(), 8);
    let query = format!("/api/v1/personas?access_token={}", &good[7..]);
    let reply = server.connect().get(&query).expect("an answer");
    assert_eq!(reply.status, 401, "a token in the query is none: {reply:?}");
}
