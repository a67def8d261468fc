//! A start that is refused leaves nothing behind: no database, none of the files beside one, no
//! log, no socket.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use persona_test_support::Authority;
use tempfile::TempDir;

use crate::common::{Server, refused};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("readable").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Starts a server with these flags in an empty folder, where it has to be refused with this exit
/// code and these words, and has to leave nothing.
#[track_caller]
fn leaves_nothing(flags: &[&str], code: i32, words: &str) {
    let folder = folder();
    let ended = refused(folder.path(), flags);
    assert_eq!(ended.code, Some(code), "{flags:?}: {}", ended.stderr);
    assert!(ended.stderr.contains(words), "{flags:?}: {}", ended.stderr);
    assert_eq!(files(folder.path()), [""; 0], "{flags:?}: {}", ended.stderr);
}

#[test]
fn an_address_of_all_machines_without_a_token_is_refused_before_there_is_a_database() {
    let words = "0.0.0.0 is no loopback address, and no access token counts";
    leaves_nothing(&["--host=0.0.0.0"], 5, words);
    // The socket of the same server goes too.
    leaves_nothing(&["--host=0.0.0.0", "--port=0", "--uds=persona.sock"], 5, words);
    // An empty file is no database either.
    let folder = folder();
    fs::write(folder.path().join("persona.db"), "").expect("a file");
    let ended = refused(folder.path(), &["--host=0.0.0.0"]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert_eq!(files(folder.path()), ["persona.db"]);
    assert_eq!(fs::read(folder.path().join("persona.db")).expect("readable"), b"");
}

/// Runs a command on the database of a folder.
fn run(folder: &Path, words: &str) {
    let made = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(words.split(' '))
        .arg("--database=persona.db")
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the built program");
    assert!(made.status.success(), "{words}: {}", String::from_utf8_lossy(&made.stderr));
}

/// As the version before the last left it.
fn to_version_14(database: &Path) {
    let older = "ALTER TABLE personas DROP COLUMN autosaved_since;
                 DROP INDEX label_moves_by_revision;
                 PRAGMA user_version = 14";
    let file = rusqlite::Connection::open(database).expect("it opens");
    file.execute_batch(older).expect("SQL");
}

/// Starts a server that has to be refused for want of a token, and to change nothing.
#[track_caller]
fn changes_nothing(folder: &Path) {
    let database = folder.join("persona.db");
    let before = (files(folder), fs::read(&database).expect("readable"));
    let ended = refused(folder, &["--host=0.0.0.0"]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("no access token counts"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--create"), "{}", ended.stderr);
    assert_eq!(files(folder), before.0, "{}", ended.stderr);
    assert!(fs::read(&database).expect("readable") == before.1, "{}", ended.stderr);
}

#[test]
fn a_start_without_a_token_leaves_an_older_database_as_it_is() {
    // Version 8 has no table of tokens.
    let folder = folder();
    let database = folder.path().join("persona.db");
    let older =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-storage/tests/storage/version-8.sqlite");
    fs::copy(older, &database).expect("a copy");
    changes_nothing(folder.path());
    // A backup that was put in the place of the database is in a rollback mode.
    let mode = rusqlite::Connection::open(&database).expect("it opens");
    mode.pragma_update(None, "journal_mode", "delete").expect("a mode");
    drop(mode);
    changes_nothing(folder.path());
    // Version 14 has one, in which the only token has ended.
    run(folder.path(), "token create --name=first --scope=admin");
    run(folder.path(), "token revoke first");
    to_version_14(&database);
    changes_nothing(folder.path());
    // The control: a token that counts.
    run(folder.path(), "token create --name=second --scope=admin");
    to_version_14(&database);
    let server = Server::with_workers(1).in_folder(folder).flag("--host=0.0.0.0").start();
    assert_eq!(server.connect().get("/api/v1/personas").expect("an answer").status, 401);
}

/// Follows the command of a message word by word, as a shell in this folder does.
fn follow(folder: &Path, command: &str) {
    let program = env!("CARGO_BIN_EXE_persona");
    let words = command.strip_prefix("persona ").expect("a command of this program");
    let made = Command::new("/bin/sh")
        .args(["-c", &format!("'{program}' {}", words.replace("NAME", "first"))])
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("a shell");
    assert!(made.status.success(), "{command}: {}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn the_way_on_that_a_refusal_names_leads_to_a_server() {
    for database in ["persona.db", "other.db", "a folder/it's.db"] {
        // There is no database, and then there is one without a token.
        for is_new in [true, false] {
            let folder = folder();
            fs::create_dir(folder.path().join("a folder")).expect("a folder");
            let flag = format!("--database={database}");
            let folder = if is_new {
                folder
            } else {
                let server = Server::with_workers(1).in_folder(folder).flag(&flag).start();
                server.stop_and_keep_the_folder()
            };
            let ended = refused(folder.path(), &[&flag, "--host=0.0.0.0"]);
            let hint = ended.stderr.split_once("hint: make a token: ").map(|(_, hint)| hint);
            let command = hint.and_then(|hint| Some(hint.split_once("; or")?.0));
            let command = command.unwrap_or_else(|| panic!("{}", ended.stderr));
            assert_eq!(command.contains("--create"), is_new, "{command}");
            follow(folder.path(), command);
            let server =
                Server::with_workers(1).in_folder(folder).flag(flag).flag("--host=0.0.0.0").start();
            assert_eq!(server.connect().get("/api/v1/personas").expect("an answer").status, 401);
        }
    }
}

#[test]
fn the_control_a_start_that_is_not_refused_makes_a_database() {
    let folder = Server::with_workers(1)
        .in_folder(folder())
        .flag("--host=0.0.0.0")
        .flag("--allow-open")
        .start()
        .stop_and_keep_the_folder();
    assert!(files(folder.path()).contains(&"persona.db".to_owned()), "{:?}", files(folder.path()));
}

#[test]
fn sockets_that_cannot_be_used_are_refused_before_there_is_a_log_or_a_database() {
    let place = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = format!("--port={}", taken.local_addr().expect("an address").port());
    let at = |name: &str| place.path().join(name).display().to_string();
    let _listener = UnixListener::bind(at("taken.sock")).expect("a socket");
    fs::write(at("data"), "precious").expect("a file");
    let (log, own) = ("--log-file=server.log", "--uds=own.sock");
    let in_use = "is in use by another program";
    leaves_nothing(&[&port, log], 69, in_use);
    leaves_nothing(&[&port, log, own], 69, in_use);
    let uds = |name: &str| format!("--uds={}", at(name));
    leaves_nothing(&[&uds("taken.sock"), log], 69, "another program listens on");
    leaves_nothing(&[&uds("data"), log], 5, "is no socket, and stays as it is");
    leaves_nothing(&[&uds("nowhere/a.sock"), log], 69, "could not listen on");
    leaves_nothing(&[own, "--uds-group=no such group", log], 5, "there is no group");
    leaves_nothing(&["--fd=77", log], 5, "there is no such descriptor");
    leaves_nothing(&["--host=192.0.2.1", log], 69, "could not listen on 192.0.2.1");
    assert_eq!(files(place.path()), ["data", "taken.sock"], "what is there stays");
}

#[test]
fn certificates_that_cannot_be_used_are_refused_before_there_is_a_log_or_a_database() {
    let place = folder();
    let authority = Authority::new(place.path());
    let (cert, key) = authority.issue("first");
    let other = authority.issue("other");
    let old = authority.issue_for("old", "20200101000000Z", "20200201000000Z");
    let open = place.path().join("open.key");
    fs::copy(&key, &open).expect("a file");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let none = place.path().join("none");
    for (cert, key, words) in [
        (&cert, &other.1, "does not belong to the certificate"),
        (&old.0, &old.1, "expired at 2020-02-01"),
        (&cert, &open, "can be read by other users"),
        (&none, &key, "could not read"),
    ] {
        let (cert, key) =
            (format!("--tls-cert={}", cert.display()), format!("--tls-key={}", key.display()));
        leaves_nothing(&[&cert, &key, "--log-file=server.log"], 5, words);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_there_is_a_log_or_a_database() {
    for (flag, words) in [
        ("--port=70000", "--port"),
        ("--connections-share=0", "--connections-share"),
        ("--tls-cert=a.crt", "needs --tls-key as well"),
        ("--log-level=,,=", "log"),
    ] {
        leaves_nothing(&[flag, "--log-file=server.log"], 5, words);
    }
}
