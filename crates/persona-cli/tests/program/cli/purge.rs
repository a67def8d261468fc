//! `persona delete --purge`.

use serde_json::Value;

use crate::common::runner::Folder;

const ADA: &[&str] = &["Ada Lovelace", "--set=handle=ada", "--set=scenario=analytical engine"];

fn id_of(folder: &Folder, wanted: &str) -> String {
    let shown = folder.results(&["show", wanted, "--json"]);
    let persona: Value = serde_json::from_str(&shown).expect("JSON");
    persona["id"].as_str().expect("an identity").to_owned()
}

#[test]
fn a_purged_persona_is_gone_for_ever_and_the_store_stays_sound() {
    let folder = Folder::with_personas(&[ADA, &["Bob"]]);
    let id = id_of(&folder, "ada");
    assert_eq!(folder.run(&["label", "set", "production", "ada"]).code, 0);
    let unasked = folder.run(&["delete", "ada", "--purge"]);
    assert_eq!(unasked.code, 2, "{unasked}");
    assert!(unasked.stderr.contains("add --yes to purge"), "{unasked}");
    let done = folder.run(&["delete", "ada", "--purge", "--yes", "--author=Ann"]);
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stderr.contains("nothing brings it back"), "{done}");
    for gone in [
        &["show", &*id] as &[&str],
        &["history", &id],
        &["undelete", &id],
        &["update", &id, "--set=nickname=x"],
        &["delete", &id, "--yes"],
    ] {
        let refused = folder.run(gone);
        assert_eq!(refused.code, 3, "{gone:?}: {refused}");
        assert!(refused.stderr.contains("purged"), "{gone:?}: {refused}");
    }
    assert_eq!(folder.run(&["show", "ada"]).code, 3);
    let exported = folder.results(&["export", "--history"]);
    assert!(exported.contains("Bob") && !exported.contains("analytical"), "{exported}");
    let checked = folder.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked}");
    assert_eq!(folder.run(&["create", "--name=Eve", "--set=handle=ada"]).code, 0);
}

#[test]
fn a_deleted_persona_is_purged_by_its_identity_and_by_its_name() {
    let folder = Folder::with_personas(&[ADA, &["Bob"]]);
    let id = id_of(&folder, "ada");
    for wanted in ["ada", "Bob"] {
        assert_eq!(folder.run(&["delete", wanted, "--yes"]).code, 0);
    }
    for wanted in [&*id, "Bob"] {
        let done = folder.run(&["delete", wanted, "--purge", "--yes", "--json"]);
        assert_eq!(done.code, 0, "{done}");
        let told: Value = serde_json::from_str(&done.stdout).expect("JSON");
        assert_eq!(told["status"], "purged");
    }
    assert_eq!(folder.results(&["list", "--include-deleted", "--json"]), "");
    let again = folder.run(&["delete", &id, "--purge", "--yes"]);
    assert_eq!(again.code, 3, "{again}");
}
