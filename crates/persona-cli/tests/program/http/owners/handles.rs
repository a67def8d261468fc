//! No handle leads a client that is bound to an owner to a persona of another one, also none that
//! was given up.

use persona_http::contract::{Method, OPERATIONS, OperationRow};

use super::cast::{Cast, HANDLE, PERSONAS};
use crate::common::{Reply, Server};

/// A handle that a persona of the other owner gave up.
const FORMER: &str = "former-of-bea";
/// A handle that no persona ever had, as long as the others.
const NEVER: &str = "handle-of-nil";

/// What is answered about a handle, with the same word for each of them.
fn told(cast: &Cast<'_>, token: &str, row: &OperationRow, handle: &str) -> String {
    let path = row.path.replace("{id}", &format!("@{handle}"));
    let path = path.replace("{revision}", "1").replace("{label}", "production");
    let body = row.bodies.first().map_or("", |body| body.example);
    let kind = row.bodies.first().map_or("text/plain", |body| body.media_type);
    let headers = [("if-match", "*"), ("content-type", kind)];
    let headers = if row.method == Method::Get { &headers[1..] } else { &headers[..] };
    let Reply { status, body, headers, .. } =
        &cast.ask(token, row.method.as_str(), &path, headers, body);
    let place = headers.iter().find(|(name, _)| name == "location");
    format!("{} {path}: {status} {place:?} {}", row.name, String::from_utf8_lossy(body))
        .replace(handle, "HANDLE")
}

/// Requests that name a persona by its handle elsewhere than in the path.
const NAMED: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/api/v1/personas/batch",
        r#"{"items":[{"op":"patch","id":"@{handle}","patch":{"nickname":"x"}}]}"#,
    ),
    (
        "POST",
        "/api/v1/personas/batch?atomic=true",
        r#"{"items":[{"op":"delete","id":"@{handle}","if_match":"*"}]}"#,
    ),
    (
        "POST",
        "/api/v1/personas/release",
        r#"{"moves":[{"id":"@{handle}","label":"staging","revision":1}]}"#,
    ),
    ("GET", "/api/v1/events?after=0&persona=@{handle}", ""),
];

/// The same about a handle that is named there.
fn told_of_named(cast: &Cast<'_>, token: &str, handle: &str) -> String {
    let told = NAMED.iter().map(|(method, path, body)| {
        let (path, body) = (path.replace("{handle}", handle), body.replace("{handle}", handle));
        let headers = [("accept", "application/json")];
        let headers = if *method == "GET" { &headers[..] } else { &[] };
        let reply = cast.ask(token, method, &path, headers, &body);
        format!("{path}: {} {}", reply.status, String::from_utf8_lossy(&reply.body))
    });
    told.collect::<Vec<_>>().join("\n").replace(handle, "HANDLE")
}

/// What a bound client is told otherwise about a handle of another owner than about one that no
/// persona has.
fn leaks_of(flags: &[&str]) -> Vec<String> {
    let server = Server::with_workers(2);
    let server = flags.iter().fold(server, |server, flag| server.flag(*flag)).start();
    let cast = Cast::of(&server);
    let large = &cast.hidden[2].id;
    for handle in [format!("\"{FORMER}\""), "null".into()] {
        let named = format!(r#"{{"handle":{handle}}}"#);
        assert_eq!(cast.send(&cast.bea, "PATCH", large, &[], &named).status, 200);
    }
    // The other owner itself is led there.
    for (handle, status) in [(HANDLE, 200), (FORMER, 308), (NEVER, 404)] {
        let found = cast.ask(&cast.bea, "GET", &format!("{PERSONAS}/@{handle}"), &[], "");
        assert_eq!(found.status, status, "{handle}");
    }
    let mut leaks = Vec::new();
    for row in OPERATIONS.iter().filter(|row| row.path.contains("/personas/{id}")) {
        for token in &cast.ada {
            let never = told(&cast, token, row, NEVER);
            for handle in [HANDLE, FORMER] {
                let told = told(&cast, token, row, handle);
                if told != never {
                    leaks.push(format!("{told}\nand not\n{never}"));
                }
            }
        }
    }
    for token in &cast.ada {
        let never = told_of_named(&cast, token, NEVER);
        for handle in [HANDLE, FORMER] {
            let told = told_of_named(&cast, token, handle);
            if told != never {
                leaks.push(format!("named: {told}\nand not\n{never}"));
            }
        }
    }
    leaks
}

#[test]
fn a_handle_of_another_owner_is_answered_like_one_that_no_persona_has() {
    let leaks = leaks_of(&[]);
    assert!(leaks.is_empty(), "{}", leaks.join("\n\n"));
}

#[test]
fn a_look_at_a_handle_that_overlooks_owners_is_noticed() {
    let leaks = leaks_of(&["--fault=overlook-owners"]);
    assert!(leaks.iter().any(|leak| leak.contains("308")), "{leaks:#?}");
    assert!(leaks.iter().any(|leak| leak.contains("get_persona")), "{leaks:#?}");
    assert!(leaks.iter().any(|leak| leak.starts_with("named: ")), "{leaks:#?}");
}
