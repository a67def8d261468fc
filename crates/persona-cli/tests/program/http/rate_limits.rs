//! The budgets of clients: one budget over all workers, and the answer to a client that has used
//! its budget up.

use std::time::Instant;

use serde_json::json;

use crate::common::tokens::{bearer, create, random_secret, sign_in};
use crate::common::{Client, Reply, Server};

const LIST: &str = "/api/v1/personas";
const ABSENT: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";
/// How many requests may be made at once; one more is allowed each second.
const BURST: usize = 40;
/// Far more requests than the burst: if each worker counted for itself nearly all of them would be
/// answered.
const ASKED: usize = 160;
const WORKERS: usize = 4;

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Reply {
    server.connect().request("GET", path, headers, b"").expect("an answer")
}

/// How many of many requests were answered, and how many could have been: a burst, and one for each
/// second of the test.
fn answered(server: &Server, headers: &[(&str, &str)]) -> (usize, usize) {
    let began = Instant::now();
    let ask = |number: usize| {
        // The requests take both ways, and each has a new connection, so that they spread over the
        // workers.
        let path = if number.is_multiple_of(2) { LIST } else { ABSENT };
        get(server, path, headers).status
    };
    let statuses: Vec<u16> = (0..ASKED).map(ask).collect();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(statuses.iter().all(|status| [200, 404, 429].contains(status)), "{statuses:?}");
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("soon");
    (ASKED - refused, BURST + seconds + 1)
}

fn limited(flags: &[&str]) -> Server {
    let server = Server::with_workers(WORKERS.try_into().expect("few")).flag("--rate-reads=1");
    let server = server.flag(format!("--rate-reads-burst={BURST}")).flag("--expose-worker");
    flags.iter().fold(server, |server, flag| server.flag(*flag)).start()
}

#[test]
fn all_workers_together_have_one_limit_for_each_client() {
    let server = limited(&[]);
    let (answered_first, most) = answered(&server, &[]);
    assert!((BURST..=most).contains(&answered_first), "{answered_first} of at most {most}");
    // Another client, as a proxy names it, has a budget of its own; writes have no limit here; and
    // requests that monitor the server are not counted.
    let other = [("x-forwarded-for", "198.51.100.7")];
    let (answered_other, most) = answered(&server, &other);
    assert!((BURST..=most).contains(&answered_other), "{answered_other} of at most {most}");
    for path in ["/healthz", "/readyz", "/metrics"] {
        let reply = get(&server, path, &[]);
        assert_eq!((reply.status, reply.header("ratelimit")), (200, None), "{path}");
    }
    let body = json!({ "name": "Ada" }).to_string();
    let created = server.connect().request("POST", LIST, &[], body.as_bytes()).expect("an answer");
    assert_eq!((created.status, created.header("ratelimit")), (201, None));
}

/// The control: workers that count for themselves fail the same test.
#[test]
fn workers_that_count_for_themselves_are_found_out() {
    let server = limited(&["--fault=own-rate-cells"]);
    let (answered, most) = answered(&server, &[]);
    assert!(answered > most, "{answered} of at most {most}");
}

#[test]
fn a_client_beyond_its_budget_is_told_when_to_come_again() {
    let server = Server::with_workers(2).flag("--rate-writes=1").flag("--rate-reads=1000").start();
    let body = json!({ "name": "Ada" }).to_string();
    let mut client = server.connect();
    let mut write = || client.request("POST", LIST, &[], body.as_bytes()).expect("an answer");
    let first = write();
    assert_eq!(first.status, 201);
    assert_eq!(first.header("ratelimit-policy"), Some("\"writes\";q=1;w=1"));
    assert_eq!(first.header("ratelimit"), Some("\"writes\";r=0;t=1"));
    // One of the next two requests comes within the second.
    let refused = [write(), write()].into_iter().find(|reply| reply.status == 429);
    let refused = refused.expect("a refusal");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"writes\";r=0;t=1"));
    let problem = refused.json();
    assert_eq!(problem["code"], "rate_limited", "{problem}");
    assert_eq!(problem["detail"], "this client may make 1 writes a second, and 1 at once");
    let read = get(&server, LIST, &[]);
    assert_eq!(read.header("ratelimit-policy"), Some("\"reads\";q=1000;w=1"));
}

