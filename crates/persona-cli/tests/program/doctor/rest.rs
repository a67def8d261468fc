//! Files that no server has open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use persona_storage::sqlite::inspect::SCHEMA_VERSION;
use rustix::process::Signal;

use super::{Examined, contents_of};
use crate::common::runner::Folder;
use crate::common::{Server, signal, wait_for};

#[test]
fn a_sound_file_at_rest_has_no_warning_and_nothing_is_made_beside_it() {
    let folder = Folder::with_personas(&[&["Ada"], &["Eve"]]);
    let before = contents_of(&folder.path(""));
    for flags in [&[][..], &["--full"]] {
        let examined = Examined::database(&folder, flags);
        assert_eq!((examined.code, examined.bad()), (0, vec![]));
        let schema = format!("version {SCHEMA_VERSION}, 2 personas");
        assert_eq!(examined.check("Content", "schema"), ("ok", schema.as_str()));
    }
    assert_eq!(contents_of(&folder.path("")), before);
}

#[test]
fn the_examination_counts_as_the_check_the_backup_and_the_restore_do() {
    let folder = Folder::with_personas(&[&["Ada"], &["Eve"]]);
    assert_eq!(folder.run(&["delete", "Eve", "--yes"]).code, 0);
    let words = "1 persona and 1 deleted";
    assert_eq!(
        Examined::database(&folder, &[]).check("Content", "schema").1,
        format!("version {SCHEMA_VERSION}, {words}")
    );
    for command in
        [&["check"] as &[&str], &["backup", "copy.db"], &["restore", "copy.db", "--dry-run"]]
    {
        let ran = folder.run(command);
        assert!(ran.code == 0 && ran.stdout.contains(words), "{command:?}: {ran}");
    }
}

#[test]
fn the_wal_of_a_killed_server_is_explained_and_left_alone() {
    let server = Server::with_workers(2).start();
    assert_eq!(
        server
            .connect()
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
            .expect("an answer")
            .status,
        201
    );
    // The maintenance process is stopped first: it would checkpoint the WAL while the others still
    // write.
    assert!(signal(server.processes("maintenance")[0].pid, Signal::STOP));
    assert_eq!(
        server
            .connect()
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Eve"}"#)
            .expect("an answer")
            .status,
        201
    );
    let killed = server.kill_and_keep_the_folder();
    let before = contents_of(killed.path());
    let folder = Folder::new();
    let database = killed.path().join("persona.db");
    let examined =
        Examined::database(&folder, &["--database", database.to_str().expect("a path of text")]);
    assert_eq!((examined.code, examined.bad()), (0, vec![]));
    assert!(
        examined.check("File", "WAL").1.contains("left by processes that were killed"),
        "{:?}",
        examined.check("File", "WAL")
    );
    assert_eq!(
        examined.check("Content", "schema").1,
        format!("version {SCHEMA_VERSION}, 2 personas")
    );
    let unchanged = |name: &str| {
        let find = |files: &[(String, Vec<u8>)]| {
            files.iter().find(|(known, _)| known == name).expect("there").1.clone()
        };
        assert!(find(&before) == find(&contents_of(killed.path())), "{name} was changed");
    };
    unchanged("persona.db");
    unchanged("persona.db-wal");
}

#[test]
fn a_file_that_others_may_read_is_a_warning_with_the_command_that_helps() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    fs::set_permissions(folder.path("persona.db"), Permissions::from_mode(0o644))
        .expect("an owner may");
    let ran = folder.run(&["doctor"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.contains("  warn  permissions"), "{ran}");
    assert!(ran.stdout.contains("fix: chmod 600 persona.db"), "{ran}");
    assert!(ran.stdout.ends_with("1 warning, 0 failures\n"), "{ran}");
    fs::set_permissions(folder.path("persona.db"), Permissions::from_mode(0o600))
        .expect("an owner may");
    assert_eq!(folder.run(&["doctor"]).code, 0);
}

#[test]
fn leftovers_of_interrupted_work_are_named() {
    let folder =
        Folder::with_personas(&[&["Ada"]]).file("persona.db-before-wal.unfinished", "half a copy");
    let examined = Examined::database(&folder, &[]);
    assert_eq!((examined.code, examined.bad()), (1, vec!["leftovers"]));
    assert!(examined.check("File", "leftovers").1.contains("persona.db-before-wal.unfinished"));
}

#[test]
fn what_is_printed_can_be_pasted_without_telling_where_the_user_lives() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    // The runner makes the folder the home of the user, and shows its path as [folder] everywhere.
    let path = folder.path("persona.db");
    let ran = folder.run(&["doctor", "--database", path.to_str().expect("a path of text")]);
    assert!(ran.stdout.contains("~/persona.db"), "{ran}");
    assert!(!ran.stdout.contains("[folder]"), "{ran}");
}

#[test]
fn a_program_that_only_reads_through_the_command_line_is_not_foreign() {
    let server = Server::with_workers(1).start();
    let database = server.database();
    let folder = Folder::new();
    let mut import = folder
        .command(&["import", "-", "--database", database.to_str().expect("text")])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    // This process waits for its input with the file open.
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", import.id()))
            .into_iter()
            .flatten()
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|file| file == database))
    };
    wait_for("the import opens the file", crate::common::DEADLINE, || open().then_some(()));
    let examined = Examined::database(&folder, &["--database", database.to_str().expect("text")]);
    import.kill().expect("a child");
    import.wait().expect("a child");
    assert_eq!(examined.check("Processes", "foreign").0, "ok");
    assert!(examined.check("Processes", "own").1.contains(&import.id().to_string()));
}
