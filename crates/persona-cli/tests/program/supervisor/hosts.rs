//! The hosts for which a server answers: a page of a foreign site must not reach the server by a
//! name that the site points at this machine.

use serde_json::json;

use crate::common::{Reply, Server};

/// The answer to a request with this head. If it is a refusal, it has to be the last answer of the
/// connection.
fn ask(server: &Server, head: &str, body: &str) -> Reply {
    let mut client = server.connect();
    client
        .send(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .expect("an open connection");
    client.read_reply().unwrap_or_else(|error| panic!("{error}: {head}"))
}

fn get(server: &Server, host: &str) -> u16 {
    ask(server, &format!("GET /healthz HTTP/1.1\r\nhost: {host}"), "").status
}

#[test]
fn a_server_on_loopback_answers_for_loopback_only() {
    let server = Server::with_workers(1).start();
    let port = server.address().port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "persona.localhost", "127.1"] {
        for port in [String::new(), ":".into(), format!(":{port}"), ":1".into()] {
            assert_eq!(get(&server, &format!("{host}{port}")), 200, "{host}{port}");
        }
    }
    assert_eq!(
        ask(&server, "GET /healthz HTTP/1.0", "").status,
        200,
        "a program of old names no host"
    );
    let body = r#"{"name":"Ada"}"#;
    let evil = format!("evil.example:{port}");
    let requests = [
        format!("GET /api/v1/personas HTTP/1.1\r\nhost: {evil}"),
        format!("POST /api/v1/personas HTTP/1.1\r\nhost: {evil}\r\ncontent-type: application/json"),
        format!("GET /healthz HTTP/1.1\r\nhost: {evil}"),
        format!("GET /nowhere HTTP/1.1\r\nhost: {evil}"),
        "GET /healthz HTTP/1.1\r\nhost: 192.0.2.1".to_owned(),
        // The host in the target outweighs the header field (RFC 9112, section 3.2.2).
        format!("GET http://{evil}/healthz HTTP/1.1\r\nhost: localhost"),
        format!("GET http://localhost@{evil}/healthz HTTP/1.1\r\nhost: localhost"),
    ];
    for request in &requests {
        let reply = ask(&server, request, body);
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (421, Some("foreign_host")),
            "{request}"
        );
        assert_eq!(
            (reply.header("x-request-id"), reply.header("connection")),
            (reply.json()["request_id"].as_str(), Some("close"))
        );
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    assert_eq!(server.metric("persona_heads_refused_total"), requests.len() as u64);
    server.wait_for_log("does not answer for the host");
    assert_eq!(
        ask(&server, &format!("GET http://localhost:{port}/healthz HTTP/1.1\r\nhost: {evil}"), "")
            .status,
        200
    );
    let mut client = server.connect();
    assert_eq!(
        client.get("/api/v1/personas").expect("an answer").json()["items"],
        json!([]),
        "nothing was made of them"
    );
    // The same on a connection on which an earlier request succeeded.
    client
        .send(format!("GET /healthz HTTP/1.1\r\nhost: {evil}\r\n\r\n").as_bytes())
        .expect("an open connection");
    assert_eq!(client.read_reply().expect("an answer").status, 421);
}

#[test]
fn the_settings_name_further_hosts() {
    let server = Server::with_workers(1).flag("--allowed-hosts=Persona.Example, [fd00::1]").start();
    for host in ["persona.example", "PERSONA.example:443", "[FD00::1]:8000", "localhost"] {
        assert_eq!(get(&server, host), 200, "{host}");
    }
    for host in ["evil.example", "a.persona.example", "[fd00::2]"] {
        assert_eq!(get(&server, host), 421, "{host}");
    }
    // The control: any host; also the default of a server that others reach.
    for flags in [&["--allowed-hosts=any"][..], &["--host=0.0.0.0", "--allow-open"]] {
        let server =
            flags.iter().fold(Server::with_workers(1), |server, flag| server.flag(*flag)).start();
        assert_eq!(get(&server, "evil.example"), 200, "{flags:?}");
    }
    let listed = Server::with_workers(1)
        .flag("--host=0.0.0.0")
        .flag("--allow-open")
        .flag("--allowed-hosts=persona.example")
        .start();
    assert_eq!((get(&listed, "persona.example"), get(&listed, "evil.example")), (200, 421));
}

#[test]
fn hosts_that_no_request_can_name_are_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    for hosts in ["persona.example:443", "http://persona.example", "a b", "a,,b", "*.example"] {
        let ended = crate::common::refused(folder.path(), &[&format!("--allowed-hosts={hosts}")]);
        assert_eq!(ended.code, Some(5), "{hosts}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("names and addresses of hosts without a port"),
            "{}",
            ended.stderr
        );
    }
}
