//! Unix sockets, and sockets that a parent hands over: which requests are served over them, what is
//! refused, and restarts under load.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::process::Signal;

use crate::common::{Client, DEADLINE, Load, Server, Way, refused, tokens, wait_for};

fn uds(path: &Path) -> String {
    format!("--uds={}", path.display())
}

/// Makes the server replace its workers while clients send requests. Returns the failures.
fn restarted_under_load(server: &Server) -> Vec<String> {
    let load = Load::start(vec![server.way(); 4]);
    for count in 1..=2 {
        load.wait_for_more();
        server.signal(Signal::HUP);
        wait_for("the restart", DEADLINE, || {
            (server.log().matches("every worker was replaced").count() == count).then_some(())
        });
    }
    load.wait_for_more();
    load.end()
}

#[test]
fn a_unix_socket_takes_the_place_of_tcp_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.sock");
    let server = Server::with_workers(2).flag(uds(&path)).flag("--access-log").start();
    assert!(matches!(server.way(), Way::Unix(named) if named == path));
    let rights = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(rights & 0o777, 0o600);
    let mut client = server.connect();
    let made =
        client.request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#).expect("an answer");
    assert_eq!(made.status, 201);
    // A proxy passes on the host name that its clients used; no page in a browser can reach a unix
    // socket.
    client.send(b"GET /healthz HTTP/1.1\r\nhost: persona.example\r\n\r\n").expect("an open one");
    assert_eq!(client.read_reply().expect("an answer").status, 200);
    // Limits by address count by user here.
    let user = rustix::process::geteuid().as_raw();
    server.wait_for_log(&format!("user {user}"));
    let headers = [("x-forwarded-for", "198.51.100.7")];
    assert_eq!(client.request("GET", "/healthz", &headers, b"").expect("an answer").status, 200);
    server.wait_for_log("198.51.100.7");
    assert_eq!(restarted_under_load(&server), Vec::<String>::new());
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    assert!(!path.exists());
}

/// The numbers and names of groups that this user may give a file to: root any, another user those
/// that it belongs to.
fn groups() -> Vec<(u32, String)> {
    let file = fs::read_to_string("/etc/group").expect("the groups");
    let entries = file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        Some((number, name.to_owned()))
    });
    let own = rustix::process::getegid().as_raw();
    if rustix::process::geteuid().is_root() {
        let named = entries.filter(|(number, _)| *number != own).take(1);
        return named.chain([(4711, "4711".into())]).collect();
    }
    // A user may belong to no other group than its first one.
    let others = rustix::process::getgroups().expect("the groups of this process");
    let others = others.into_iter().map(rustix::process::Gid::as_raw);
    let number = others.clone().find(|number| *number != own).unwrap_or(own);
    vec![(number, number.to_string())]
}

#[test]
fn a_unix_socket_gets_the_group_and_the_rights_that_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.sock");
    for (number, name) in groups() {
        let server = Server::with_workers(1)
            .flag(uds(&path))
            .flag(format!("--uds-group={name}"))
            .flag("--uds-mode=660")
            .start();
        let rights = || {
            let facts = fs::metadata(&path).expect("it is there");
            (facts.uid(), facts.gid(), facts.permissions().mode() & 0o777)
        };
        let expected = (rustix::process::geteuid().as_raw(), number, 0o660);
        assert_eq!(rights(), expected, "{name}");
        assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
        assert_eq!(restarted_under_load(&server), Vec::<String>::new());
        assert_eq!(rights(), expected, "{name}, after restarts of the workers");
        drop(server.stop_and_keep_the_folder());
        assert!(!path.exists());
    }
}

#[test]
fn a_socket_that_a_killed_server_left_is_replaced_and_other_files_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.sock");
    let server = Server::with_workers(1).flag(uds(&path)).flag("--uds-mode=660").start();
    server.wait_for_log("everyone who can open the unix socket is served");
    let files = server.kill_and_keep_the_folder();
    assert!(path.exists(), "nothing removes it when the server is killed");
    let server = Server::with_workers(1).flag(uds(&path)).in_folder(files).start();
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    let ended = refused(folder.path(), &[&uds(&path)]);
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    assert!(ended.stderr.contains("another program listens on"), "{}", ended.stderr);
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    drop(server);
    let data = folder.path().join("data");
    fs::write(&data, "precious").expect("a file");
    let long = folder.path().join("x".repeat(110));
    let cases = [
        (vec![uds(&data)], "is no socket, and stays as it is"),
        (vec![uds(&long)], "that of a unix socket may have 107"),
        (vec![uds(&path), "--uds-group=no-such-group".into()], "there is no group no-such-group"),
        (vec![uds(&path), "--uds-mode=999".into()], "must be rights from 600 to 777"),
        (vec!["--uds-mode=660".into()], "needs --uds as well"),
    ];
    for (flags, expected) in cases {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let ended = refused(folder.path(), &flags);
        assert_eq!(ended.code, Some(5), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
    }
    assert_eq!(fs::read(&data).expect("a file"), b"precious");
    assert!(!folder.path().join("persona.db").exists(), "nothing is begun");
}

