//! A database has one name: a database that is reached by a second name is refused, a symbolic link
//! leads to its file, and no output overwrites a database.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::personas::create;
use crate::common::{Server, refused};
use crate::ledger::read_whole;
use crate::mounts::Mount;

/// Runs the program. Returns its exit code and its messages.
fn persona(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_persona"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The folder of a stopped server, with one persona in its database.
fn folder_with_a_database() -> tempfile::TempDir {
    let server = Server::with_workers(1).start();
    create(&mut server.connect(), "one");
    server.stop_and_keep_the_folder()
}

/// Every command that opens a database, with a name for a copy where it wants one.
const COMMANDS: [&[&str]; 6] = [
    &["list", "--database"],
    &["create", "--name", "Lost", "--database"],
    &["backup", "copy.db", "--database"],
    &["check", "--database"],
    &["restore", "other.db", "--database"],
    &["move", "--to", "postgres://nobody@127.0.0.1:1/none", "--from"],
];

#[track_caller]
fn assert_every_command_refuses(folder: &Path, database: &str, reason: &str) {
    let ended = refused(folder, &[&format!("--database={database}")]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains(reason) && ended.stderr.contains("hint: "), "{}", ended.stderr);
    for command in COMMANDS {
        let database =
            if command.contains(&"move") { format!("sqlite:{database}") } else { database.into() };
        let (code, said) = persona(folder, &[command, &[database.as_str()]].concat());
        assert_eq!(code, Some(5), "{command:?}: {said}");
        assert!(said.contains(reason), "{command:?}: {said}");
    }
    let (code, _) = persona(folder, &["doctor", "--database", database]);
    assert_eq!(code, Some(2), "doctor names it");
}

#[test]
fn a_database_that_is_mounted_as_a_single_file_is_refused_by_every_command() {
    let folder = folder_with_a_database();
    let file = folder.path().join("persona.db");
    let before = fs::read(&file).expect("a file");
    let Some(mount) = Mount::single_file("single file", &file) else { return };
    let database = mount.point().display().to_string();
    assert_every_command_refuses(folder.path(), &database, "is a mount point of its own");
    assert_eq!(fs::read(&file).expect("a file"), before);
    assert!(!mount.point().with_file_name("mounted-wal").exists(), "a WAL beside the other name");
}

#[test]
fn a_database_with_a_second_hard_link_is_refused_by_every_command() {
    let folder = folder_with_a_database();
    fs::hard_link(folder.path().join("persona.db"), folder.path().join("second.db"))
        .expect("a link");
    for name in ["persona.db", "second.db"] {
        assert_every_command_refuses(folder.path(), name, "has 2 hard links");
    }
}

#[test]
fn a_symbolic_link_leads_to_the_one_file_and_its_one_wal() {
    let folder = folder_with_a_database();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("app")).expect("a folder");
    symlink("../persona.db", path("app/link.db")).expect("a link");
    let (code, said) = persona(folder.path(), &["backup", "copy.db", "--database", "app/link.db"]);
    assert_eq!(code, Some(0), "{said}");
    let server = Server::with_workers(1).in_folder(folder).flag("--database=app/link.db").start();
    create(&mut server.connect(), "two");
    let folder = server.kill_and_keep_the_folder();
    let path = |name: &str| folder.path().join(name);
    assert!(path("persona.db-wal").exists() && path("persona.db-gate").exists());
    assert_eq!(
        fs::read_dir(path("app")).expect("a folder").count(),
        1,
        "something lies beside the link"
    );
    assert_eq!(read_whole(&path("persona.db")).personas.len(), 2);
    let (code, said) = persona(folder.path(), &["restore", "copy.db", "--database", "app/link.db"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        path("app/link.db").symlink_metadata().expect("a link").is_symlink(),
        "the link was replaced"
    );
    assert_eq!(read_whole(&path("persona.db")).personas.len(), 1);
}

#[test]
fn a_symbolic_link_that_leads_to_nothing_yet_makes_the_file_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("data")).expect("a folder");
    symlink("data/real.db", folder.path().join("persona.db")).expect("a link");
    let (code, said) = persona(folder.path(), &["create", "--create", "--name", "Ada"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(read_whole(&folder.path().join("data/real.db")).personas.len(), 1);
}

#[test]
fn no_output_goes_over_a_database_its_companions_or_a_backup() {
    let folder = folder_with_a_database();
    let path = |name: &str| folder.path().join(name);
    let (code, said) = persona(folder.path(), &["backup", "copy.db"]);
    assert_eq!(code, Some(0), "{said}");
    symlink("persona.db", path("innocent.txt")).expect("a link");
    let before = ["persona.db", "copy.db"].map(|name| fs::read(path(name)).expect("a file"));
    for name in ["persona.db", "persona.db-wal", "persona.db-gate", "copy.db", "innocent.txt"] {
        let (code, said) = persona(folder.path(), &["export", "--force", "-o", name]);
        assert_eq!(code, Some(5), "{name}: {said}");
        let ended = refused(folder.path(), &[&format!("--log-file={name}")]);
        assert_eq!(ended.code, Some(5), "{name}: {}", ended.stderr);
    }
    assert_eq!(["persona.db", "copy.db"].map(|name| fs::read(path(name)).expect("a file")), before);
}
