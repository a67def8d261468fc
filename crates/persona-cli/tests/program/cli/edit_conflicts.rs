//! Edits beside changes of another side: what both changed is decided, and nothing is overwritten
//! unseen.

use serde_json::Value;

use super::edit::{ada, description, edit, edit_at_terminal, kept};
use crate::common::runner::Folder;

#[test]
fn without_a_terminal_a_conflict_is_decided_in_the_kept_text() {
    let long = "one\ntwo\nthree\nfour";
    let of_kept = |folder: &Folder| {
        folder.files().into_iter().find(|name| name.ends_with(".kept.toml")).expect("a kept text")
    };
    for flags in [&[][..], &["--merge"]] {
        let folder = Folder::with_personas(&[&[
            "Ada",
            "--set=handle=ada",
            "--set=tags=math",
            &format!("--set=description={long}"),
        ]]);
        let (folder, ran) = edit(folder, "sed -i s/two/2/", Some("sed -i s/two/zwei/"), flags);
        assert_eq!(ran.code, 4, "{ran}");
        assert!(ran.stderr.contains("--resume [folder]/persona-edit-[id]-r2-"), "{ran}");
        assert!(!ran.stderr.contains("NAME"), "{ran}");
        let text = kept(&folder);
        for line in ["<<<<<<< theirs", "zwei", "=======", "2", ">>>>>>> yours", "three"] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        // Markers that are left are refused, and the text stays.
        let folder = folder.file("editor", "true\n");
        let left = folder.run(&["edit", "ada", "--resume", &of_kept(&folder)]);
        assert!(left.code == 4 && left.stderr.contains("markers"), "{left}");
        let decide = "sed -i -e '/^[<|=>]\\{7\\}/d' -e '/^two$/d' -e '/^zwei$/d' \"$1\"\n";
        let folder = folder.file("editor", decide);
        let decided = folder.run(&["edit", "ada", "--resume", &of_kept(&folder)]);
        assert_eq!(decided.code, 0, "{decided}");
        let (description, _, revision) = description(&folder);
        assert_eq!((description, revision), ("one\n2\nthree\nfour".into(), 3.into()));
        assert!(folder.files().iter().all(|name| !name.ends_with(".kept.toml")));
    }
}

/// Another side makes these changes while the editor is open for the first time; then the second
/// script runs in it, and the third one.
fn edit_beside_another(change: &str, scripts: [&str; 3], answers: &str) -> (Folder, i32, String) {
    let program = env!("CARGO_BIN_EXE_persona");
    let [first, second, third] = scripts;
    let script = format!(
        "if [ ! -e once ]; then touch once; '{program}' update ada {change} --quiet; {first}; \
         elif [ ! -e twice ]; then touch twice; cp \"$1\" second.toml; {second}; \
         else {third}; fi\n"
    );
    edit_at_terminal(ada(), &script, answers)
}

/// Takes what was typed out of a text with markers.
const TAKE_MINE: &str = "sed -i '/^<<<<<<< theirs$/,/^=======$/d; /^>>>>>>> yours$/d' \"$1\"";

#[test]
fn at_a_terminal_an_edit_goes_on_on_top_of_what_the_other_side_made() {
    let scripts = ["sed -i s/Countess/Lady/ \"$1\"", TAKE_MINE, "false"];
    let change = "--set=tags=logic --set=description=Dame";
    let (folder, code, said) = edit_beside_another(change, scripts, "\n");
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("description is now \"Dame\"") && said.contains("tags is now [\"logic\"]"),
        "{said}"
    );
    let second = folder.read("second.toml");
    let marked = "description = '''\n<<<<<<< theirs\nDame\n||||||| base\nCountess\n=======\nLady\n>>>>>>> yours\n'''\n";
    assert!(second.contains(marked) && second.contains("tags = [\"logic\"]"), "{second}");
    assert_eq!(description(&folder), ("Lady".into(), "logic".into(), 3.into()));
}

#[test]
fn a_value_without_room_for_markers_is_not_put_over_another_one_unseen() {
    let scripts = ["sed -i 's/^nickname = .*/nickname = \"M\"/' \"$1\"", "true", "false"];
    let nickname = |folder: &Folder| -> Value {
        let shown = folder.results(&["show", "ada", "--json"]);
        serde_json::from_str::<Value>(&shown).expect("JSON")["nickname"].clone()
    };
    // The edit goes on, the editor changes nothing, and the value is kept or not.
    let (folder, code, said) = edit_beside_another("--set=nickname=T", scripts, "\n\nn\n");
    assert!(code == 4 && said.contains("Save your values over the others?"), "{said}");
    let second = folder.read("second.toml");
    assert!(
        second.contains("# nickname is now \"T\"") && second.contains("nickname = \"M\""),
        "{second}"
    );
    assert_eq!(nickname(&folder), "T");
    let (folder, code, said) = edit_beside_another("--set=nickname=T", scripts, "\ny\n");
    assert_eq!(code, 0, "{said}");
    assert_eq!(nickname(&folder), "M");
}

#[test]
fn a_text_with_markers_left_in_it_is_not_saved() {
    let scripts = ["sed -i s/Countess/Lady/ \"$1\"", "true", TAKE_MINE];
    let (folder, code, said) = edit_beside_another("--set=description=Dame", scripts, "\n\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("markers of conflicts are left in description"), "{said}");
    assert_eq!(description(&folder), ("Lady".into(), "math".into(), 3.into()));
    let (folder, code, said) = edit_beside_another("--set=description=Dame", scripts, "\nn\n");
    assert!(code == 4 && said.contains("nothing was saved"), "{said}");
    assert!(kept(&folder).contains(">>>>>>> yours"));
    assert_eq!(description(&folder), ("Dame".into(), "math".into(), 2.into()));
}

#[test]
fn a_persona_that_has_such_lines_itself_can_be_edited() {
    let text = "<<<<<<< theirs\nan example\n>>>>>>> yours";
    let folder = Folder::with_personas(&[&[
        "Ada",
        "--set=handle=ada",
        "--set=tags=math",
        &format!("--set=description={text}"),
    ]]);
    let (folder, ran) = edit(folder, "sed -i 's/an example/an instance/'", None, &[]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(description(&folder).0, text.replace("example", "instance"));
}
