//! Commands over encrypted connections, over unix sockets, with names of servers and with tokens.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use persona_test_support::Authority;

use crate::common::runner::Folder;
use crate::common::tokens::random_secret;
use crate::common::{DEADLINE, Server};

/// Checks the commands that must work on every way to a server: a look, a write, a read, and the
/// figures.
fn works(folder: &Folder, server: &[&str]) {
    let run = |arguments: &[&str]| {
        let ran = folder.run(&[arguments, server].concat());
        assert_eq!(ran.code, 0, "{arguments:?} {server:?}: {ran}");
        ran.stdout
    };
    run(&["health"]);
    run(&["import", "one.ndjson"]);
    assert!(run(&["list"]).contains("Bob"));
    assert!(run(&["export"]).contains("Bob"));
    assert!(run(&["top", "--once"]).contains("workers"), "top");
    assert!(run(&["doctor", "--json"]).contains("\"server\""), "doctor");
    run(&["verify", "--seconds=1", "--clients=4", "--hot-keys=2"]);
    run(&["bench", "--seconds=1", "--rate=20", "--connections=2", "--personas=2"]);
}

fn folder() -> Folder {
    Folder::new().file("one.ndjson", "{\"name\":\"Bob\"}\n")
}

#[test]
fn every_command_works_over_tls_with_an_authority_that_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(place.path());
    let pair = authority.issue("server");
    let server =
        Server::with_workers(1).encrypted(&authority, &pair).flag("--expose-worker").start();
    let url = format!("https://localhost:{}", server.address().port());
    let ca = authority.certificate().display().to_string();
    works(&folder(), &["--server", &url, "--ca-file", &ca]);
    let folder = folder();
    let strange = folder.run(&["list", "--server", &url]);
    assert_eq!(strange.code, 69, "{strange}");
    assert!(strange.stderr.contains("UnknownIssuer"), "{strange}");
    let wrong_name = format!("https://127.0.0.2:{}", server.address().port());
    let wrong = folder.run(&["list", "--server", &wrong_name, "--ca-file", &ca]);
    assert_eq!(wrong.code, 69, "{wrong}");
    let plain = folder.run(&["list", "--server", &url.replace("https", "http")]);
    assert!(plain.stderr.contains("use https://"), "{plain}");
    // The settings of the server name its own certificate, so the command needs no authority for
    // it.
    let settings = format!(
        "[listen]\nport = {}\n[tls]\ncert = {:?}\nkey = {:?}\n",
        server.address().port(),
        pair.0.display().to_string(),
        pair.1.display().to_string()
    );
    let folder = folder.file("persona.toml", settings);
    let own = folder.run(&["health"]);
    assert_eq!(own.code, 0, "{own}");
    let found = folder.run(&["doctor", "--database", &server.database().display().to_string()]);
    assert!(
        found.stdout.contains("certificate") && found.stdout.contains("it expires at"),
        "{found}"
    );
    assert!(found.stdout.contains("https://127.0.0.1:"), "{found}");
}

#[test]
fn https_to_a_server_without_tls_says_so() {
    let place = tempfile::tempdir().expect("a folder");
    let ca = Authority::new(place.path()).certificate().display().to_string();
    let server = Server::with_workers(1).start();
    let url = format!("https://{}", server.address());
    let ran = folder().run(&["health", "--server", &url, "--ca-file", &ca]);
    assert_eq!(ran.code, 69, "{ran}");
    assert!(ran.stderr.contains("use http:// in place of https://"), "{ran}");
}

#[test]
fn every_command_works_over_a_unix_socket() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("persona.sock");
    let server = Server::with_workers(1)
        .flag(format!("--uds={}", path.display()))
        .flag("--expose-worker")
        .start();
    let url = format!("unix:{}", path.display());
    works(&folder(), &["--server", &url]);
    let settings = format!("[listen]\nuds = {:?}\n", path.display().to_string());
    let own = folder().file("persona.toml", settings).run(&["health"]);
    assert_eq!(own.code, 0, "{own}");
    drop(server);
    let gone = folder().run(&["health", "--server", &url]);
    assert_eq!(gone.code, 69, "{gone}");
    assert!(gone.stderr.contains("could not reach unix:"), "{gone}");
}

