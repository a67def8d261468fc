//! Running servers, and programs that disturb them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;

use super::Examined;
use crate::common::runner::Folder;
use crate::common::tokens::create;
use crate::common::{DEADLINE, Server, wait_for};

fn of(server: &Server, flags: &[&str]) -> Examined {
    let database = server.database();
    Examined::database(
        &Folder::new(),
        &[&["--database", database.to_str().expect("a path of text")], flags].concat(),
    )
}

#[test]
fn a_running_server_is_found_by_its_file_and_not_disturbed() {
    let server = Server::with_workers(2).start();
    server
        .connect()
        .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
        .expect("an answer");
    let before = crate::common::Process::children_of(server.pid());
    for flags in [&[][..], &["--full"]] {
        let examined = of(&server, flags);
        assert_eq!((examined.code, examined.bad()), (0, vec![]));
        assert!(
            examined
                .check("Server", "server")
                .1
                .starts_with(&format!("http://{}", server.address()))
        );
        let own = examined.check("Processes", "own").1;
        assert!(before.iter().all(|process| own.contains(&process.pid.to_string())), "{own}");
        assert!(examined.check("Connections", "settings").1.starts_with("48 read back"));
    }
    assert_eq!(crate::common::Process::children_of(server.pid()), before);
    assert_eq!(
        server
            .connect()
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Eve"}"#)
            .expect("an answer")
            .status,
        201
    );
    assert!(!server.log().contains("\"level\":\"warn\""), "{}", server.log());
}

#[test]
fn a_server_alone_can_be_asked_and_one_that_is_not_there_is_said() {
    let server = Server::with_workers(1).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new();
    let examined = Examined::of(&folder, &["doctor", "--json", "--server", &url]);
    assert_eq!((examined.code, examined.bad()), (0, vec![]));
    assert!(examined.check("Server", "WAL").1.contains("with a checkpoint at 1000 pages"));
    drop(server);
    let ran = folder.run(&["doctor", "--server", &url]);
    assert_eq!((ran.code, ran.stdout.as_str()), (69, ""), "{ran}");
    assert!(ran.stderr.contains("hint:"), "{ran}");
}

#[test]
fn a_program_without_the_write_lock_is_named_and_so_is_the_lock_that_it_holds() {
    let server = Server::with_workers(1).start();
    let own = format!("(pid {})", std::process::id());
    let foreign = Connection::open(server.database()).expect("a database");
    foreign.query_row("SELECT count(*) FROM personas", [], |_| Ok(())).expect("a read");
    let examined = of(&server, &[]);
    assert_eq!((examined.code, examined.bad()), (1, vec!["foreign"]));
    assert!(
        examined.check("Processes", "foreign").1.contains(&own),
        "{:?}",
        examined.check("Processes", "foreign")
    );
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let examined = of(&server, &[]);
    assert_eq!(examined.bad(), ["foreign", "locks"]);
    assert!(examined.check("Processes", "locks").1.contains(&own));
    foreign.execute_batch("ROLLBACK").expect("a rollback");
}

#[test]
fn a_server_that_does_not_answer_is_a_failure_and_its_file_is_examined_all_the_same() {
    let server = Server::with_workers(1).start();
    let worker = server.processes("worker").remove(0);
    // The supervisor is stopped too, because it would replace the stopped worker.
    for pid in [server.pid(), worker.pid] {
        assert!(crate::common::signal(pid, rustix::process::Signal::STOP));
    }
    let examined = of(&server, &[]);
    assert_eq!((examined.code, examined.bad()), (2, vec!["readiness"]));
    assert_eq!(examined.check("Content", "integrity").0, "ok");
    for pid in [worker.pid, server.pid()] {
        assert!(crate::common::signal(pid, rustix::process::Signal::CONT));
    }
    wait_for("it answers again", DEADLINE, || (of(&server, &[]).code == 0).then_some(()));
}

