//! The editor: the typed text is saved, or kept in a file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use insta::assert_snapshot;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::common::runner::{Folder, Ran};

pub(super) fn ada() -> Folder {
    Folder::with_personas(&[&[
        "Ada",
        "--set=handle=ada",
        "--set=tags=math",
        "--set=description=Countess",
    ]])
}

/// Edits with a script in place of an editor; while the script runs, another user may run another
/// script.
pub(super) fn edit(
    folder: Folder,
    script: &str,
    meanwhile: Option<&str>,
    flags: &[&str],
) -> (Folder, Ran) {
    let program = env!("CARGO_BIN_EXE_persona");
    let other = meanwhile
        .map(|script| format!("VISUAL='{script}' '{program}' edit ada --quiet || exit 9\n"))
        .unwrap_or_default();
    let folder = folder
        .file("editor", format!("{other}{script} \"$1\"\n"))
        .variable("VISUAL", "sh ./editor");
    let ran = folder.run(&[&["edit", "ada"], flags].concat());
    (folder, ran)
}

pub(super) fn description(folder: &Folder) -> (Value, Value, Value) {
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    (persona["description"].clone(), persona["tags"][0].clone(), persona["revision"].clone())
}

/// The name of the only file with kept text, which is random.
pub(super) fn kept(folder: &Folder) -> String {
    let files: Vec<String> =
        folder.files().into_iter().filter(|name| name.starts_with("persona-edit-")).collect();
    let texts: Vec<&String> = files
        .iter()
        .filter(|name| name.contains(".kept.") && !name.contains(".kept.base"))
        .collect();
    assert_eq!(texts.len(), 1, "{files:?}");
    folder.read(texts[0])
}

/// The output with a fixed name in place of the file's random name.
fn with_stable_name(ran: &Ran) -> String {
    let text = ran.to_string();
    let mut parts = text.split("persona-edit-");
    let mut stable = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, after) = part.split_once(".kept.toml").expect("the name ends in .kept.toml");
        stable.extend(["persona-edit-[random].kept.toml", after]);
    }
    stable
}

/// Edits at a terminal, at which these answers are typed.
pub(super) fn edit_at_terminal(
    folder: Folder,
    script: &str,
    answers: impl AsRef<[u8]>,
) -> (Folder, i32, String) {
    let folder = folder.file("editor", script).variable("VISUAL", "sh ./editor");
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&outside).and_then(|()| unlockpt(&outside)).expect("a terminal");
    let name = ptsname(&outside, Vec::new()).expect("its name").into_string().expect("text");
    let inside = OpenOptions::new().read(true).write(true).open(name).expect("its inside");
    File::from(outside.try_clone().expect("a descriptor"))
        .write_all(answers.as_ref())
        .expect("typed");
    let messages = inside.try_clone().expect("a descriptor");
    let mut child = folder
        .command(&["edit", "ada"])
        .stdin(inside)
        .stderr(messages)
        .spawn()
        .expect("the built program");
    let mut said = Vec::new();
    // On Linux the end is an error: no process has the terminal open any more.
    let _ = File::from(outside).read_to_end(&mut said);
    let status = child.wait().expect("a child");
    (folder, status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
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
    let (folder, ran) =
        edit(ada(), "sed -i s/Countess/Lady/", Some("sed -i s/math/logic/"), &["--merge"]);
    assert_snapshot!("edit_merged", ran);
    assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 3.into()));
}

#[test]
fn with_merge_edits_of_the_same_field_are_a_conflict_and_what_was_typed_is_kept() {
    let (folder, ran) =
        edit(ada(), "sed -i s/Countess/Lady/", Some("sed -i s/Countess/Dame/"), &["--merge"]);
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

#[test]
fn a_kept_text_is_gone_on_with_and_overwrites_nothing_unseen() {
    let (folder, ran) =
        edit(ada(), "sed -i s/nickname/nickame/ \"$1\"; sed -i s/Countess/Lady/", None, &[]);
    assert_eq!(ran.code, 1, "{ran}");
    let name =
        folder.files().into_iter().find(|name| name.ends_with(".kept.toml")).expect("a kept text");
    assert_eq!(folder.run(&["update", "ada", "--set=tags=logic"]).code, 0);
    let folder = folder.file("editor", "sed -i s/nickame/nickname/ \"$1\"\n");
    let offered = folder.run(&["edit", "ada"]);
    assert!(offered.stderr.contains("--resume [folder]/persona-edit-[id]-r1-"), "{offered}");
    // The text was made from revision 1, and the persona is at revision 2: that is a conflict, and
    // with --merge both changes are kept.
    let stale = folder.run(&["edit", "ada", "--resume", &name]);
    assert!(
        stale.code == 4 && stale.stderr.contains("caused by: tags is now [\"logic\"]"),
        "{stale}"
    );
    let newer = folder
        .files()
        .into_iter()
        .find(|name| name.ends_with(".kept.toml"))
        .expect("the text that was kept in its place");
    let merged = folder.run(&["edit", "ada", "--merge", "--resume", &newer]);
    assert_eq!(merged.code, 0, "{merged}");
    assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 3.into()));
    assert!(!folder.files().contains(&newer), "what is saved is not kept");
    for file in [
        "editor",
        "persona-edit-none-r1-x.toml",
        "persona-edit-0193b0c2-7f3e-7a10-8c1d-000000000001-r1-x.toml",
    ] {
        assert_eq!(folder.run(&["edit", "ada", "--resume", file]).code, 2, "{file}");
    }
}

