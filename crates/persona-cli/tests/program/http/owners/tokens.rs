//! A token that is bound to an owner learns nothing of the tokens of others: an answer about one of
//! them is that about a token that never was, and what others make and end changes no answer.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::cast::Cast;
use crate::common::{Reply, Server};

const TOKENS: &str = "/api/v1/tokens";
/// How many probes are sent; each is two requests.
const CASES: u32 = 300;
const NAME_CHARS_MIN: usize = 8;
const JSON: (&str, &str) = ("content-type", "application/json");

/// The status and the body of an answer, without the name that the request has.
fn told(reply: &Reply, name: &str) -> String {
    let body = String::from_utf8_lossy(&reply.body).replace(name, "the token");
    format!("{} {body}", reply.status)
}

/// The first request with an answer that tells a token of another owner from one that never was.
fn told_apart(cast: &Cast<'_>, own: &str, hidden: &[String]) -> Option<String> {
    static NEVER: AtomicU64 = AtomicU64::new(0);
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
    let bodies: &[&str] = &["", "{}", r#"{"keep_seconds":0}"#, r#"{"keep_seconds":-1}"#, "{", "7"];
    let choice = (
        select(hidden.to_vec()),
        select(&["/revoke", "/rotate", ""][..]),
        select(&["GET", "POST", "DELETE"][..]),
        select(&["", "?limit=1", "?nonsense=1"][..]),
        (select(bodies), any::<bool>(), any::<bool>()),
    );
    let _ = TestRunner::new(config).run(&choice, |(name, verb, method, query, rest)| {
        let (body, is_typed, has_condition) = rest;
        let number = NEVER.fetch_add(1, Ordering::Relaxed);
        // As long as the other one, and of the same kind.
        let never = if name.len() == 36 {
            format!("0193b0c2-7f3e-4a10-8c1d-{number:012x}")
        } else {
            format!("{number:0width$}", width = name.len())
        };
        let answer = |which: &str| {
            let mut headers = Vec::new();
            headers.extend(is_typed.then_some(JSON));
            headers.extend(has_condition.then_some(("if-match", "*")));
            let path = format!("{TOKENS}/{which}{verb}{query}");
            told(&cast.ask(own, method, &path, &headers, body), which)
        };
        let (found, missing) = (answer(&name), answer(&never));
        if found == missing {
            return Ok(());
        }
        let text = format!("{method} {name}{verb}{query} {body}\n{found}\nand not\n{missing}");
        first.borrow_mut().get_or_insert(text);
        Err(TestCaseError::fail("told apart"))
    });
    first.into_inner()
}

fn listed(cast: &Cast<'_>, token: &str) -> Value {
    let mut page: Value = cast.ask(token, "GET", TOKENS, &[], "").json();
    for token in page["items"].as_array_mut().expect("tokens") {
        // Noted beside the requests.
        token["used_at"] = Value::Null;
    }
    page
}

fn names(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("tokens").iter();
    items.map(|token| token["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_token_that_is_bound_learns_nothing_of_the_tokens_of_others() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let (own, everything) = (&cast.ada[2], listed(&cast, &cast.admin));
    let before = listed(&cast, own);
    assert!(names(&before).iter().all(|name| name.starts_with("a-")), "{before}");
    let others = everything["items"].as_array().expect("tokens").iter();
    let others = others.filter(|token| token["owner"] != "ada");
    let of = |token: &Value, member: &str| token[member].as_str().expect("a text").to_owned();
    // A short name is a part of other words of an answer.
    let hidden: Vec<String> = others
        .flat_map(|token| [of(token, "name"), of(token, "id")])
        .filter(|name| name.len() >= NAME_CHARS_MIN)
        .collect();
    assert_eq!(hidden.len(), 3, "the other owner's, and the operator's");
    if let Some(difference) = told_apart(&cast, own, &hidden) {
        panic!("{difference}");
    }
    // The other owner makes a token, also of the name that is wanted here, and ends one.
    let made = |token: &str, name: &str| {
        let wanted = json!({ "name": name, "scope": "read" }).to_string();
        let reply = cast.ask(token, "POST", TOKENS, &[JSON], &wanted);
        (reply.status, reply.json()["token"]["name"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(made(&cast.bea, "ci").0, 201);
    assert_eq!(made(&cast.admin, "cd").0, 201);
    assert_eq!(cast.ask(&cast.bea, "POST", "/api/v1/tokens/b/revoke", &[], "").status, 200);
    assert_eq!(listed(&cast, own), before, "what others do is not seen");
    for name in ["ci", "cd", "b", "operator", "new"] {
        let (status, made) = made(own, name);
        assert_eq!(status, 201, "a name that others have is free: {name}");
        assert!(made.starts_with(&format!("{name}.")), "{made}");
    }
    assert_eq!(made(own, "ci").0, 409, "the own one is not");
}
