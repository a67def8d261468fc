//! Access tokens in backups and restores: a restored database accepts the tokens of its backup, as
//! they were then, and the backup has no secret in it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::tokens::{bearer, create, run};
use crate::common::{ON_POSTGRES, Server};

const COPY: &str = "copy.db";

/// A folder and the database that belongs to it, which are there beside their server and after it.
struct Place {
    folder: TempDir,
    database: String,
}

impl Place {
    /// Stops the server.
    fn of(server: Server) -> Self {
        let database = server.database_argument();
        Self { folder: server.stop_and_keep_the_folder(), database }
    }

    fn start(self) -> Server {
        Server::with_workers(2).in_folder(self.folder).start()
    }

    /// Restores the backup and returns what the command wrote. `pg_restore` writes nothing.
    fn restore(&self, flags: &[&str]) -> Output {
        let mut program = if ON_POSTGRES {
            let mut program = Command::new("pg_restore");
            program.args(["--clean", "--if-exists", "--single-transaction", "--exit-on-error"]);
            program.args(["--no-password", "--dbname", &self.database, COPY]);
            program
        } else {
            let mut program = Command::new(env!("CARGO_BIN_EXE_persona"));
            program.env_clear().args(["restore", COPY, "--database", &self.database]).args(flags);
            program
        };
        succeed(program.current_dir(self.folder.path()))
    }
}

fn succeed(program: &mut Command) -> Output {
    let output = program.output().expect("the program");
    assert!(output.status.success(), "{output:?}");
    output
}

/// Backs up the database of a running server as the documents say, and returns the bytes.
fn back_up(server: &Server) -> Vec<u8> {
    let database = server.database_argument();
    let mut program = if ON_POSTGRES {
        let mut program = Command::new("pg_dump");
        program.args(["--format=custom", "--compress=0", "--schema=persona_store"]);
        program.args(["--no-password", "--file", COPY, "--dbname", &database]);
        program
    } else {
        let mut program = Command::new(env!("CARGO_BIN_EXE_persona"));
        program.env_clear().args(["backup", COPY, "--database", &database]);
        program
    };
    succeed(program.current_dir(server.folder()));
    fs::read(server.folder().join(COPY)).expect("a backup")
}

fn statuses<const N: usize>(server: &Server, secrets: [&str; N]) -> [u16; N] {
    secrets.map(|secret| {
        let header = bearer(secret);
        let headers = [("authorization", &*header)];
        let reply = server.connect().request("GET", "/api/v1/personas", &headers, b"");
        reply.expect("an answer").status
    })
}

fn rotate(server: &Server, flags: &[&str]) -> String {
    let rotated = run(server, &[&["rotate", "rotated"], flags].concat());
    rotated["token"].as_str().expect("a secret").to_owned()
}

#[test]
fn a_restored_database_accepts_the_tokens_of_its_backup_as_they_were_then() {
    let server = Server::with_workers(2).start();
    let first = create(&server, &["--name=rotated", "--scope=read"]);
    let second = rotate(&server, &[]);
    let ended = create(&server, &["--name=ended", "--scope=read"]);
    let later = create(&server, &["--name=later", "--scope=read"]);
    run(&server, &["revoke", "ended"]);
    let backup = back_up(&server);
    // The first four bytes are the prefix of every secret.
    let has = |secret: &str| backup.windows(43).any(|part| part == &secret.as_bytes()[4..47]);
    assert!(![&*first, &second, &ended, &later].into_iter().any(has), "a backup has hashes only");
    run(&server, &["revoke", "later"]);
    let third = rotate(&server, &["--keep=0s"]);
    let new = create(&server, &["--name=new", "--scope=read"]);
    let all = [&*first, &second, &third, &later, &ended, &new];
    assert_eq!(statuses(&server, all), [401, 401, 200, 401, 401, 200]);
    let place = Place::of(server);
    if !ON_POSTGRES {
        let told = place.restore(&["--dry-run", "--json"]);
        let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
        assert_eq!([&told["tokens"], &told["tokens_kept"]], [2, 3], "{told}");
    }
    let told = String::from_utf8(place.restore(&[]).stderr).expect("text");
    let words = "of its 3 access tokens 2 count, with the secrets of the backup";
    assert!(ON_POSTGRES || told.contains(words), "{told}");
    let server = place.start();
    assert_eq!(statuses(&server, all), [200, 200, 401, 200, 401, 401]);
    // What was revoked since has to be revoked again.
    run(&server, &["revoke", "later"]);
    assert_eq!(statuses(&server, [&later]), [401]);
}

#[test]
fn a_backup_from_before_the_first_token_opens_a_server_on_loopback_and_no_other() {
    let server = Server::with_workers(1).start();
    back_up(&server);
    create(&server, &["--name=ci", "--scope=read"]);
    let ask = |server: &Server| server.connect().get("/api/v1/personas").expect("an answer").status;
    assert_eq!(ask(&server), 401);
    let place = Place::of(server);
    let told = String::from_utf8(place.restore(&[]).stderr).expect("text");
    assert!(ON_POSTGRES || told.contains("it has no access token"), "{told}");
    let server = place.start();
    assert_eq!(ask(&server), 200);
    let folder = server.stop_and_keep_the_folder();
    let refused = Server::with_workers(1).in_folder(folder).flag("--host=0.0.0.0").refused();
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
}