#[test]
fn a_server_that_wants_a_token_is_told_how_to_get_one() {
    let server = Server::with_workers(1).start();
    let secret = create(&server, &["--name=ci", "--scope=read"]);
    let database = server.database();
    let arguments = ["doctor", "--database", database.to_str().expect("a path of text")];
    let folder = Folder::new().file("token", &secret);
    let without = folder.run(&arguments);
    assert_eq!(without.code, 2, "{without}");
    assert!(without.stdout.contains("the request has no token"), "{without}");
    for name in ["--token-file", "PERSONA_TOKEN"] {
        assert!(without.stdout.contains(name), "{without}");
    }
    assert!(!without.stdout.contains("look into the log"), "{without}");
    // The same where the server is named: the report tells it, and no error ends the command.
    let named = folder.run(&["doctor", "--server", &format!("http://{}", server.address())]);
    assert!(named.code == 2 && named.stdout.contains("the request has no token"), "{named}");
    let with = folder.run(&[&arguments[..], &["--token-file", "token"]].concat());
    assert_eq!(with.code, 0, "{with}");
    create(&server, &["--name=admin", "--scope=admin"]);
    crate::common::tokens::run(&server, &["revoke", "ci"]);
    let revoked = folder.run(&[&arguments[..], &["--token-file", "token"]].concat());
    assert!(revoked.code == 2 && revoked.stdout.contains("another token"), "{revoked}");
}

#[test]
fn a_server_that_listens_on_all_addresses_is_asked_over_loopback() {
    for host in ["0.0.0.0", "::"] {
        let server =
            Server::with_workers(1).flag(format!("--host={host}")).flag("--allow-open").start();
        let folder = Folder::new().file("token", create(&server, &["--name=ci", "--scope=read"]));
        let examined = of(&server, &["--token-file", folder.path("token").to_str().expect("text")]);
        assert_eq!((examined.code, examined.bad()), (0, vec![]), "{host}");
        let url = format!("http://{}", server.address());
        assert!(examined.check("Server", "server").1.starts_with(&url), "{host}");
        let settings = format!("[listen]\nhost = \"{host}\"\nport = {}\n", server.address().port());
        let asked = folder.file("persona.toml", settings).run(&["health", "--token-file", "token"]);
        assert_eq!(asked.code, 0, "{host}: {asked}");
    }
}

/// A server that is killed in the end.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_server_of_a_renamed_program_is_known_as_one_of_this_program() {
    let folder = Folder::new();
    let renamed = folder.path("persona-new");
    std::fs::copy(env!("CARGO_BIN_EXE_persona"), &renamed).expect("a copy");
    let mut serve = Command::new(&renamed);
    serve.args(["serve", "--port=0", "--workers=1", "--database=persona.db"]);
    serve.current_dir(folder.path("")).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    serve.stderr(Stdio::null());
    let mut server = Killed(serve.spawn().expect("the copy"));
    let mut said = BufReader::new(server.0.stdout.take().expect("a pipe")).lines();
    let line = said.next().expect("a line").expect("text");
    let url = line.strip_prefix("listening on ").expect("an address");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(folder.path(program));
        command.args(arguments).arg("--database=persona.db");
        command.current_dir(folder.path("")).env_clear();
        let output = command.output().expect("the program");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    for program in ["persona-new", env!("CARGO_BIN_EXE_persona")] {
        let (code, found) = run(program, &["doctor"]);
        assert_eq!(code, Some(0), "{program}: {found}");
        assert!(found.contains(url), "{program}: {found}");
        assert!(found.contains("no other program has the file open"), "{program}: {found}");
    }
    let token = ["token", "create", "--name=admin", "--scope=admin"];
    assert_eq!(run("persona-new", &token).0, Some(0));
    let (_, address) = run("persona-new", &["token", "link"]);
    assert!(address.starts_with(url), "{address} of {url}");
}
