//! `persona move` as it is called: what it prints, what it refuses and with which exit code, and that what it moved works.

use serde_json::Value;

use crate::common::cluster::Cluster;
use crate::runner::{Folder, many};

/// A folder with a database file of some personas, and the URL of an empty database.
fn places() -> (Folder, String) {
    let folder = Folder::new().file("many.ndjson", many(120));
    assert_eq!(folder.run(&["import", "many.ndjson"]).code, 0);
    assert_eq!(folder.run(&["create", "--name", "Ada"]).code, 0);
    let cluster = Cluster::shared();
    (folder, cluster.url(&cluster.database()))
}

#[test]
fn everything_moves_to_postgresql_and_back_and_is_the_same() {
    let (folder, url) = places();
    let before = folder.results(&["export"]);
    let there = ["move", "--from", "sqlite:persona.db", "--to", &url, "--json"];
    let rehearsed = folder.run(&[&there[..], &["--dry-run"]].concat());
    assert_eq!(rehearsed.code, 0, "{rehearsed}");
    let report: Value = serde_json::from_str(&folder.results(&there)).expect("JSON");
    assert_eq!((&report["personas"], &report["verified"]), (&121.into(), &true.into()), "{report}");
    assert_eq!(folder.results(&["export", "--database", &url]), before);
    let back = folder.run(&["move", "--from", &url, "--to", "sqlite:back.db"]);
    assert!(back.code == 0 && back.stdout.contains("121 personas") && back.stderr.contains("--database back.db"), "{back}");
    assert_eq!(folder.results(&["export", "--database", "back.db"]), before);
    let checked = folder.run(&["check", "back.db"]);
    assert_eq!(checked.code, 0, "{checked}");
    assert!(!folder.files().iter().any(|name| name.contains("unfinished")), "{:?}", folder.files());
}

#[test]
fn bad_places_are_refused_by_name_with_an_exit_code_of_their_own_and_without_the_password() {
    let (folder, url) = places();
    let nobody = "postgres://ada:secret@127.0.0.1:1/personas";
    let missing = url.rsplit_once('/').map(|(server, _)| format!("{server}/missing")).expect("a URL");
    let refusals = [
        ("persona.db", url.as_str(), 2, "--from must be sqlite:FILE"),
        ("sqlite:persona.db", "mysql://localhost/x", 2, "--to must be sqlite:FILE"),
        ("sqlite:persona.db", "sqlite:./persona.db", 2, "cannot be moved to itself"),
        ("sqlite:persona.db", "sqlite:other.db", 2, "not from one SQLite file to another"),
        ("sqlite:missing.db", &url, 3, "there is no database at missing.db"),
        ("sqlite:many.ndjson", &url, 5, "is not a SQLite database"),
        ("sqlite:persona.db", nobody, 69, "could not reach"),
        ("sqlite:persona.db", &missing, 3, "there is no database missing"),
        (&url, "sqlite:new.db", 5, "schema version 0"),
        (&url, "sqlite:persona.db", 4, "persona.db exists already"),
    ];
    for (from, to, code, words) in refusals {
        let ran = folder.run(&["move", "--from", from, "--to", to]);
        assert!(ran.code == code && ran.stderr.contains(words) && !ran.stderr.contains("secret"), "{from} {to}: {ran}");
    }
    assert_eq!(folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]).code, 0);
    let again = folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]);
    assert!(again.code == 4 && again.stderr.contains("121 personas already") && again.stderr.contains("--into-existing"), "{again}");
}
