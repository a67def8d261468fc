//! `persona label`, and the commands that show labels.

use crate::common::runner::Folder;

#[test]
fn labels_are_set_promoted_shown_and_removed() {
    let folder = Folder::with_personas(&[&["Ada"], &["Bob"]]);
    assert_eq!(folder.run(&["update", "Ada", "--set=tags=a"]).code, 0);
    for command in [
        &["label", "set", "staging", "Ada", "Bob", "--author=Eve"] as &[&str],
        &["label", "set", "production", "Ada", "--revision=1"],
    ] {
        assert_eq!(folder.run(command).code, 0, "{command:?}");
    }
    let listed = folder.results(&["label", "list", "Ada"]);
    let lines: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(
        lines,
        [["LABEL", "REVISION"], ["production", "1"], ["staging", "2"], ["latest", "2"]]
    );
    assert!(folder.results(&["history", "Ada"]).contains("production"));
    assert!(!folder.results(&["show", "Ada", "--label=production"]).contains("tags"));
    assert!(folder.results(&["show", "Ada", "--label=staging"]).contains("tags"));
    // Bob has never had the label in production, and that is no reason to refuse the move.
    let promoted = folder.run(&["label", "set", "production", "Ada", "Bob", "--from=staging"]);
    assert_eq!(promoted.code, 0, "{promoted}");
    assert!(promoted.stderr.contains("no longer to 1"), "{promoted}");
    let moves = folder.results(&["label", "moves", "production", "Ada"]);
    assert_eq!(moves.lines().count(), 3, "{moves}");
    let together = folder.run(&["label", "set", "production", "Ada", "Bob", "--revision=2"]);
    assert_ne!(together.code, 0, "Bob has one revision: {together}");
    assert_eq!(folder.run(&["label", "delete", "staging", "Ada", "Bob"]).code, 0);
    assert!(!folder.results(&["label", "list", "Bob"]).contains("staging"));
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[test]
fn what_is_no_label_or_is_not_set_is_told_by_the_exit_code() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    for wrong in [
        &["label", "set", "7", "Ada"] as &[&str],
        &["label", "set", "latest", "Ada"],
        &["label", "set", "Production", "Ada"],
        &["label", "set", "a", "Ada", "--revision=1", "--from=b"],
        &["label", "set", "a", "Ada", "--revision=0"],
        &["label", "set", "a"],
        &["show", "Ada", "--label=7"],
    ] {
        let refused = folder.run(wrong);
        assert_eq!(refused.code, 2, "{wrong:?}: {refused}");
    }
    for missing in [
        &["label", "set", "a", "Bob"] as &[&str],
        &["label", "set", "a", "Ada", "--from=b"],
        &["label", "delete", "a", "Ada"],
        &["label", "list", "Bob"],
        &["show", "Ada", "--label=a"],
    ] {
        let refused = folder.run(missing);
        assert_eq!(refused.code, 3, "{missing:?}: {refused}");
    }
}
