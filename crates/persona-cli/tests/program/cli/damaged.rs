//! A database that cannot be used, given to every command that takes one: one message, a hint, a
//! documented code, and the file as it was.

use crate::common::runner::Folder;

/// Every command that takes a database, with the name of a file to write where it needs one.
const COMMANDS: [&[&str]; 11] = [
    &["list"],
    &["show", "ada"],
    &["create", "--name", "ada"],
    &["edit", "ada"],
    &["delete", "ada", "--yes"],
    &["undelete", "00000000-0000-0000-0000-000000000001"],
    &["export"],
    &["import", "in.ndjson"],
    &["backup", "out.db"],
    &["restore", "persona.db", "--database", "new.db"],
    &["check"],
];

fn assert_refused(bytes: &[u8], code: i32, words: &str) {
    for command in COMMANDS {
        let folder = Folder::new().file("persona.db", bytes).file("in.ndjson", r#"{"name":"Ada"}"#);
        let ran = folder.run(command);
        assert_eq!(ran.code, code, "{command:?}: {ran}");
        assert!(
            ran.stderr.contains(words)
                && ran.stderr.contains("hint:")
                && ran.stderr.matches("error:").count() == 1,
            "{command:?}: {ran}"
        );
        assert!(
            std::fs::read(folder.path("persona.db")).expect("readable") == bytes,
            "{command:?} changed the file"
        );
        assert!(
            !folder.path("out.db").exists() && !folder.path("new.db").exists(),
            "{command:?}: {:?}",
            folder.files()
        );
    }
}

/// The bytes of a sound database, made by a backup.
fn sound() -> Vec<u8> {
    let folder = Folder::with_personas(&[&["Ada"], &["Eve"]]);
    assert_eq!(folder.run(&["backup", "b.db"]).code, 0);
    std::fs::read(folder.path("b.db")).expect("readable")
}

#[test]
fn a_file_that_is_no_database_is_refused_by_every_command() {
    assert_refused(b"hello", 5, "is not a SQLite database");
    assert_refused(
        &sound().iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>(),
        5,
        "is not a SQLite database",
    );
}

#[test]
fn a_file_of_another_application_or_a_newer_version_is_refused_by_every_command() {
    let mut foreign = sound();
    foreign[68..72].copy_from_slice(&[0, 0, 0, 9]);
    assert_refused(&foreign, 5, "belongs to another application");
    let mut newer = sound();
    newer[60..64].copy_from_slice(&[0, 0, 0, 99]);
    assert_refused(&newer, 5, "schema version 99");
}

#[test]
fn a_truncated_database_is_called_damaged_by_every_command() {
    let sound = sound();
    assert_refused(&sound[..sound.len() / 2], 1, "persona.db is damaged");
}

#[test]
fn a_database_with_damaged_pages_is_called_damaged_by_its_own_name() {
    let mut pages = sound();
    // The first page, which tells what the file is, stays as it was.
    pages[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    assert_refused(&pages, 1, "persona.db is damaged");
}

#[test]
fn a_backup_goes_nowhere_where_it_cannot_go() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let missing = folder.run(&["backup", "no-folder/b.db"]);
    assert!(
        missing.code == 3 && missing.stderr.contains("there is no folder no-folder"),
        "{missing}"
    );
    let none = folder.run(&["backup", "b.db", "--database", "none.db"]);
    assert!(none.code == 3 && none.stderr.contains("there is no database"), "{none}");
    assert_eq!(folder.run(&["backup", "b.db"]).code, 0);
    let again = folder.run(&["backup", "b.db"]);
    assert!(again.code == 4 && again.stderr.contains("--force"), "{again}");
}

#[test]
fn a_check_names_the_persona_and_says_what_is_wrong() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let connection = rusqlite::Connection::open(folder.path("persona.db")).expect("it opens");
    connection
        .execute("UPDATE personas SET document = replace(document, 'Ada', 'Eva')", [])
        .expect("SQL");
    drop(connection);
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.starts_with("persona [id]: the stored text of persona [id] at revision 1 does not match its checksum"), "{ran}");
    assert!(ran.stderr.starts_with("error: persona.db is damaged: 5 problems\nhint: "), "{ran}");
    let json = folder.run(&["check", "--json"]);
    assert!(
        json.code == 1 && json.stdout.contains("\"sound\":false") && json.stderr.is_empty(),
        "{json}"
    );
}

#[test]
fn a_command_that_meets_a_damaged_persona_names_it_and_the_cure() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let connection = rusqlite::Connection::open(folder.path("persona.db")).expect("it opens");
    connection
        .execute("UPDATE personas SET document = replace(document, 'Ada', 'Eva')", [])
        .expect("SQL");
    drop(connection);
    for command in [&["list", "--json"][..], &["export"], &["export", "-o", "out.ndjson"]] {
        let ran = folder.run(command);
        assert_eq!(ran.code, 1, "{command:?}: {ran}");
        for words in [
            "the database is damaged: ",
            "the stored text of persona [id]",
            "`persona check`",
            "restore",
        ] {
            assert!(ran.stderr.contains(words), "{command:?}: {words} is missing: {ran}");
        }
    }
    assert!(!folder.path("out.ndjson").exists());
}

#[test]
fn a_folder_is_called_a_folder() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).expect("a folder");
    let ran = folder.run(&["list", "--database", "data"]);
    assert!(
        ran.code == 5
            && ran.stderr.contains("data is a folder, not a database file")
            && ran.stderr.contains("data/persona.db"),
        "{ran}"
    );
}
