//! The access matrix: each operation of the table with each kind of token, against the running
//! program.

use std::fmt::Write as _;

use persona_http::contract::{Method, OPERATIONS, OperationRow, Scope, Tag};
use serde_json::Value;

use crate::common::tokens::{bearer, create, random_secret, run, sign_in};
use crate::common::{Server, settle};

/// The identity of the persona that the operations are about; no persona has it at the start.
const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";
const SESSION: &str = "/api/v1/session";

/// A kind of credentials, and how much it permits.
struct Kind {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    /// `None` where the credentials permit no more than none at all.
    permits: Option<Scope>,
    /// The code of the refusals of these credentials.
    refusal: &'static str,
    /// Whether the token is bound to an owner, and so may not ask about the whole server.
    is_bound: bool,
    /// Whether a page of another site sends the request, which so may change nothing.
    is_foreign: bool,
    /// How a session is made anew, where the operation before may have ended it.
    link: Option<&'static [&'static str]>,
}

impl Kind {
    fn new(name: &'static str, headers: Vec<(&'static str, String)>) -> Self {
        let refusal = "token_refused";
        let (is_bound, is_foreign) = (name.ends_with("owned"), name.ends_with("other"));
        Self { name, headers, permits: None, refusal, is_bound, is_foreign, link: None }
    }

    fn permits(self, permitted: Scope) -> Self {
        let refusal = if self.is_bound { "owner_refused" } else { "scope_too_small" };
        Self { permits: Some(permitted), refusal, ..self }
    }

    /// The same credentials, which no operation has ended yet.
    fn fresh(&self, server: &Server) -> Vec<(&'static str, String)> {
        let Some(flags) = self.link else { return self.headers.clone() };
        let cookie = ("cookie", sign_in(server, flags));
        let others = self.headers.iter().filter(|(name, _)| *name != "cookie").cloned();
        others.chain([cookie]).collect()
    }
}

/// One kind of each credential in `Authorization`. The tokens of the last two have ended.
fn tokens(server: &Server) -> Vec<Kind> {
    let made = |name: &'static str, flags: &[&str]| {
        let secret = create(server, &[&["--name", name], flags].concat());
        Kind::new(name, vec![("authorization", bearer(&secret))])
    };
    let unknown = vec![("authorization", bearer(&random_secret()))];
    let kinds = vec![
        Kind { refusal: "token_required", ..Kind::new("none", vec![]) },
        Kind::new("unknown", unknown),
        made("read", &["--scope=read"]).permits(Scope::Read),
        made("write", &["--scope=write"]).permits(Scope::Write),
        made("admin", &["--scope=admin", "--act-as"]).permits(Scope::Admin),
        made("owned", &["--scope=admin", "--act-as", "--owner=ada"]).permits(Scope::Admin),
        made("expired", &["--scope=admin", "--expires=run-out"]),
        made("revoked", &["--scope=admin"]),
    ];
    run(server, &["revoke", "revoked"]);
    kinds
}

/// One kind of each session of the studio, in the cookie of a browser, and what a browser could
/// have there besides: a session that has ended, and a token that is none of a session.
fn cookies(server: &Server) -> Vec<Kind> {
    let session = |name, flags: &'static [&'static str], more: Vec<_>| {
        let headers = [vec![("cookie", sign_in(server, flags))], more].concat();
        Kind { link: Some(flags), ..Kind::new(name, headers) }
    };
    // A page that another port of the same host has served: browsers send it the cookie.
    let of_other_port = vec![
        ("origin", "http://localhost:9000".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ];
    let ended = sign_in(server, &[]);
    let headers = [("cookie", &*ended)];
    let reply = server.connect().request("DELETE", SESSION, &headers, b"").expect("an answer");
    assert_eq!(reply.status, 204, "{reply:?}");
    let token = create(server, &["--name=in-a-cookie", "--scope=admin"]);
    vec![
        session("c:read", &["--scope=read"], vec![]).permits(Scope::Read),
        session("c:write", &["--scope=write"], vec![]).permits(Scope::Write),
        session("c:admin", &["--scope=admin"], vec![]).permits(Scope::Admin),
        session("c:owned", &["--scope=admin", "--owner=ada"], vec![]).permits(Scope::Admin),
        session("c:other", &["--scope=admin"], of_other_port).permits(Scope::Admin),
        Kind::new("c:ended", vec![("cookie", ended)]),
        Kind::new("c:token", vec![("cookie", format!("persona_session={token}"))]),
    ]
}

