//! The editor: what is typed arrives, or is kept.

use insta::assert_snapshot;
use serde_json::Value;

use crate::runner::{Folder, Ran};

fn ada() -> Folder {
    Folder::with_personas(&[&["Ada", "--set=handle=ada", "--set=tags=math", "--set=description=Countess"]])
}

/// Edits with a script in place of an editor; while it is open, somebody else may run another script.
fn edit(folder: Folder, script: &str, meanwhile: Option<&str>, flags: &[&str]) -> (Folder, Ran) {
    let program = env!("CARGO_BIN_EXE_persona");
    let other = meanwhile.map(|script| format!("VISUAL='{script}' '{program}' edit ada --quiet || exit 9\n")).unwrap_or_default();
    let folder = folder.file("editor", format!("{other}{script} \"$1\"\n")).variable("VISUAL", "sh ./editor");
    let ran = folder.run(&[&["edit", "ada"], flags].concat());
    (folder, ran)
}

fn description(folder: &Folder) -> (Value, Value, Value) {
    let persona: Value = serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    (persona["description"].clone(), persona["tags"][0].clone(), persona["revision"].clone())
}

/// The one file of what was typed; the name of such a file is random.
fn kept(folder: &Folder) -> String {
    let files: Vec<String> = folder.files().into_iter().filter(|name| name.starts_with("persona-edit-")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    folder.read(&files[0])
}

/// The output without the random part of the file's name.
fn with_stable_name(ran: &Ran) -> String {
    let text = ran.to_string();
    let Some((before, rest)) = text.split_once("persona-edit-") else { return text };
    let (_, after) = rest.split_once(".toml").expect("the name ends in .toml");
    format!("{before}persona-edit-[random].toml{after}")
}

#[test]
fn what_is_typed_is_saved_as_a_new_revision() {
    let (folder, ran) = edit(ada(), "sed -i s/Countess/Lady/", None, &[]);
    assert_snapshot!("edit", ran);
    assert_eq!(description(&folder), ("Lady".into(), "math".into(), 2.into()));
    assert!(folder.files().iter().all(|name| !name.starts_with("persona-edit-")));
}

#[test]
fn the_editor_gets_every_field_in_reading_order() {
    let (folder, ran) = edit(ada(), "cp \"$1\" seen.toml; true", None, &[]);
    assert_snapshot!("edit_unchanged", ran);
    assert_snapshot!("edit_form", folder.read("seen.toml"));
}

#[test]
fn a_newer_revision_is_not_overwritten_and_what_was_typed_is_kept() {
    let (folder, ran) = edit(ada(), "sed -i s/Countess/Lady/", Some("sed -i s/math/logic/"), &[]);
    assert_snapshot!("edit_stale", with_stable_name(&ran));
    assert!(kept(&folder).contains("Lady"));
    assert_eq!(description(&folder), ("Countess".into(), "logic".into(), 2.into()));
}

#[test]
fn with_merge_edits_of_different_fields_both_win() {
    let (folder, ran) = edit(ada(), "sed -i s/Countess/Lady/", Some("sed -i s/math/logic/"), &["--merge"]);
    assert_snapshot!("edit_merged", ran);
    assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 3.into()));
}

#[test]
fn with_merge_edits_of_the_same_field_are_a_conflict_and_what_was_typed_is_kept() {
    let (folder, ran) = edit(ada(), "sed -i s/Countess/Lady/", Some("sed -i s/Countess/Dame/"), &["--merge"]);
    assert_snapshot!("edit_conflict", with_stable_name(&ran));
    assert!(kept(&folder).contains("Lady"));
    assert_eq!(description(&folder), ("Dame".into(), "math".into(), 2.into()));
}

#[test]
fn text_that_is_no_persona_is_kept() {
    let (folder, ran) = edit(ada(), "sed -i /^nickname/s/=/:/", None, &[]);
    assert_snapshot!("edit_unreadable", with_stable_name(&ran));
    assert!(kept(&folder).contains("Countess"));
    let (folder, ran) = edit(ada(), "sed -i s/nickname/nickame/", None, &[]);
    assert_snapshot!("edit_invalid", with_stable_name(&ran));
    assert!(kept(&folder).contains("nickame"));
    assert_eq!(description(&folder), ("Countess".into(), "math".into(), 1.into()));
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let (folder, ran) = edit(ada(), "sed -i s/Countess/Lady/ \"$1\"; false", None, &[]);
    assert_snapshot!("edit_failed", ran);
    assert_eq!(description(&folder), ("Countess".into(), "math".into(), 1.into()));
}

#[cfg(unix)]
#[test]
fn the_file_of_the_editor_is_private() {
    let (folder, _) = edit(ada(), "stat -c %a \"$1\" > mode; true", None, &[]);
    assert_eq!(folder.read("mode"), "600\n");
}