/// Changes Ada as an editor that saves by itself does, so that the revision before is dropped.
fn autosave(change: &str) -> [&str; 5] {
    ["update", "ada", change, "--squash=900", "--author=eve"]
}

/// The name of the only kept text.
fn name_of_kept(folder: &Folder) -> String {
    let is_text = |name: &String| name.ends_with(".kept.toml");
    folder.files().into_iter().find(is_text).expect("a kept text")
}

#[test]
fn an_edit_goes_on_where_the_revision_that_it_began_with_was_dropped() {
    let folder = ada();
    assert_eq!(folder.run(&autosave("--set=nickname=A")).code, 0);
    let program = env!("CARGO_BIN_EXE_persona");
    let meanwhile = autosave("--set=tags=logic").join(" ");
    let script = format!("'{program}' {meanwhile} --quiet || exit 9; sed -i s/Countess/Lady/");
    let (folder, ran) = edit(folder, &script, None, &["--merge", "--author=bob"]);
    assert!(ran.code == 4 && ran.stderr.contains("is not kept"), "{ran}");
    let folder = folder.file("editor", "true\n");
    let resumed = ["edit", "ada", "--merge", "--resume", &name_of_kept(&folder)];
    let merged = folder.run(&resumed);
    assert_eq!(merged.code, 0, "{merged}");
    assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 4.into()));
    assert!(folder.files().iter().all(|name| !name.starts_with("persona-edit-")));
}

#[test]
fn a_kept_text_is_gone_on_with_where_its_revision_was_dropped() {
    for flags in [&["edit", "ada"][..], &["edit", "ada", "--merge"]] {
        let folder = ada();
        assert_eq!(folder.run(&autosave("--set=nickname=A")).code, 0);
        let script = "sed -i s/nickname/nickame/ \"$1\"; sed -i s/Countess/Lady/";
        let (folder, ran) = edit(folder, script, None, &[]);
        assert_eq!(ran.code, 1, "{ran}");
        assert_eq!(folder.run(&autosave("--set=tags=logic")).code, 0);
        let folder = folder.file("editor", "sed -i s/nickame/nickname/ \"$1\"\n");
        let stale = folder.run(&[flags, &["--resume", &name_of_kept(&folder)]].concat());
        assert_eq!(stale.code, 4, "{stale}");
        let merged = folder.run(&[flags, &["--resume", &name_of_kept(&folder)]].concat());
        assert_eq!(merged.code, 0, "{merged}");
        assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 4.into()));
    }
}

#[test]
fn a_kept_text_is_not_put_over_another_state_with_the_same_revision() {
    let (folder, ran) =
        edit(ada(), "sed -i s/nickname/nickame/ \"$1\"; sed -i s/Countess/Lady/", None, &[]);
    assert_eq!(ran.code, 1, "{ran}");
    let name =
        folder.files().into_iter().find(|name| name.ends_with(".kept.toml")).expect("a kept text");
    let (before, checksum) = name.split_once("-r1-").expect("the tag of revision 1");
    let (checksum, after) = checksum.split_once('-').expect("a checksum");
    let other = format!(
        "{before}-r1-{:08x}-{after}",
        !u32::from_str_radix(checksum, 16).expect("a checksum")
    );
    std::fs::rename(folder.path(&name), folder.path(&other)).expect("renamed");
    let folder = folder.file("editor", "sed -i s/nickame/nickname/ \"$1\"\n");
    for flags in [&["edit", "ada"][..], &["edit", "ada", "--merge"]] {
        let ran = folder.run(&[flags, &["--resume", &other]].concat());
        assert!(ran.code == 4 && ran.stderr.contains("revision 1 is not the one"), "{ran}");
    }
    assert!(kept(&folder).contains("Lady"));
    assert_eq!(description(&folder), ("Countess".into(), "math".into(), 1.into()));
}