fn every_kind(server: &Server) -> Vec<Kind> {
    tokens(server).into_iter().chain(cookies(server)).collect()
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
fn ask(server: &Server, row: &OperationRow, kind: &Kind) -> (u16, Option<String>) {
    let path = row.path.replace("{id}", ID).replace("{revision}", "1").replace("{file}", "x.js");
    let path = path.replace("{version}", "v").replace("{folder}", "f");
    let path = path.replace("{label}", "staging").replace("{token}", "none");
    let ends_a_session = row.name == "delete_session" && !kind.is_foreign;
    let own = if ends_a_session { kind.fresh(server) } else { kind.headers.clone() };
    let mut headers: Vec<(&str, &str)> =
        own.iter().map(|(name, value)| (*name, &**value)).collect();
    let body = row.bodies.first();
    headers.extend(body.map(|body| ("content-type", body.media_type)));
    // A stream of events has no end, so this request asks for a page of events.
    headers.extend((row.name == "follow_events").then_some(("accept", "application/json")));
    let bytes = body.map_or(&b""[..], |body| body.example.as_bytes());
    let reply = server.connect().request(row.method.as_str(), &path, &headers, bytes);
    let reply = reply.expect("an answer");
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

/// The code of the refusal that the table of operations has for these credentials.
fn expected(row: &OperationRow, needed: Scope, kind: &Kind) -> Option<&'static str> {
    if kind.is_foreign && row.method != Method::Get {
        return Some("cross_site");
    }
    if row.name == "import_revision" && kind.is_bound && kind.link.is_some() {
        // A session that is bound to an owner names no other authors.
        return Some("author_refused");
    }
    let is_within = !kind.is_bound || row.tag != Tag::Server;
    let is_permitted = needed == Scope::Open
        || kind.permits.is_some_and(|permitted| rank(permitted) >= rank(needed)) && is_within;
    (!is_permitted).then_some(kind.refusal)
}

/// Sends each operation with each kind, and prints the answers. Returns the cells that are not as
/// the table of operations says.
fn wrong_cells(server: &Server, kinds: &[Kind], opened: &[&str]) -> Vec<String> {
    let mut matrix = format!("{:<20}{:<8}", "operation", "needs");
    for kind in kinds {
        write!(matrix, "{:<9}", kind.name).expect("a string");
    }
    let mut wrong = Vec::new();
    for row in OPERATIONS {
        let needed = if opened.contains(&row.name) { Scope::Open } else { row.scope };
        write!(matrix, "\n{:<20}{:<8}", row.name, format!("{needed:?}").to_lowercase())
            .expect("a string");
        for kind in kinds {
            let (status, code) = ask(server, row, kind);
            write!(matrix, "{:<9}", if code.is_some() { status.to_string() } else { "yes".into() })
                .expect("a string");
            if code.as_deref() != expected(row, needed, kind) {
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
    let wrong = wrong_cells(&server, &every_kind(&server), &[]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Everything that a request could have changed: the lines of the feed with their personas, the
/// tokens, and what was begun for the server.
fn state(server: &Server, admin: &str) -> String {
    let ask = |path: &str| {
        let headers = [("authorization", admin), ("accept", "application/json")];
        let reply = server.connect().request("GET", path, &headers, b"").expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    };
    let mut tokens = ask("/api/v1/tokens?limit=100");
    for token in tokens["items"].as_array_mut().expect("tokens") {
        // A use is noted for a token that counts, also where it does not permit the request.
        token.as_object_mut().expect("a token").remove("used_at");
    }
    settle();
    let events = ask("/api/v1/events?after=0&limit=1000&include=document");
    let tasks = ask("/api/v1/server/tasks");
    format!("{events}\n{tokens}\n{tasks}")
}

#[test]
fn a_request_that_is_refused_for_its_token_changes_nothing() {
    let server = Server::with_workers(2).start();
    let kinds = every_kind(&server);
    let admin = kinds.iter().find(|kind| kind.name == "admin").expect("it is there");
    let admin = admin.headers[0].1.clone();
    let create = [("authorization", &*admin), ("if-none-match", "*")];
    let path = format!("/api/v1/personas/{ID}");
    let made = server.connect().request("PUT", &path, &create, br#"{"name":"Ada"}"#);
    assert_eq!(made.expect("an answer").status, 201);
    let before = state(&server, &admin);
    let mut refused = 0;
    for row in OPERATIONS.iter().filter(|row| row.method != Method::Get) {
        for kind in kinds.iter().filter(|kind| expected(row, row.scope, kind).is_some()) {
            let (status, code) = ask(&server, row, kind);
            assert!(code.is_some(), "{} with {}: {status}", row.name, kind.name);
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(state(&server, &admin), before);
}

#[test]
fn what_is_opened_for_monitoring_is_open_and_nothing_else() {
    let server = Server::with_workers(1).flag("--open-monitoring").start();
    let wrong = wrong_cells(&server, &tokens(&server), &["get_status", "get_metrics"]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The control of the tests above: a server that ignores its tokens is open, and each operation
/// that differs from the table is found.
#[test]
fn an_operation_that_does_not_ask_for_a_token_is_noticed() {
    let server = Server::with_workers(1).flag("--fault=overlook-tokens").start();
    let wrong = wrong_cells(&server, &tokens(&server), &[]);
    let closed = OPERATIONS.iter().filter(|row| row.scope != Scope::Open);
    for row in closed {
        assert!(
            wrong.iter().any(|cell| cell.starts_with(&format!("{} with none", row.name))),
            "{}: {wrong:#?}",
            row.name
        );
    }
}

/// The control of the matrix alone: a server that asks for a token and leaves out its scope.
#[test]
fn an_operation_that_does_not_look_at_the_scope_is_noticed() {
    let server = Server::with_workers(1).flag("--fault=overlook-scopes").start();
    let wrong = wrong_cells(&server, &tokens(&server), &[]);
    for (kind, permitted) in [("read", Scope::Read), ("write", Scope::Write)] {
        for row in OPERATIONS.iter().filter(|row| rank(row.scope) > rank(permitted)) {
            let cell = format!("{} with {kind}", row.name);
            assert!(wrong.iter().any(|wrong| wrong.starts_with(&cell)), "{cell}: {wrong:#?}");
        }
    }
    assert!(!wrong.iter().any(|cell| cell.contains(" with none")), "{wrong:#?}");
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
