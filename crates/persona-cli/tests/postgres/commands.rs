//! The command line over PostgreSQL: with `--database postgres://...` as with a file.

use crate::common::refused;
use crate::common::runner::{Folder, many};
use persona_test_support::Cluster;

/// A folder with settings that name a new database.
pub fn folder() -> Folder {
    let cluster = Cluster::shared();
    Folder::new().variable("DATABASE_URL", cluster.url(&cluster.database()))
}

#[test]
fn personas_are_created_listed_found_changed_imported_and_exported() {
    let folder = folder().file("many.ndjson", many(120));
    let created = folder.run(&["create", "--name", "Ada"]);
    assert_eq!(created.code, 0, "{created}");
    assert!(folder.results(&["list", "--json"]).contains("Ada"));
    let imported = folder.run(&["import", "many.ndjson"]);
    assert_eq!(imported.code, 0, "{imported}");
    let exported = folder.results(&["export"]);
    assert_eq!(exported.lines().count(), 121, "{exported}");
    let again = folder.run(&["import", "many.ndjson"]);
    assert_eq!(again.code, 0, "{again}");
    assert_eq!(folder.results(&["export"]), exported, "the same items again change nothing");
    assert_eq!(folder.files(), ["many.ndjson"], "nothing is left beside");
}

#[test]
fn a_history_goes_from_a_file_to_the_database_and_back_as_it_was() {
    let file = Folder::with_personas(&[
        &["Ada", "--author=Eve", "--set=handle=ada"],
        &["Bob", "--set=handle=bob"],
    ]);
    for command in [
        // The two personas exchange their handles.
        &["update", "Ada", "--set=handle=free"] as &[&str],
        &["update", "Bob", "--set=handle=ada"],
        &["update", "Ada", "--set=handle=bob"],
        &["update", "Ada", "--set=tags=a"],
        &["delete", "Ada", "--yes"],
        &["undelete", "Ada"],
        &["delete", "Bob", "--yes"],
    ] {
        assert_eq!(file.run(command).code, 0, "{command:?}");
    }
    let history = file.results(&["export", "--history"]);
    assert_eq!(history.lines().count(), 9);
    let database = folder().file("all.ndjson", &history);
    let imported = database.run(&["import", "all.ndjson"]);
    assert_eq!(imported.code, 0, "{imported}");
    let back = database.results(&["export", "--history"]);
    let sorted = |text: &str| {
        text.lines().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(sorted(&back), sorted(&history));
    let again = Folder::new().file("all.ndjson", back);
    assert_eq!(again.run(&["import", "all.ndjson"]).code, 0);
    assert_eq!(
        (sorted(&again.results(&["export", "--history"])), again.run(&["check"]).code),
        (sorted(&history), 0)
    );
}

#[test]
fn a_doctor_looks_at_the_database_and_changes_nothing() {
    let empty = folder();
    let found = empty.run(&["doctor"]);
    assert!(
        found.code == 2
            && found.stdout.contains("schema version 0")
            && found.stdout.contains("persona serve"),
        "{found}"
    );
    assert_eq!(empty.run(&["create", "--name", "Ada"]).code, 0);
    let found = empty.run(&["doctor"]);
    // Tests run PostgreSQL with fsync off, which the doctor has to report.
    assert!(
        found.code == 2
            && found.stdout.contains("1 persona in")
            && found.stdout.contains("fsync is off"),
        "{found}"
    );
}

#[test]
fn commands_for_files_say_what_to_use_instead() {
    let folder = folder();
    for arguments in [&["backup", "copy.db"][..], &["restore", "copy.db"], &["check"]] {
        let ran = folder.run(arguments);
        assert!(
            ran.code == 2 && ran.stderr.contains("is no file") && ran.stderr.contains("pg_dump"),
            "{ran}"
        );
    }
}

#[test]
fn what_cannot_be_used_is_told_by_name_with_an_exit_code_of_its_own_and_without_the_password() {
    let cluster = Cluster::shared();
    cluster.role("ada", "LOGIN PASSWORD 'other'");
    let newer = cluster.database();
    cluster.sql(
        &newer,
        "CREATE SCHEMA persona_store; CREATE TABLE persona_store.about AS SELECT 'persona' AS application, 99 AS schema_version",
    );
    let port = cluster.port();
    for (url, code, words) in [
        (
            "postgres://ada:secret@127.0.0.1:1/personas".to_owned(),
            69,
            "could not reach 127.0.0.1:1/personas",
        ),
        (format!("postgres://ada:secret@127.0.0.1:{port}/postgres"), 5, "refuses the user ada"),
        (
            format!("postgres://ada@127.0.0.1:{port}/postgres"),
            5,
            "refuses the user ada: password missing",
        ),
        (
            cluster.url("nowhere").replace("postgres@", "postgres:secret@"),
            3,
            "there is no database nowhere",
        ),
        (cluster.url(&newer), 5, "schema version 99"),
        (
            cluster.url("postgres").replace("/postgres", "/postgres?sslmode=verify-full"),
            5,
            "no trusted connection",
        ),
        ("postgres://ada:secret@db/personas?sslmode=maybe".to_owned(), 5, "sslmode must be"),
    ] {
        let flag = format!("--database={url}");
        let server = refused(tempfile::tempdir().expect("a folder").path(), &[&flag]);
        assert_eq!(server.code, Some(code), "{url}: {}", server.stderr);
        let command = Folder::new().run(&["list", "--database", &url]);
        assert_eq!(command.code, code, "{url}: {command}");
        for said in [&server.stderr, &command.stderr] {
            assert!(said.contains(words) && !said.contains("secret"), "{url}: {said}");
        }
    }
}

#[test]
fn settings_are_shown_without_the_password_and_more_workers_are_allowed_than_on_a_file() {
    let folder = Folder::new()
        .variable("DATABASE_URL", "postgres://ada:secret@db/personas")
        .variable("WEB_CONCURRENCY", "64");
    let shown = folder.results(&["config", "show"]);
    assert!(
        shown.contains("postgres://db:5432/personas")
            && shown.contains("64")
            && !shown.contains("secret"),
        "{shown}"
    );
    assert!(!folder.results(&["config", "show", "--json"]).contains("secret"));
    let refused = folder.run(&["config", "check", "--workers=65"]);
    assert!(refused.code == 5 && refused.stderr.contains("from 1 to 64"), "{refused}");
    let refused = folder.run(&["config", "check", "--backup-every=1h"]);
    assert!(refused.code == 5 && refused.stderr.contains("pg_dump"), "{refused}");
}
