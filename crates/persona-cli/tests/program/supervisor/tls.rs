//! Encrypted connections: which requests are served over them, what is refused, and certificates
//! that change while requests are under way.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use persona_model::{Clock, Timestamp};
use persona_server::clock::SystemClock;
use persona_test_support::Authority;
use rustix::process::Signal;

use crate::common::wire::trust_in;
use crate::common::{Client, DEADLINE, Load, Server, Way, refused, wait_for};

/// How long a client may take for a handshake (docs/operations.md).
const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);

/// A folder with a certificate authority and a certificate with its key.
struct Place {
    folder: tempfile::TempDir,
    authority: Authority,
    pair: (PathBuf, PathBuf),
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new(folder.path());
        let pair = authority.issue("first");
        Self { folder, authority, pair }
    }

    fn server(&self, workers: u16) -> Server {
        Server::with_workers(workers).encrypted(&self.authority, &self.pair).start()
    }

    /// Replaces certificate and key, as a program does that renews certificates.
    fn exchange(&self, (cert, key): &(PathBuf, PathBuf)) {
        fs::rename(key, &self.pair.1).expect("the same file system");
        fs::rename(cert, &self.pair.0).expect("the same file system");
    }
}

#[test]
fn a_kept_connection_is_encrypted_and_large_bodies_pass() {
    let place = Place::new();
    let server = place.server(2);
    let mut client = server.connect();
    let text = "x".repeat(250_000);
    let body = format!(r#"{{"name":"Ada","description":"{text}"}}"#);
    for _ in 0..3 {
        let made =
            client.request("POST", "/api/v1/personas", &[], body.as_bytes()).expect("an answer");
        assert_eq!(made.status, 201);
        let path = made.header("location").expect("a path").to_owned();
        let read = client.get(&path).expect("an answer");
        assert_eq!(read.json()["description"].as_str().map(str::len), Some(text.len()));
        assert!(!client.closes);
    }
    let end = Timestamp::parse("2099-01-01T00:00:00Z").expect("a time").as_micros() / 1_000_000;
    let end = u64::try_from(end).expect("after 1970");
    assert_eq!(server.metric("persona_certificate_expiry_time_seconds"), end);
    assert!(!server.log().contains("expires at"), "{}", server.log());
}

#[test]
fn a_request_without_encryption_is_told_to_use_https_and_counted() {
    let server = Place::new().server(1);
    for start in ["GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", "nonsense\r\n"] {
        let mut plain = Client::connect(server.address()).expect("a connection");
        plain.send(start.as_bytes()).expect("an open connection");
        let reply = plain.read_reply().expect("an answer");
        assert_eq!(
            (reply.status, reply.json()["code"].as_str(), reply.header("connection")),
            (400, Some("malformed_request"), Some("close"))
        );
        let detail = reply.json()["detail"].as_str().expect("a text").to_owned();
        assert!(detail.contains("use https://"), "{detail}");
        plain.wait_for_close().expect("the end of the connection");
    }
    assert_eq!(server.metric("persona_heads_refused_total"), 2);
    server.wait_for_log("this port speaks TLS");
}

#[test]
fn a_client_that_begins_tls_on_a_plain_port_is_told_to_use_http() {
    let place = Place::new();
    let server = Server::with_workers(1).start();
    let way = Way::Encrypted(server.address(), trust_in(&place.authority.certificate()));
    let error = way.connect().expect("a connection").get("/healthz").expect_err("no encryption");
    assert!(error.to_string().contains("InvalidContentType"), "{error}");
    let mut client = server.connect();
    client.send(&[22, 3, 1, 0, 1, 0]).expect("an open connection");
    let reply = client.read_reply().expect("an answer");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("malformed_request")));
    assert!(reply.json()["detail"].as_str().expect("a text").contains("use http://"));
}

/// Flags for a pair of files.
fn flags(cert: &Path, key: &Path) -> [String; 2] {
    [format!("--ssl-certfile={}", cert.display()), format!("--ssl-keyfile={}", key.display())]
}

