//! Sessions of the studio: a one-time link, the cookie that it becomes, and the end of both.

use std::thread;

use persona_model::{Clock, Timestamp};
use persona_server::clock::SystemClock;
use serde_json::{Value, json};

use crate::common::tokens::{bearer, cookie_of, create, link, run, sign_in};
use crate::common::{DEADLINE, ON_POSTGRES, Reply, Server, wait_for};

const SESSION: &str = "/api/v1/session";
const LIST: &str = "/api/v1/personas";
const MINUTE_US: i64 = 60_000_000;
const WEEK_US: i64 = 7 * 24 * 60 * MINUTE_US;
const ONE: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    server.connect().request(method, path, headers, b"").expect("an answer")
}

#[test]
fn a_link_becomes_one_session_however_many_ask_at_once() {
    let server = Server::with_workers(2).start();
    create(&server, &["--name=ci", "--scope=admin"]);
    let header = link(&server, &["--scope=write"]);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ask(&server, "POST", SESSION, &[("authorization", &header)])))
            .collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((good.len(), refused.len()), (1, 7), "{replies:?}");
    assert!(
        refused.iter().all(|reply| reply.status == 401 && reply.header("set-cookie").is_none())
    );
    let tokens = run(&server, &["list"])["items"].clone();
    let names: Vec<&str> = tokens
        .as_array()
        .expect("tokens")
        .iter()
        .filter_map(|token| token["name"].as_str())
        .collect();
    assert!(matches!(names[..], ["ci", session] if session.starts_with("studio-session-")));
    let cookie = cookie_of(good[0]);
    let told: Value = ask(&server, "GET", SESSION, &[("cookie", &cookie)]).json();
    assert_eq!((&told["scope"], &told["is_session"]), (&"write".into(), &true.into()));
    // The server forgets the session when the browser does.
    let end = told["expires_at"].as_str().and_then(Timestamp::parse).expect("an end");
    let left = end.as_micros() - SystemClock.now().as_micros();
    assert!((WEEK_US - MINUTE_US..=WEEK_US).contains(&left), "{left}");
}

#[test]
fn the_secrets_of_a_link_and_of_a_session_are_in_no_log_and_no_list() {
    let server = Server::with_workers(1).flag("--access-log").flag("--log-level=trace").start();
    create(&server, &["--name=ci", "--scope=admin"]);
    let header = link(&server, &[]);
    let cookie = cookie_of(&ask(&server, "POST", SESSION, &[("authorization", &header)]));
    let secrets = [&header["Bearer psk_".len()..], &cookie["persona_session=psk_".len()..]];
    assert_eq!(ask(&server, "GET", LIST, &[("cookie", &cookie)]).status, 200);
    assert_eq!(ask(&server, "GET", ONE, &[("cookie", &cookie)]).status, 404);
    let told = ask(&server, "GET", SESSION, &[("cookie", &cookie)]);
    assert_eq!(ask(&server, "GET", LIST, &[("cookie", &format!("{cookie}0"))]).status, 401);
    let listed = ask(&server, "GET", "/api/v1/tokens", &[("cookie", &cookie)]);
    let lines = || server.log().matches("answered a request").count();
    wait_for("a line for each request", DEADLINE, || (lines() >= 6).then_some(()));
    let log = server.log();
    let told = [told.body, listed.body].map(|body| String::from_utf8(body).expect("text"));
    let folder = server.stop_and_keep_the_folder();
    for secret in secrets {
        let hidden = &secret[..36];
        assert!(!log.contains(hidden) && !told.iter().any(|text| text.contains(hidden)));
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("a file");
            let has = bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
            assert!(!has, "{} has the secret", path.display());
        }
    }
}

#[test]
fn a_link_does_nothing_but_become_a_session() {
    let server = Server::with_workers(1).start();
    create(&server, &["--name=ci", "--scope=admin"]);
    let header = link(&server, &[]);
    let secret = header.strip_prefix("Bearer ").expect("a token");
    // The host of these requests names no port.
    let cookie = format!("persona_session={secret}");
    let other = create(&server, &["--name=api", "--scope=admin"]);
    let other = bearer(&other).replacen("Bearer ", "persona_session=", 1);
    let refused = ask(&server, "GET", LIST, &[("cookie", &other)]);
    assert_eq!(refused.status, 401, "a token that is no session is in the cookie");
    let exchanged = ask(&server, "POST", SESSION, &[("cookie", &cookie)]);
    assert_eq!(exchanged.status, 401, "a link is in the cookie");
    for path in [LIST, ONE, SESSION, "/api/v1/status"] {
        for given in [("authorization", &*header), ("cookie", &*cookie)] {
            let refused = ask(&server, "GET", path, &[given]);
            assert_eq!(refused.status, 401, "{path}: {refused:?}");
        }
    }
    let exchanged = ask(&server, "POST", SESSION, &[("authorization", &header)]);
    assert_eq!(exchanged.status, 200, "it is not used up by what is refused");
}

