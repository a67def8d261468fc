//! Pages of other sites: which requests of theirs are answered, and what a proxy in front changes.

use serde_json::json;

use crate::common::{Client, Reply, Server, refused};

const ADA: &[u8] = br#"{"name":"Ada"}"#;
const PAGE: &str = "https://app.example";

fn count(client: &mut Client) -> usize {
    let list = client.get("/api/v1/personas").expect("an answer").json();
    list["items"].as_array().expect("a list").len()
}

fn post(client: &mut Client, headers: &[(&str, &str)]) -> Reply {
    client.request("POST", "/api/v1/personas", headers, ADA).expect("an answer")
}

#[test]
fn a_page_of_another_site_changes_nothing_and_its_connection_goes_on() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let own = format!("http://localhost:{}", server.address().port());
    assert_eq!(post(&mut client, &[]).status, 201, "a program");
    // The client names the host without a port here.
    assert_eq!(post(&mut client, &[("origin", "http://localhost")]).status, 201);
    assert_eq!(
        post(&mut client, &[("origin", &own), ("sec-fetch-site", "same-origin")]).status,
        201
    );
    let path = post(&mut client, &[]).header("location").expect("a path").to_owned();
    let foreign: [&[(&str, &str)]; 4] = [
        &[("origin", PAGE)],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
    ];
    let writes: [(&str, &str, &[u8]); 6] = [
        ("POST", "/api/v1/personas", ADA),
        ("POST", "/api/v1/personas/batch", br#"{"items":[]}"#),
        ("PUT", &path, ADA),
        ("PATCH", &path, br#"{"name":"Eve"}"#),
        ("DELETE", &path, b""),
        ("POST", &format!("{path}/undelete"), b""),
    ];
    for headers in foreign {
        for (method, path, body) in writes {
            let headers = [headers, &[("if-match", "*")]].concat();
            let reply = client.request(method, path, &headers, body).expect("an answer");
            assert_eq!(
                (reply.status, reply.json()["code"].as_str()),
                (403, Some("cross_site")),
                "{method} {path} {headers:?}"
            );
        }
        let read = client.request("GET", &path, headers, b"").expect("an answer");
        assert_eq!((read.status, &read.json()["name"]), (200, &json!("Ada")));
        assert_eq!(read.header("access-control-allow-origin"), None);
    }
    assert_eq!(count(&mut client), 4, "nothing was changed");
    server.wait_for_log("cross_site");
}

#[test]
fn the_settings_name_origins_that_may_use_the_server() {
    let server = Server::with_workers(1)
        .flag(format!("--cors-origin={PAGE}, HTTP://LocalHost:3000"))
        .start();
    let mut client = server.connect();
    for origin in [PAGE, "http://localhost:3000"] {
        let page = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let made = post(&mut client, &page);
        assert_eq!(made.status, 201);
        assert_eq!(made.header("access-control-allow-origin"), Some(origin));
        assert_eq!(made.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(made.header("vary"), Some("Origin"));
        let exposed = made.header("access-control-expose-headers").expect("headers");
        for name in ["ETag", "Location", "Retry-After"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        // The same over the short way of a plain read.
        let path = made.header("location").expect("a path").to_owned();
        let read = client.request("GET", &path, &page, b"").expect("an answer");
        assert_eq!(read.header("access-control-allow-origin"), Some(origin));
        client
            .send(
                format!(
                    "OPTIONS {path} HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\
                     access-control-request-method: PUT\r\naccess-control-request-headers: if-match\r\n\r\n"
                )
                .as_bytes(),
            )
            .expect("an open connection");
        let asked = client.read_reply().expect("an answer");
        assert_eq!(
            (asked.status, asked.header("access-control-allow-origin")),
            (204, Some(origin))
        );
        let methods = asked.header("access-control-allow-methods").expect("methods");
        assert_eq!(methods, "GET,HEAD,PUT,PATCH,DELETE");
        let headers = asked.header("access-control-allow-headers").expect("headers");
        assert!(headers.contains("If-Match") && headers.contains("Authorization"), "{headers}");
    }
    let evil = post(&mut client, &[("origin", "https://evil.example")]);
    assert_eq!((evil.status, evil.header("access-control-allow-origin")), (403, None));
    let program = client.get("/api/v1/personas").expect("an answer");
    assert_eq!(
        (program.header("access-control-allow-origin"), program.header("vary")),
        (None, Some("Origin"))
    );
}

#[test]
fn any_origin_may_read_and_never_with_credentials() {
    let server = Server::with_workers(1).flag("--cors-origins=*").start();
    let mut client = server.connect();
    let page = [("origin", PAGE)];
    let read = client.request("GET", "/api/v1/personas", &page, b"").expect("an answer");
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));
    assert_eq!(read.header("access-control-allow-credentials"), None);
    assert_eq!(post(&mut client, &page).status, 403, "a page needs a token to change something");
    assert_eq!(count(&mut client), 0);
}

#[test]
fn every_answer_forbids_frames_and_reading_by_other_pages() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = post(&mut client, &[]).header("location").expect("a path").to_owned();
    for path in [path.as_str(), "/healthz", "/nowhere", "/metrics", "/api/v1/docs"] {
        let reply = client.get(path).expect("an answer");
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    // The pages of the studio have a policy of their own.
    let page = client.request("GET", "/", &[("accept", "text/html")], b"").expect("an answer");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cross-origin-resource-policy"), Some("same-origin"));
}

#[test]
fn a_prefix_of_a_proxy_is_part_of_what_clients_follow() {
    let server = Server::with_workers(1).flag("--root-path=/store/").start();
    let mut client = server.connect();
    // A proxy that removes the prefix, and a proxy that passes it on.
    for before in ["", "/store"] {
        client
            .send(
                format!(
                    "POST {before}/api/v1/personas HTTP/1.1\r\nhost: localhost\r\n\
                     content-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
                    ADA.len(),
                    String::from_utf8_lossy(ADA)
                )
                .as_bytes(),
            )
            .expect("an open connection");
        let made = client.read_reply().expect("an answer");
        let path = made.header("location").expect("a path").to_owned();
        assert!(path.starts_with("/store/api/v1/personas/"), "{path}");
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
            .expect("an open connection");
        assert_eq!(client.read_reply().expect("an answer").json()["name"], "Ada");
        let inner = path.trim_start_matches("/store");
        let json = [("content-type", "application/json")];
        let to_first = br#"{"revision": 1}"#;
        let label = client.request("PUT", &format!("{inner}/labels/live"), &json, to_first);
        assert_eq!(label.expect("an answer").status, 201);
        let read = client.get(&format!("{inner}?label=live")).expect("an answer");
        let revision = format!("{path}/revisions/1");
        assert_eq!(read.header("content-location"), Some(revision.as_str()));
    }
    let document = client.get("/api/v1/openapi.json").expect("an answer").json();
    assert_eq!(document["servers"][0]["url"], "/store");
    let landing = client.get("/").expect("an answer").json();
    assert_eq!(landing["links"]["personas"], "/store/api/v1/personas");
}

#[test]
fn settings_of_pages_and_proxies_that_make_no_sense_are_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    for (flag, expected) in [
        ("--cors-origins=app.example", "must be origins"),
        ("--cors-origins=https://app.example/path", "must be origins"),
        ("--cors-origins=null", "must be origins"),
        ("--cors-origins=*,https://app.example", "must be origins"),
        ("--root-path=store", "must be a path such as /personas"),
        ("--root-path=/a//b", "must be a path such as /personas"),
        ("--root-path=/../a", "must be a path such as /personas"),
        ("--forwarded-allow-ips=proxy.example", "must be addresses and ranges"),
    ] {
        let ended = refused(folder.path(), &[flag]);
        assert_eq!(ended.code, Some(5), "{flag}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{flag}: {}", ended.stderr);
    }
}