#[test]
fn files_that_cannot_be_used_are_refused_before_anything_starts() {
    let place = Place::new();
    let (cert, key) = &place.pair;
    let other = place.authority.issue("other");
    let old = place.authority.issue_for("old", "20200101000000Z", "20200201000000Z");
    let early = place.authority.issue_for("early", "20980101000000Z", "20990101000000Z");
    place.authority.openssl("pkey -in first.key -aes128 -passout pass:secret -out locked.key");
    let at = |name: &str| place.folder.path().join(name);
    fs::write(at("empty.crt"), "").expect("a file");
    fs::write(at("empty.key"), "").expect("a file");
    fs::copy(key, at("open.key")).expect("a file");
    for (name, mode) in [("open.key", 0o644), ("empty.key", 0o600)] {
        let rights = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(at(name), rights).expect("a file of ours");
    }
    let cases: [(&Path, &Path, &str); 9] = [
        (&at("none.crt"), key, "could not read"),
        (cert, &at("none.key"), "could not read"),
        (&at("empty.crt"), key, "holds no certificate in PEM form"),
        (cert, &at("empty.key"), "holds no private key in PEM form"),
        (cert, &other.1, "does not belong to the certificate"),
        (&old.0, &old.1, "expired at 2020-02-01"),
        (&early.0, &early.1, "is not valid before 2098-01-01"),
        (cert, &at("locked.key"), "is encrypted"),
        (cert, &at("open.key"), "can be read by other users (mode 644)"),
    ];
    for (cert, key, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let [cert, key] = flags(cert, key);
        let ended = refused(folder.path(), &[&cert, &key]);
        assert_eq!(ended.code, Some(5), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
        let left = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "nothing is begun: {expected}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let ended = refused(folder.path(), &[&flags(cert, key)[0]]);
    assert_eq!(ended.code, Some(5));
    assert!(ended.stderr.contains("--tls-cert: needs --tls-key as well"), "{}", ended.stderr);
}

#[test]
fn a_certificate_that_changes_under_load_is_used_and_no_request_fails() {
    let place = Place::new();
    let server = place.server(2);
    let load = Load::start(vec![server.way(); 4]);
    load.wait_for_more();
    let other_folder = tempfile::tempdir().expect("a folder");
    let other = Authority::new(other_folder.path());
    // The clients of the load trust one authority only, so the renewed certificate is of the same
    // authority.
    place.exchange(&place.authority.issue("second"));
    server.wait_for_log("the certificate was read again");
    server.wait_for_log("every worker was replaced");
    load.wait_for_more();
    server.signal(Signal::HUP);
    wait_for("the restart that was asked for", DEADLINE, || {
        (server.log().matches("every worker was replaced").count() == 2).then_some(())
    });
    load.wait_for_more();
    let failures = load.end();
    assert!(failures.is_empty(), "{failures:?}");
    // This certificate is of another authority, so that the change can be seen from outside.
    place.exchange(&other.issue("third"));
    server.signal(Signal::HUP);
    wait_for("the second restart that was asked for", DEADLINE, || {
        (server.log().matches("every worker was replaced").count() == 3).then_some(())
    });
    let asks = |trust| Way::Encrypted(server.address(), trust).connect()?.get("/healthz");
    let old = asks(trust_in(&place.authority.certificate())).expect_err("another certificate");
    assert!(old.to_string().contains("invalid peer certificate"), "{old}");
    let new = asks(trust_in(&other.certificate())).expect("an answer");
    assert_eq!(new.status, 200);
}

#[test]
fn a_certificate_that_changes_is_served_without_a_signal() {
    let place = Place::new();
    let server = place.server(1);
    let other_folder = tempfile::tempdir().expect("a folder");
    let other = Authority::new(other_folder.path());
    place.exchange(&other.issue("second"));
    let trust = trust_in(&other.certificate());
    let renewed = Way::Encrypted(server.address(), trust);
    let answer = wait_for("the other certificate", DEADLINE, || {
        renewed.connect().ok().and_then(|mut client| client.get("/healthz").ok())
    });
    assert_eq!(answer.status, 200);
    // The worker with the former certificate ends, and nothing is left that has it.
    server.wait_for_log("every worker was replaced");
    let former = server.way().connect().expect("a connection").get("/healthz");
    let refused = former.expect_err("another certificate");
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[test]
fn a_broken_certificate_is_told_once_and_the_old_one_is_served_by_new_workers_too() {
    let place = Place::new();
    let server = place.server(1);
    let stays_said = || server.log().matches("the changed certificate is not used").count();
    fs::write(&place.pair.0, "no certificate").expect("a file");
    server.wait_for_log("holds no certificate in PEM form");
    let worker = server.grown_up("worker");
    assert!(crate::common::signal(worker.pid, Signal::KILL));
    wait_for("another worker", DEADLINE, || {
        server.processes("worker").into_iter().find(|other| other.pid != worker.pid)
    });
    let mut client = wait_for("a connection", DEADLINE, || server.way().connect().ok());
    assert_eq!(client.get("/healthz").expect("an answer").status, 200);
    assert_eq!(stays_said(), 1);
    // A request to read the files again is answered in the log.
    server.signal(Signal::HUP);
    wait_for("the same words", DEADLINE, || (stays_said() == 2).then_some(()));
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let place = Place::new();
    let days = 5 * 86_400_000_000;
    let soon = Timestamp::from_micros(SystemClock.now().as_micros() + days);
    let digits: String = soon.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let pair = place.authority.issue_for("soon", "20200101000000Z", &format!("{digits}Z"));
    let server = Server::with_workers(1).encrypted(&place.authority, &pair).start();
    server.wait_for_log("the certificate expires at");
}

#[test]
fn handshakes_that_do_not_go_on_keep_no_other_client_out_and_end() {
    let place = Place::new();
    let server = Server::with_workers(1)
        .encrypted(&place.authority, &place.pair)
        .flag("--connections-max=8")
        .flag("--idle-timeout=2s")
        .start();
    // Connections with an incomplete hello, and with none at all.
    let mut silent: Vec<TcpStream> = (0..32)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address()).expect("a connection");
            stream.write_all(&[22, 3, 1, 2, 0, 1][..number % 6]).expect("an open connection");
            stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
            stream
        })
        .collect();
    for _ in 0..8 {
        assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    }
    for stream in &mut silent {
        let read = stream.read(&mut [0]);
        assert!(
            matches!(read, Ok(0))
                || read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
}

#[test]
fn a_handshake_that_does_not_go_on_ends_after_ten_seconds() {
    let place = Place::new();
    let server = place.server(1);
    let began = Instant::now();
    // One connection sends no byte at all, one an incomplete hello. There are places for far more.
    let silent = [&[][..], &[22, 3, 1, 2, 0, 1]].map(|bytes| {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream.write_all(bytes).expect("an open connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream
    });
    for mut stream in silent {
        let read = stream.read(&mut [0]);
        let is_over = match &read {
            Ok(bytes) => *bytes == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(is_over, "{read:?}");
        // Nothing else ends the connections sooner.
        assert!(began.elapsed() >= HANDSHAKE_WAIT_MAX, "{:?}", began.elapsed());
    }
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
}

#[test]
fn a_server_that_stops_finishes_an_encrypted_request_and_says_that_it_closes() {
    let place = Place::new();
    let server = place.server(1);
    let mut client = server.connect();
    assert_eq!(client.get("/healthz").expect("an answer").status, 200);
    let body = r#"{"name":"Ada"}"#;
    let head = format!(
        "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(format!("{head}{}", &body[..4]).as_bytes()).expect("an open connection");
    wait_for("the request", DEADLINE, || {
        (server.metric("persona_http_requests_in_flight") >= 2).then_some(())
    });
    server.signal(Signal::TERM);
    server.wait_for_log("draining");
    client.send(&body.as_bytes()[4..]).expect("an open connection");
    let reply = client.read_reply().expect("an answer");
    assert_eq!((reply.status, reply.header("connection")), (201, Some("close")));
    // The end comes with an alert; without one it would be an error here.
    client.wait_for_close().expect("an end that was said");
    assert_eq!(server.wait().code, Some(0));
}