#[test]
fn a_kept_text_is_taken_only_from_a_plain_file() {
    let (folder, _) = edit(ada(), "sed -i s/nickname/nickame/", None, &[]);
    let name =
        folder.files().into_iter().find(|name| name.ends_with(".kept.toml")).expect("a kept text");
    std::fs::rename(folder.path(&name), folder.path("elsewhere")).expect("renamed");
    let pipe = name.replace(".kept", "x.kept");
    std::os::unix::fs::symlink("elsewhere", folder.path(&name)).expect("a link");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path(&pipe),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("a pipe");
    let folder = folder.file("editor", "true\n");
    let ran = folder.run(&["edit", "ada"]);
    assert!(ran.code == 0 && !ran.stderr.contains("--resume"), "{ran}");
    for name in [&name, &pipe] {
        let ran = folder.run(&["edit", "ada", "--resume", name]);
        assert!(ran.code != 0 && ran.stderr.contains("could not read"), "{ran}");
        assert!(folder.files().contains(name));
    }
}

#[test]
fn kept_texts_do_not_multiply() {
    let (folder, _) = edit(ada(), "sed -i s/nickname/nickame/", None, &[]);
    let folder = folder.file("editor", "sed -i s/Countess/Lady/ \"$1\"\n");
    let of_kept = |folder: &Folder| {
        folder.files().into_iter().find(|name| name.ends_with(".kept.toml")).expect("a kept text")
    };
    assert_eq!(folder.run(&["edit", "ada", "--resume", &of_kept(&folder)]).code, 1);
    assert!(kept(&folder).contains("Lady"), "the newer one is kept in place of the older one");
    let folder = folder.file("editor", "sed -i 's/Lady/Countess/; s/nickame/nickname/' \"$1\"\n");
    let ran = folder.run(&["edit", "ada", "--resume", &of_kept(&folder)]);
    assert!(ran.code == 0 && ran.stderr.contains("nothing was changed"), "{ran}");
    assert!(
        folder.files().iter().all(|name| !name.starts_with("persona-edit-")),
        "{:?}",
        folder.files()
    );
}

#[test]
fn an_answer_that_cannot_be_read_does_not_lose_what_was_typed() {
    let (folder, code, said) = edit_at_terminal(
        ada(),
        "sed -i 's/nickname/nickame/; s/Countess/Lady/' \"$1\"\n",
        b"\xff\n",
    );
    assert!(
        code != 0 && said.contains("could not ask") && said.contains("what you typed is kept in"),
        "{said}"
    );
    assert!(kept(&folder).contains("Lady"));
}

#[test]
fn a_question_that_cannot_be_seen_is_not_asked() {
    let (folder, _) = edit(ada(), "sed -i s/nickname/nickame/", None, &[]);
    let folder = folder.file("editor", "true\n");
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&outside).and_then(|()| unlockpt(&outside)).expect("a terminal");
    let name = ptsname(&outside, Vec::new()).expect("its name").into_string().expect("text");
    let inside = || OpenOptions::new().read(true).write(true).open(&name).expect("its inside");
    File::from(outside.try_clone().expect("a descriptor")).write_all(b"n\nn\n").expect("typed");
    for (arguments, code) in [(&["edit", "ada"], 0), (&["delete", "ada"], 2)] {
        let output = folder.command(arguments).stdin(inside()).output().expect("the built program");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(
            output.status.code() == Some(code)
                && !said.contains("[Y/n]")
                && !said.contains("[y/N]"),
            "{said}"
        );
    }
}

#[test]
fn at_a_terminal_an_edit_goes_on_after_a_mistake() {
    let script = "if [ -e once ]; then sed -i s/nickame/nickname/ \"$1\"; else touch once; sed -i 's/nickname/nickame/; s/Countess/Lady/' \"$1\"; fi\n";
    let (folder, code, said) = edit_at_terminal(ada(), script, "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("did you mean nickname?") && said.contains("Edit again? [Y/n]"),
        "{said}"
    );
    assert_eq!(description(&folder), ("Lady".into(), "math".into(), 2.into()));
    let (folder, code, said) = edit_at_terminal(ada(), "sed -i '1,2s/=/:/' \"$1\"\n", "n\n");
    assert!(code == 1 && said.contains("what you typed is kept in"), "{said}");
    assert_eq!(description(&folder).2, 1);
}