#[test]
fn both_sockets_are_served_where_the_port_is_chosen_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.sock");
    let server = Server::with_workers(1).flag(uds(&path)).flag("--port=0").start();
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    server.wait_for_log("http://127.0.0.1:");
    let log = server.log();
    let url = log.split("http://").nth(1).expect("the address of TCP");
    let address = url.split(['"', ',', ' ']).next().and_then(|text| text.parse().ok());
    let mut client = Client::connect(address.expect("an address")).expect("a connection");
    assert_eq!(client.get("/healthz").expect("an answer").status, 200);
}

#[test]
fn sockets_that_are_handed_over_are_served_and_go_on_after_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let shared = listener.try_clone().expect("a descriptor");
    let server = Server::with_workers(2).flag("--fd=3").handed_over(shared, "").start();
    assert_eq!(server.address(), address);
    assert_eq!(restarted_under_load(&server), Vec::<String>::new());
    let files = server.stop_and_keep_the_folder();
    // The server must not close this socket: a client waits in its queue for the next server.
    let mut early = Client::connect(address).expect("its queue is open");
    early.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("an open connection");
    let server =
        Server::with_workers(1).flag("--fd=3").handed_over(listener, "").in_folder(files).start();
    assert_eq!(early.read_reply().expect("an answer").status, 200);
    drop(server);
}

#[test]
fn sockets_of_systemd_are_found_by_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server =
        Server::with_workers(1).handed_over(listener, "export LISTEN_FDS=1 LISTEN_PID=$$;").start();
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    UnixStream::connect(&path).expect_err("the last descriptor of it is closed");
    assert!(path.exists(), "its name belongs to the program that made it");
}

#[test]
fn a_socket_of_all_machines_that_is_handed_over_needs_a_token_and_nothing_else() {
    let ways = [(Some("--fd=3"), ""), (None, "export LISTEN_FDS=1 LISTEN_PID=$$;")];
    for (flag, variables) in ways {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let handed_over = |files| {
            let socket = listener.try_clone().expect("a descriptor");
            let server = Server::with_workers(1).handed_over(socket, variables).in_folder(files);
            match flag {
                Some(flag) => server.flag(flag),
                None => server,
            }
        };
        let ended = handed_over(tempfile::tempdir().expect("a folder")).refused();
        assert_eq!(ended.code, Some(5), "{}", ended.stderr);
        for words in ["0.0.0.0 is no loopback address", "persona token create", "--allow-open"] {
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
        }
        let open = handed_over(tempfile::tempdir().expect("a folder")).flag("--allow-open").start();
        open.wait_for_log("everyone who can reach the port is served");
        drop(open);
        let local = Server::with_workers(1).start();
        let secret = tokens::create(&local, &["--name=ci", "--scope=read"]);
        let server = handed_over(local.stop_and_keep_the_folder()).start();
        let mut client = Client::connect(([127, 0, 0, 1], port).into()).expect("a connection");
        // The request names the server as another machine does.
        let bearer = tokens::bearer(&secret);
        let head = "GET /api/v1/personas HTTP/1.1\r\nhost: persona.example\r\nauthorization: ";
        client.send(format!("{head}{bearer}\r\n\r\n").as_bytes()).expect("sent");
        let reply = client.read_reply().expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(client.get("/api/v1/personas").expect("an answer").status, 401);
        drop(server);
    }
}

#[test]
fn a_descriptor_that_is_no_listener_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (fd, expected) in [("77", "there is no such descriptor"), ("2", "a descriptor from 3 on")] {
        let ended = refused(folder.path(), &[&format!("--fd={fd}")]);
        assert_eq!(ended.code, Some(5), "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is begun");
}
