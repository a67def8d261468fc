//! Personas that commands name by their handles.

use crate::common::runner::Folder;

#[test]
fn every_command_takes_a_handle_that_is_a_path_with_a_mark_or_without() {
    let folder = Folder::with_personas(&[&["Ada", "--set=handle=support/tier-1"], &["Bob"]]);
    for name in ["support/tier-1", "@support/tier-1"] {
        assert!(folder.results(&["show", name]).contains("Ada"), "{name}");
        assert!(folder.results(&["history", name]).contains("created"), "{name}");
    }
    let commands: [&[&str]; 5] = [
        &["update", "@support/tier-1", "--set=nickname=A"],
        &["diff", "support/tier-1"],
        &["label", "set", "production", "@support/tier-1"],
        &["delete", "@support/tier-1", "--yes"],
        &["undelete", "@support/tier-1"],
    ];
    for command in commands {
        let done = folder.run(command);
        assert_eq!(done.code, 0, "{command:?}: {done}");
    }
    let unknown = folder.run(&["show", "@support"]);
    assert_eq!(unknown.code, 3, "{unknown}");
    assert!(folder.results(&["list", "--plain", "--handle-prefix=support/"]).contains("Ada"));
    assert_eq!(folder.results(&["export", "--handle-prefix=support/"]).lines().count(), 1);
}

#[test]
fn a_handle_that_was_given_up_leads_to_its_persona_and_a_name_comes_before_it() {
    let folder = Folder::with_personas(&[&["Ada", "--set=handle=old"]]);
    assert_eq!(folder.run(&["update", "old", "--set=handle=new"]).code, 0);
    for name in ["old", "@old"] {
        let shown = folder.run(&["show", name]);
        assert!(shown.stdout.contains("Ada") && shown.stderr.contains("given up"), "{shown}");
        assert!(!folder.run(&["show", "new"]).stderr.contains("given up"));
    }
    assert_eq!(folder.run(&["create", "--name=old"]).code, 0);
    assert!(!folder.results(&["show", "old"]).contains("Ada"));
    assert!(folder.results(&["show", "@old"]).contains("Ada"));
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[test]
fn a_deleted_persona_is_told_and_brought_back_by_the_handle_that_it_had() {
    let folder = Folder::with_personas(&[&["Ada", "--set=handle=a/b"], &["Bob"]]);
    assert_eq!(folder.run(&["delete", "@a/b", "--yes"]).code, 0);
    for name in ["a/b", "@a/b"] {
        let shown = folder.run(&["show", name]);
        assert_eq!(shown.code, 3, "{shown}");
        assert!(shown.stderr.contains("is deleted"), "{shown}");
        assert!(shown.stderr.contains("persona undelete"), "{shown}");
    }
    for name in ["@a", "@bob"] {
        assert_eq!(folder.run(&["undelete", name]).code, 3, "{name}");
    }
    assert_eq!(folder.run(&["undelete", "@a/b"]).code, 0);
    assert!(folder.results(&["show", "a/b"]).contains("Ada"));
}

#[test]
fn personas_of_several_owners_with_one_handle_are_told_with_their_owners() {
    let folder = Folder::with_personas(&[
        &["Ada", "--set=handle=h", "--set=owner=ada"],
        &["Bea", "--set=handle=h", "--set=owner=bea"],
    ]);
    let refused = folder.run(&["show", "@h"]);
    assert_eq!(refused.code, 4, "{refused}");
    for words in ["2 owners", "of ada", "of bea"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }
}

#[test]
fn a_list_of_handles_shows_them_and_one_revision_is_shown_by_its_number() {
    let folder =
        Folder::with_personas(&[&["Ada", "--set=handle=support/tier-1"]]).variable("COLUMNS", "80");
    let listed = folder.results(&["list", "--handle-prefix=support/"]);
    assert!(listed.contains("HANDLE") && listed.contains("support/tier-1"), "{listed}");
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    assert_eq!(folder.run(&["update", "@support/tier-1", "--set=nickname=Nick"]).code, 0);
    assert!(folder.results(&["show", "Ada"]).contains("Nick"));
    assert!(!folder.results(&["show", "Ada", "--revision=1"]).contains("Nick"));
    assert_eq!(folder.run(&["show", "Ada", "--revision=7"]).code, 3);
    assert_eq!(folder.run(&["show", "Ada", "--revision=1", "--label=a"]).code, 2);
}
