//! No answer reveals the personas of another owner to a client that is bound to an owner.
//!
//! An answer about a persona of another owner is compared, byte for byte, with the answer about a
//! persona that never existed; and an answer about all personas is compared with the answer after
//! the other owner has changed everything. The controls leave out one check each.

use std::cell::RefCell;

use persona_http::contract::{Method, OPERATIONS, OperationRow, Scope, Tag};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::cast::{CREATED_WITH_KEY, Cast, HANDLE, KEY, KEY_OF_ADA, PERSONAS, SECRET};
use super::probes::{any_probe, without_identities};
use crate::common::{Reply, Server};

/// How many probes are sent; each is two requests.
const CASES: u32 = 700;

/// The first probe with an answer about a hidden persona that differs from the answer about one
/// that never existed.
pub fn told_apart(cast: &Cast<'_>) -> Option<String> {
    let first = RefCell::new(None);
    let config = Config {
        cases: CASES,
        // The seed is fixed, so every run has the same cases and no seed is lost. The controls are
        // meant to fail and would leave files.
        failure_persistence: None,
        max_shrink_iters: 0,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    };
    let choice = (any_probe(), 0..cast.ada.len(), 0..=cast.hidden.len());
    let _ = TestRunner::new(config).run(&choice, |(probe, token, hidden)| {
        // A persona without an owner is hidden only from tokens that do not read it with +shared.
        let hidden = match cast.hidden.get(hidden) {
            Some(hidden) => hidden,
            None if token + 1 < cast.ada.len() => &cast.shared,
            None => return Ok(()),
        };
        match probe.difference(cast, &cast.ada[token], hidden) {
            None => Ok(()),
            Some(difference) => {
                first.borrow_mut().get_or_insert(difference);
                Err(TestCaseError::fail("told apart"))
            }
        }
    });
    first.into_inner()
}

/// Paths with every request about all personas. What a position tells, `places.rs` tests.
fn paths_about_all(cast: &Cast<'_>) -> Vec<String> {
    let queries = [
        "",
        "?count=exact",
        "?include_deleted=true&count=exact",
        "?include_deleted=true&include=labels",
        "?sort=name&limit=1",
        "?sort=-name&limit=2",
        "?sort=created_at&limit=2",
        "?sort=-updated_at",
        "?owner=bea",
        "?owner=bea&count=exact&include_deleted=true",
        "?owner=",
        "?owner=ada&limit=3",
        "?tag=t",
        "?tag=otter&count=exact",
        "?q=otter&count=exact",
        "?q=wizard&highlight=true&count=exact",
        "?q=-wizard&count=exact",
        "?kind=character&count=exact&fields=id,owner",
        "?q=o*",
        "?handle_prefix=handle-of-&count=exact",
        "?handle_prefix=h&include_deleted=true",
        "?updated_since=2000-01-01T00:00:00Z&count=exact",
        "?label=production&count=exact",
        "?label=otter&count=exact&include_deleted=true",
        "?without_tag=t&count=exact",
    ];
    let counts = ["", "?by=folder&handle_prefix=h", "?by=label", "?by=owner", "?limit=1&by=owner"];
    let exports = ["", "?include_deleted=true", "?history=true", "?owner=bea", "?handle_prefix=h"];
    let lists = queries.into_iter().map(|query| format!("{PERSONAS}{query}"));
    let exports = exports.into_iter().map(|query| format!("/api/v1/export{query}"));
    let counts = counts.into_iter().map(|query| format!("/api/v1/counts{query}"));
    let of_server = OPERATIONS.iter().filter(|row| row.tag == Tag::Server && is_about_all(row));
    let own = ["/api/v1/session", "/api/v1/tokens"].map(str::to_owned);
    let others = of_server.map(|row| row.path.to_owned()).chain(own);
    let hidden = format!("&persona={}", cast.hidden[0].id);
    let events = [
        "",
        "&kind=created",
        "&kind=labelled",
        "&kind=purged",
        "&label=production",
        "&tag=otter",
        "&owner=bea",
        "&owner=ada",
        "&include=document",
        &hidden,
    ]
    .map(|query| format!("/api/v1/events?after=0{query}"));
    lists.chain(exports).chain(counts).chain(others).chain(events).collect()
}