#[test]
fn a_cookie_counts_where_a_token_does_until_its_session_is_ended() {
    let server = Server::with_workers(2).start();
    create(&server, &["--name=ci", "--scope=admin"]);
    for end in ["by its page", "by the operator"] {
        let cookie = sign_in(&server, &[]);
        let statuses = |cookie: &str| {
            // The way over the router and the short way of plain reads.
            [LIST, ONE].map(|path| ask(&server, "GET", path, &[("cookie", cookie)]).status)
        };
        assert_eq!(statuses(&cookie), [200, 404], "{end}");
        assert_eq!(statuses(&format!("other=1; {cookie}; more=2")), [200, 404]);
        assert_eq!(
            statuses(&cookie.replacen("persona_session", "persona_session_1", 1)),
            [401, 401]
        );
        // What a page of another site asks for comes without the cookie; and if not, it is refused.
        let foreign = [("cookie", &*cookie), ("sec-fetch-site", "same-site")];
        assert_eq!(ask(&server, "DELETE", SESSION, &foreign).status, 403);
        if end == "by its page" {
            let gone = ask(&server, "DELETE", SESSION, &[("cookie", &cookie)]);
            assert_eq!(gone.status, 204);
            assert!(gone.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")));
        } else {
            let told: Value = ask(&server, "GET", SESSION, &[("cookie", &cookie)]).json();
            run(&server, &["revoke", told["name"].as_str().expect("a name")]);
        }
        assert_eq!(statuses(&cookie), [401, 401], "{end}");
    }
}

#[test]
fn another_token_than_that_of_a_link_is_neither_exchanged_nor_ended() {
    let server = Server::with_workers(1).start();
    let open: Value = ask(&server, "GET", SESSION, &[]).json();
    assert_eq!((&open["name"], &open["scope"]), (&Value::Null, &"admin".into()));
    assert_eq!([&open["shared"], &open["act_as"]], [&json!(false), &json!(true)]);
    let other = create(&server, &["--name=b", "--scope=read+shared", "--owner=ada", "--act-as"]);
    let told = ask(&server, "GET", SESSION, &[("authorization", &bearer(&other))]).json();
    assert_eq!(
        [&told["scope"], &told["shared"], &told["act_as"]],
        [&json!("read"), &json!(true), &json!(true)]
    );
    let header = bearer(&create(&server, &["--name=ci", "--scope=read", "--owner=ada"]));
    let made = ask(&server, "POST", SESSION, &[("authorization", &header)]);
    assert_eq!((made.status, made.header("set-cookie")), (200, None));
    let told = made.json();
    assert_eq!((&told["name"], &told["owner"]), (&"ci".into(), &"ada".into()));
    let refused = ask(&server, "DELETE", SESSION, &[("authorization", &header)]);
    assert_eq!((refused.status, &refused.json()["code"]), (400, &"bad_header".into()));
    assert_eq!(ask(&server, "GET", LIST, &[("authorization", &header)]).status, 200);
}

#[test]
fn a_link_leads_to_the_server_that_has_the_database_open() {
    if ON_POSTGRES {
        return;
    }
    // The port of the link is not that of the settings.
    let server = Server::with_workers(1).start();
    create(&server, &["--name=ci", "--scope=admin"]);
    let made = run(&server, &["link"]);
    let url = made["url"].as_str().expect("an address");
    assert!(url.starts_with(&format!("http://{}/#/link/", server.address())), "{url}");
}

#[test]
fn ended_links_and_sessions_are_forgotten_and_an_open_server_stays_open() {
    let server = Server::with_workers(1).start();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(["token", "link", "--database"])
        .arg(server.database_argument())
        .env_clear()
        .output()
        .expect("the built program");
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert_eq!(ask(&server, "GET", LIST, &[]).status, 200, "it is open as before");
    create(&server, &["--name=ci", "--scope=read"]);
    let cookie = sign_in(&server, &[]);
    assert_eq!(ask(&server, "DELETE", SESSION, &[("cookie", &cookie)]).status, 204);
    link(&server, &["--expires=run-out"]);
    link(&server, &[]);
    let tokens = run(&server, &["list"]);
    assert_eq!(tokens["items"].as_array().map(Vec::len), Some(2), "{tokens}");
}