#[test]
fn each_token_has_a_budget_and_a_wrong_one_counts_for_its_address() {
    let server =
        Server::with_workers(2).flag("--rate-reads=1").flag("--rate-reads-burst=2").start();
    let [one, other] = ["one", "other"]
        .map(|name| bearer(&create(&server, &[&format!("--name={name}"), "--scope=read"])));
    let ask = |token: &str| {
        let headers = [("authorization", token)];
        let statuses = (0..8).map(|_| get(&server, LIST, &headers).status);
        statuses.collect::<Vec<_>>()
    };
    for token in [&one, &other] {
        let statuses = ask(token);
        assert_eq!(statuses[..2], [200, 200]);
        assert!(statuses.contains(&429), "{statuses:?}");
    }
    // So far the address made no request that counted for it.
    let statuses = ask("Bearer nonsense");
    assert_eq!(statuses[..2], [401, 401]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let mut client = Client::connect(server.address()).expect("a connection");
    assert_eq!(client.get("/healthz").expect("an answer").status, 200);
}

#[test]
fn guesses_have_a_limit_where_nothing_else_counts() {
    let server =
        Server::with_workers(2).flag("--rate-reads=1").flag("--rate-reads-burst=2").start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    for (number, path) in ["/metrics", "/api/v1/session", "/api/v1/server/tasks"].iter().enumerate()
    {
        let address = format!("198.51.100.{number}");
        let ask = |token: &str| {
            let headers = [("authorization", token), ("x-forwarded-for", &address)];
            get(&server, path, &headers).status
        };
        let guesses: Vec<u16> = (0..8).map(|_| ask(&bearer(&random_secret()))).collect();
        assert_eq!(guesses[..2], [401, 401], "{path}");
        assert!(guesses.contains(&429), "{path}: {guesses:?}");
        // From elsewhere the token is not limited there, however often it asks.
        let statuses = (0..8).map(|_| get(&server, path, &[("authorization", &admin)]).status);
        assert!(statuses.into_iter().all(|status| status == 200), "{path}");
    }
}

#[test]
fn a_session_has_budgets_of_its_own_and_a_guess_in_a_cookie_counts_for_its_address() {
    let server = Server::with_workers(2)
        .flag("--rate-reads=1")
        .flag("--rate-reads-burst=2")
        .flag("--rate-writes=1")
        .flag("--rate-writes-burst=3")
        .start();
    create(&server, &["--name=admin", "--scope=admin"]);
    let ask = |cookie: &str, address: &str, body: &[u8]| {
        let headers = [("cookie", cookie), ("x-forwarded-for", address)];
        let method = if body.is_empty() { "GET" } else { "POST" };
        let reply = server.connect().request(method, LIST, &headers, body);
        reply.expect("an answer").status
    };
    // Each request of a session comes from another address, and all sessions from the same ones.
    let statuses = |cookie: &str, body: &[u8]| -> Vec<u16> {
        (0..8).map(|number| ask(cookie, &format!("198.51.100.{number}"), body)).collect()
    };
    for _ in 0..2 {
        let cookie = sign_in(&server, &["--scope=write"]);
        let reads = statuses(&cookie, b"");
        assert_eq!(reads[..2], [200; 2]);
        assert!(reads.contains(&429), "{reads:?}");
        let writes = statuses(&cookie, br#"{"name":"Ada"}"#);
        assert_eq!(writes[..3], [201; 3]);
        assert!(writes.contains(&429), "{writes:?}");
    }
    let guess = || format!("persona_session={}", random_secret());
    let guesses: Vec<u16> = (0..8).map(|_| ask(&guess(), "203.0.113.9", b"")).collect();
    assert_eq!(guesses[..2], [401; 2]);
    assert!(guesses.contains(&429), "{guesses:?}");
}