/// Whether an operation reads of all personas, or of the whole server.
fn is_about_all(row: &OperationRow) -> bool {
    row.method == Method::Get && row.scope != Scope::Open && !row.path.contains('{')
}

/// The answers to every request about all personas. A position names a line of the feed, which all
/// owners share, so positions are left out.
pub fn about_all(cast: &Cast<'_>, token: &str) -> Vec<String> {
    let text = |path: String| {
        let reply = cast.ask(token, "GET", &path, &[("accept", "application/json")], "");
        let mut body = String::from_utf8_lossy(&reply.body).into_owned();
        if let Ok(mut page) = serde_json::from_str::<Value>(&body) {
            let members = page.as_object_mut().expect("an object");
            members.retain(|name, _| !matches!(&**name, "next_updated_since" | "next_after"));
            if page["next_cursor"].as_str().is_some_and(|cursor| cursor.contains('.')) {
                page["next_cursor"] = json!("with a position");
            }
            // The use of a token is noted beside its requests.
            let tokens = page["items"].as_array_mut().into_iter().flatten();
            let tokens = tokens.filter_map(Value::as_object_mut);
            tokens.for_each(|item| drop(item.remove("used_at")));
            body = page.to_string();
        }
        format!("{path}: {} {body}", reply.status)
    };
    paths_about_all(cast).into_iter().map(text).collect()
}

/// The answers to requests that the first owner sends again with their keys, about personas that it
/// had when it sent them first. A creation would have another identity each time.
fn repeated(cast: &Cast<'_>) -> Vec<String> {
    let text = |earlier| {
        let reply = cast.repeat(&cast.ada[1], earlier);
        let body = without_identities(&String::from_utf8_lossy(&reply.body));
        format!("{}: {} {body}", earlier.key, reply.status)
    };
    cast.given.iter().flat_map(|(_, requests)| requests).map(text).collect()
}