#[test]
fn a_name_of_the_settings_file_stands_for_a_server() {
    let server = Server::with_workers(1).start();
    let settings = format!("[server.prod]\nurl = \"http://{}\"\n", server.address());
    let folder = folder().file("persona.toml", &settings);
    assert_eq!(folder.run(&["health", "--server=prod"]).code, 0);
    assert_eq!(folder.run(&["create", "--name=Ada", "--server=prod"]).code, 0);
    let folder = folder.variable("PERSONA_SERVER", "prod");
    assert_eq!(folder.run(&["show", "Ada"]).code, 0);
    let broken = folder.file(
        "persona.toml",
        format!("{settings}tokn_file = \"x\"\n[server.other]\n[server.\"a b\"]\nurl = \"x\"\n"),
    );
    let ran = broken.run(&["list", "--server=prod"]);
    assert_eq!(ran.code, 5, "{ran}");
    for words in [
        "unknown setting server.prod.tokn_file; did you mean token_file?",
        "server.other needs a url",
        "server.a b: a name has letters, digits, - and _ only",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
}

/// Accepts one connection. Returns the bytes that came before it was closed without an answer.
fn taken(listener: TcpListener) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut head = Vec::new();
        let mut bytes = [0; 1024];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut bytes).expect("a head") {
                0 => break,
                read => head.extend_from_slice(&bytes[..read]),
            }
        }
        let body = r#"{"ready":true}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).expect("an open connection");
        String::from_utf8(head).expect("text")
    })
}

/// Flags, environment variables, standard input, and the token that is sent.
type Kept<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [u8], &'a str);

#[test]
fn a_token_is_sent_from_wherever_it_is_kept_and_never_shown() {
    let [of_file, of_systemd, of_variable, of_input] = [(); 4].map(|()| random_secret());
    let line = format!("{of_input}\n");
    let folder = folder()
        .file("token", format!("{of_file}\n"))
        .file("secrets/persona-token", format!("{of_systemd}\n"));
    let credentials = folder.path("secrets").display().to_string();
    let cases: [Kept<'_>; 4] = [
        (&["--token-file=token"], &[("PERSONA_TOKEN", &of_variable)], b"", &of_file),
        (&["--token-file=-"], &[], line.as_bytes(), &of_input),
        (&[], &[("PERSONA_TOKEN", &of_variable)], b"", &of_variable),
        (&[], &[("CREDENTIALS_DIRECTORY", &credentials)], b"", &of_systemd),
    ];
    for (flags, variables, input, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let head = taken(listener);
        let arguments = [&["health", "--server", &url], flags].concat();
        let mut command = folder.command(&arguments);
        command.envs(variables.iter().copied()).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().expect("the built program");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
        let output = child.wait_with_output().expect("a child");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("psk_") && !said.contains("warning"), "{said}");
        let head = head.join().expect("no panic");
        assert!(head.contains(&format!("authorization: Bearer {expected}\r\n")), "{head}");
    }
}

#[test]
fn a_token_goes_to_no_other_machine_without_encryption() {
    let folder = folder().file("token", random_secret());
    let ran = folder.run(&["list", "--server=http://192.0.2.1:9", "--token-file=token"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(
        ran.stderr.contains("over plain HTTP") && ran.stderr.contains("--token-over-http"),
        "{ran}"
    );
    assert!(!ran.stderr.contains("psk_"), "{ran}");
    for content in ["", "psk_a psk_b"] {
        let folder = Folder::new().file("token", content);
        let ran = folder.run(&["health", "--server=localhost:1", "--token-file=token"]);
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains("token") && !ran.stderr.contains("psk_a"), "{ran}");
    }
    let ran = folder.run(&["health", "--server=localhost:1", "--token-file=nowhere"]);
    assert_eq!(ran.code, 3, "{ran}");
    fs::metadata(folder.path("token")).expect("it is still there");
}
