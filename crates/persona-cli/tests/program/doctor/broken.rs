//! Files that cannot be used: the doctor reports them and never changes them.

use rusqlite::Connection;

use super::{Examined, contents_of};
use crate::common::runner::Folder;

/// Examines a folder, and checks that it is the same afterwards.
#[track_caller]
fn examined_untouched(folder: &Folder, flags: &[&str]) -> Examined {
    let before = contents_of(&folder.path(""));
    let examined = Examined::database(folder, flags);
    assert_eq!(contents_of(&folder.path("")), before, "something was changed");
    examined
}

#[test]
fn a_file_that_is_not_there_is_a_failure_and_is_not_made() {
    let examined = examined_untouched(&Folder::new(), &[]);
    assert_eq!((examined.code, examined.bad()), (2, vec!["database"]));
    assert_eq!(examined.check("File", "database").1, "there is no database persona.db");
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_too() {
    let examined = examined_untouched(&Folder::new(), &["--database", "nowhere/persona.db"]);
    assert_eq!((examined.code, examined.bad()), (2, vec!["database"]));
}

#[test]
fn what_is_no_database_or_is_of_another_application_is_a_failure() {
    for (content, reason) in [
        (b"a,b,c\n".to_vec(), "is not a SQLite database"),
        (foreign(), "belongs to another application"),
    ] {
        let folder = Folder::new().file("persona.db", content);
        let examined = examined_untouched(&folder, &[]);
        assert_eq!((examined.code, examined.check("File", "database").0), (2, "fail"));
        assert!(
            examined.check("File", "database").1.contains(reason),
            "{:?}",
            examined.check("File", "database")
        );
    }
}

/// A database file of another application.
fn foreign() -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    Connection::open(file.path())
        .and_then(|connection| connection.execute_batch("CREATE TABLE notes (text)"))
        .expect("a database");
    std::fs::read(file.path()).expect("a file")
}

#[test]
fn a_damaged_file_is_reported_with_what_to_do_and_left_as_it_is() {
    let folder = Folder::new().file("many.ndjson", crate::common::runner::many(60));
    assert_eq!(folder.run(&["import", "many.ndjson"]).code, 0);
    let mut bytes = std::fs::read(folder.path("persona.db")).expect("a file");
    let sound = bytes.clone();
    // Fills the beginning of every page but the first page, which names the program that made the
    // file.
    bytes.chunks_mut(4096).skip(1).for_each(|page| page[8..64].fill(0xee));
    std::fs::write(folder.path("persona.db"), &bytes).expect("a file");
    for flags in [&[][..], &["--full"]] {
        let examined = examined_untouched(&folder, flags);
        assert_eq!((examined.code, examined.check("Content", "integrity").0), (2, "fail"));
    }
    std::fs::write(folder.path("persona.db"), &sound).expect("a file");
    assert_eq!(
        Examined::database(&folder, &["--full"]).code,
        0,
        "the same file is sound without the damage"
    );
}

#[test]
fn a_file_of_a_newer_program_is_a_failure_and_one_in_an_old_journal_mode_a_warning() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let change = |pragma: &str| {
        let connection = Connection::open(folder.path("persona.db")).expect("a database");
        connection.execute_batch(&format!("PRAGMA {pragma}")).expect("a setting");
    };
    change("journal_mode = delete");
    let examined = examined_untouched(&folder, &[]);
    assert_eq!((examined.code, examined.bad()), (1, vec!["journal mode"]));
    change("user_version = 1000");
    let examined = examined_untouched(&folder, &[]);
    assert_eq!((examined.code, examined.bad()), (2, vec!["database"]));
    assert!(examined.check("File", "database").1.contains("has schema version 1000"));
}