/// As the other owner, changes all of its personas, and creates more.
fn change_everything(cast: &Cast<'_>) {
    let changed = |reply: Reply| assert!(reply.status < 300, "{reply:?}");
    for (place, hidden) in cast.hidden.iter().enumerate() {
        let any = [("if-match", "*")];
        match place {
            0 => changed(cast.send(&cast.bea, "DELETE", &hidden.id, &any, "")),
            1 => {
                let path = format!("{PERSONAS}/{}/undelete", hidden.id);
                changed(cast.ask(&cast.bea, "POST", &path, &[], ""));
            }
            3 => {
                let purge = format!("{}?purge=true", hidden.id);
                changed(cast.send(&cast.bea, "DELETE", &purge, &any, ""));
            }
            4 => {} // It is purged already.
            _ => changed(cast.send(&cast.bea, "PATCH", &hidden.id, &[], r#"{"name":"otter 2"}"#)),
        }
    }
    for (place, (given, _)) in cast.given.iter().enumerate() {
        let any = [("if-match", "*")];
        match place {
            0 => {
                let purge = format!("{}?purge=true", given.id);
                changed(cast.send(&cast.bea, "DELETE", &purge, &any, ""));
            }
            1 => changed(cast.send(&cast.bea, "DELETE", &given.id, &any, "")),
            _ => changed(cast.send(&cast.bea, "PATCH", &given.id, &[], r#"{"name":"otter 2"}"#)),
        }
    }
    let large = &cast.hidden[2].id;
    let moved = [("DELETE", "production", ""), ("PUT", "staging", r#"{"revision":2}"#)];
    for (method, label, body) in moved {
        let path = format!("{PERSONAS}/{large}/labels/{label}");
        changed(cast.ask(&cast.bea, method, &path, &[], body));
    }
    let more = json!({ "name": "otter wizard", "tags": ["t"], "is_active": false }).to_string();
    changed(cast.send(&cast.bea, "POST", "", &[], &more));
}

/// Every answer that reveals something of the other owner, in any of these ways; empty where there
/// is none.
fn leaks(cast: &Cast<'_>) -> Vec<String> {
    let mut leaks: Vec<String> = told_apart(cast).into_iter().collect();
    let (strict, shared) = (&cast.ada[2], &cast.ada[3]);
    let before = [about_all(cast, strict), about_all(cast, shared), repeated(cast)].concat();
    change_everything(cast);
    let after = [about_all(cast, strict), about_all(cast, shared), repeated(cast)].concat();
    let differences = before.iter().zip(&after).filter(|(before, after)| before != after);
    leaks.extend(differences.map(|(before, after)| format!("{before}\nand then\n{after}")));
    let is_told = |text: &&String| {
        let (_, body) = text.split_once(": ").expect("a path and a body");
        body.contains(SECRET) || cast.hidden.iter().any(|hidden| body.contains(&hidden.id))
    };
    leaks.extend(before.iter().chain(&after).filter(is_told).cloned());
    let is_found = |text: &&String| text.starts_with(KEY_OF_ADA) && !text.contains(": 404 ");
    leaks.extend(before.iter().filter(is_found).cloned());
    // A handle and a key that the other owner uses are still free.
    let writing = &cast.ada[1];
    let named = json!({ "name": "x", "handle": HANDLE }).to_string();
    let with_key = [("idempotency-key", KEY)];
    for (headers, body) in [(&[][..], named.as_str()), (&with_key, CREATED_WITH_KEY)] {
        let reply = cast.send(writing, "POST", "", headers, body);
        let is_new = reply.status == 201 && reply.header("idempotency-replayed").is_none();
        if !is_new || reply.json()["owner"] != "ada" {
            leaks.push(format!("{body} with {headers:?}: {reply:?}"));
        }
    }
    // A cursor from the other owner's list leads only through that list.
    let path = format!("{PERSONAS}?limit=1");
    let page = cast.ask(&cast.bea, "GET", &path, &[], "").json();
    let cursor = page["next_cursor"].as_str().expect("another page");
    let path = format!("{PERSONAS}?limit=1&cursor={cursor}");
    let reply = cast.ask(strict, "GET", &path, &[], "");
    if reply.status != 200 || String::from_utf8_lossy(&reply.body).contains(SECRET) {
        leaks.push(format!("with a cursor: {reply:?}"));
    }
    leaks
}

fn leaks_of(flags: &[&str]) -> Vec<String> {
    let server = Server::with_workers(2);
    let server = flags.iter().fold(server, |server, flag| server.flag(*flag)).start();
    leaks(&Cast::of(&server))
}

#[test]
fn nothing_tells_a_bound_client_of_the_personas_of_another_owner() {
    let leaks = leaks_of(&[]);
    assert!(leaks.is_empty(), "{}", leaks.join("\n\n"));
}

/// A new operation about all personas has to be among the requests of the test above.
#[test]
fn every_operation_about_all_personas_is_asked() {
    let server = Server::with_workers(1).start();
    let paths = paths_about_all(&Cast::of(&server));
    for row in OPERATIONS.iter().filter(|row| is_about_all(row)) {
        let is_asked = |path: &String| path.split('?').next() == Some(row.path);
        assert!(paths.iter().any(is_asked), "{} is asked nowhere", row.name);
    }
}

/// The controls of the test above: each leaves out one check.
#[test]
fn a_check_of_owners_that_is_left_out_is_noticed() {
    for (fault, told) in [
        ("overlook-owners", "GET"),
        ("overlook-owners-of-writes", "{"),
        ("overlook-owners-of-writes", KEY_OF_ADA),
        ("share-keys", KEY),
    ] {
        let leaks = leaks_of(&[&format!("--fault={fault}")]);
        assert!(leaks.iter().any(|leak| leak.contains(told)), "{fault}: {leaks:#?}");
    }
}
