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
    assert!(folder.results(&["show", "old"]).contains("Ada"));
    assert!(folder.results(&["show", "@old"]).contains("Ada"));
    assert_eq!(folder.run(&["create", "--name=old"]).code, 0);
    assert!(!folder.results(&["show", "old"]).contains("Ada"));
    assert!(folder.results(&["show", "@old"]).contains("Ada"));
    assert_eq!(folder.run(&["check"]).code, 0);
}
