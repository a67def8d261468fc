//! Commands about one persona, and lists of personas.

use std::io::{BufRead, BufReader};

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::runner::Folder;

const ADA: &[&str] = &[
    "Ada Lovelace",
    "--set=handle=ada",
    "--set=tags=math,poet",
    "--set=description=Countess\nof Lovelace",
];
const BOB: &[&str] = &["Bob", "--set=kind=user", "--set=is_active=false"];

#[test]
fn a_created_persona_is_shown_under_its_identity_its_handle_and_its_name() {
    let folder = Folder::with_personas(&[ADA]);
    let shown = folder.run(&["show", "ada"]);
    assert_snapshot!("show", shown);
    assert_eq!(folder.run(&["show", "Ada Lovelace"]), shown);
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    assert_eq!(folder.run(&["show", persona["id"].as_str().expect("an identity")]), shown);
    assert_eq!(persona["tags"], serde_json::json!(["math", "poet"]));
}

#[test]
fn create_prints_the_identity_and_takes_a_file_and_fields() {
    let folder =
        Folder::new().file("ada.json", "{\"name\": \"X\", \"tags\": [\"a\"], \"nickname\": \"A\"}");
    assert_snapshot!(
        "create",
        folder.run(&["create", "--file", "ada.json", "--name", "Ada", "--set", "tags=b, c"])
    );
    assert_snapshot!("show_created", folder.run(&["show", "Ada"]));
    assert_eq!(folder.run_with(&["create", "--file", "-"], b"{\"name\": \"Bob\"}").code, 0);
}

#[test]
fn an_empty_text_names_no_persona() {
    let folder = Folder::with_personas(&[&["Ada"], BOB]);
    folder.run(&["delete", "Bob", "--yes"]);
    let all = folder.results(&["list", "--json", "--include-deleted"]);
    for wanted in ["", " "] {
        for command in [
            &["show", wanted][..],
            &["update", wanted, "--set", "nickname=x"],
            &["delete", wanted, "--yes"],
            &["undelete", wanted],
        ] {
            let output = folder.run(command);
            assert_eq!(output.code, 2, "{command:?}: {output}");
        }
    }
    assert_eq!(folder.results(&["list", "--json", "--include-deleted"]), all);
}

#[test]
fn an_update_changes_the_fields_that_are_named_and_no_others() {
    let folder = Folder::with_personas(&[ADA])
        .file("more.json", "{\"nickname\": \"A\", \"creator\": \"me\"}");
    assert_snapshot!(
        "update",
        folder.run(&[
            "update",
            "ada",
            "--set",
            "tags=poet",
            "--set",
            "handle=",
            "--file",
            "more.json",
            "--author",
            "Zoë"
        ])
    );
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "Ada Lovelace", "--json"])).expect("JSON");
    assert_eq!(persona["tags"], serde_json::json!(["poet"]));
    assert_eq!(persona["description"], "Countess\nof Lovelace");
    assert_eq!(
        (&persona["handle"], &persona["nickname"], &persona["creator"]),
        (&Value::Null, &"A".into(), &"me".into())
    );
    assert_eq!((&persona["updated_by"], &persona["revision"]), (&"Zoë".into(), &2.into()));
    let by_login = folder.variable("LOGNAME", "ada");
    assert_eq!(by_login.run(&["update", "Ada Lovelace", "--set", "nickname=B"]).code, 0);
    let persona: Value =
        serde_json::from_str(&by_login.results(&["show", "Ada Lovelace", "--json"])).expect("JSON");
    assert_eq!(persona["updated_by"], "ada");
}

#[test]
fn a_flag_without_a_value_clears_a_field_that_the_file_has() {
    let folder = Folder::with_personas(&[ADA])
        .file("more.json", "{\"tags\": [\"math\"], \"nickname\": \"A\"}");
    assert_eq!(
        folder
            .run(&["update", "ada", "--file", "more.json", "--set", "tags=", "--set", "nickname="])
            .code,
        0
    );
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    assert_eq!((&persona["tags"], &persona["nickname"]), (&serde_json::json!([]), &"".into()));
}

#[test]
fn null_clears_a_field_that_is_no_text_and_is_a_word_in_one_that_is() {
    let folder = Folder::with_personas(&[ADA]);
    let set = ["--set", "tags=null", "--set", "handle=null", "--set", "nickname=null"];
    let ran = folder.run(&[&["update", "ada"][..], &set].concat());
    assert_eq!(ran.code, 0, "{ran}");
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "Ada Lovelace", "--json"])).expect("JSON");
    let members = ["tags", "handle", "nickname"].map(|member| persona[member].clone());
    assert_eq!(members, [serde_json::json!([]), Value::Null, "null".into()]);
}

#[test]
fn an_update_that_changes_nothing_says_so() {
    let folder = Folder::with_personas(&[ADA]);
    let update = || folder.run(&["update", "ada", "--set", "nickname=A"]).stderr;
    assert_eq!(update(), "\"Ada Lovelace\" has revision 2\n");
    assert_eq!(update(), "nothing changed, \"Ada Lovelace\" still has revision 2\n");
}

#[test]
fn a_deleted_persona_that_is_named_is_told_with_the_command_that_brings_it_back() {
    let folder = Folder::with_personas(&[ADA]);
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    let id = persona["id"].as_str().expect("an identity");
    folder.run(&["delete", "ada", "--yes"]);
    for name in ["ada", "Ada Lovelace"] {
        let output = folder.command(&["show", name]).output().expect("the built program");
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert_eq!(
            told,
            format!(
                "error: the persona {name:?} is deleted\nhint: `persona undelete {id}` brings it back\n"
            )
        );
    }
    assert_eq!(folder.run(&["undelete", id]).code, 0);
    assert_eq!(folder.run(&["show", "ada"]).code, 0);
}

#[test]
fn what_cannot_be_updated_is_explained() {
    let folder = Folder::with_personas(&[ADA]);
    let refusals = [
        &["update", "ada"] as &[&str],
        &["update", "Zeus", "--set", "nickname=Z"],
        &["update", "ada", "--set", "nicknam=A"],
        &["update", "ada", "--set", "name="],
        &["update", "ada", "--set", "nickname=A", "--author", "two\nlines"],
    ];
    assert_snapshot!(
        "update_refused",
        refusals.map(|arguments| format!("{arguments:?}\n{}", folder.run(arguments))).join("\n")
    );
}

#[test]
fn what_cannot_be_created_is_explained() {
    let folder = Folder::with_personas(&[ADA])
        .file("list.json", "[]")
        .file("broken.json", "{")
        .file("card.json", "{\"spec\": \"chara_card_v2\", \"data\": {}}");
    let refusals = [
        &["create"] as &[&str],
        &["create", "--name", ""],
        &["create", "--name", "X", "--set", "descripton=1", "--set", "kind=robot"],
        &["create", "--name", "X", "--set", "extensions={"],
        &["create", "--name", "X", "--set", "description"],
        &["create", "--name", "X", "--set", "handle=ada"],
        &["create", "--file", "list.json"],
        &["create", "--file", "broken.json"],
        &["create", "--file", "card.json"],
        &["create", "--file", "none.json"],
    ];
    assert_snapshot!(
        "create_refused",
        refusals.map(|arguments| format!("{arguments:?}\n{}", folder.run(arguments))).join("\n")
    );
}

#[test]
fn a_persona_that_is_not_there_is_not_found_and_near_names_are_suggested() {
    let folder = Folder::with_personas(&[ADA, BOB, BOB]);
    assert_snapshot!("show_near", folder.run(&["show", "Ada Lovlace"]));
    assert_snapshot!("show_nothing_near", folder.run(&["show", "Zeus"]));
    assert_snapshot!("show_ambiguous", folder.run(&["show", "Bob"]));
    for owner in ["a", "b"] {
        folder.results(&[
            "create",
            "--name=Eve",
            "--set=handle=eve",
            &format!("--set=owner={owner}"),
        ]);
    }
    for command in [&["show", "eve"] as &[&str], &["delete", "eve", "--yes"]] {
        let ran = folder.run(command);
        assert_eq!(ran.code, 4, "{ran}");
        assert!(ran.stderr.contains("personas of 2 owners have the handle eve"), "{ran}");
    }
    assert_snapshot!(
        "show_unknown_id",
        folder.run(&["show", "0193b0c2-7f3e-7a10-8c1d-000000000001"])
    );
    assert_snapshot!("show_unknown_json", folder.run(&["show", "Zeus", "--json"]));
}

#[test]
fn a_missing_database_is_not_created_by_reading() {
    // A hint would name a server at the usual port; no program listens at this one.
    let folder = Folder::new().variable("PERSONA_PORT", "1");
    assert_snapshot!("no_database", folder.run(&["list"]));
    for arguments in
        [&["show", "ada"] as &[&str], &["export"], &["edit", "ada"], &["delete", "ada", "--yes"]]
    {
        assert_eq!(folder.run(arguments).code, 3, "{arguments:?}");
    }
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder =
        Folder::new().file("persona.db", "not a database at all, but long enough to look at");
    assert_snapshot!("not_a_database", folder.run(&["list"]));
    assert_eq!(folder.read("persona.db"), "not a database at all, but long enough to look at");
}

#[test]
fn a_list_is_a_table_lines_for_scripts_or_json() {
    let folder = Folder::with_personas(&[ADA, BOB, &["小红书 🦉"]]);
    assert_snapshot!("list", folder.run(&["list", "--sort", "name"]));
    assert_snapshot!("list_plain", folder.run(&["list", "--sort", "-name", "--plain"]));
    let lines = folder.results(&["list", "--json", "--sort=name"]);
    let names: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["name"].clone())
        .collect();
    assert_eq!(names, ["Ada Lovelace", "Bob", "小红书 🦉"]);
}

#[test]
fn a_list_is_filtered_limited_and_checked_like_in_the_api() {
    let folder = Folder::with_personas(&[ADA, BOB]);
    assert_snapshot!("list_kind", folder.run(&["list", "--kind", "user", "--plain"]));
    assert_snapshot!(
        "list_tag",
        folder.run(&["list", "--tag", "math", "--tag", "poet", "--active", "--plain"])
    );
    assert_snapshot!("list_none", folder.run(&["list", "--active=false", "--tag", "math"]));
    assert_snapshot!("list_limit", folder.run(&["list", "--limit", "1", "--plain"]));
    assert_snapshot!("list_refused", folder.run(&["list", "--kind", "robot", "--sort", "nmae"]));
}

#[test]
fn the_last_word_typed_may_go_on_and_tags_have_no_case() {
    let folder = Folder::with_personas(&[ADA, BOB, &["Adagio C++", "--set=tags=Math"]]);
    let names = |arguments: &[&str]| {
        let lines = folder.results(&[&["list", "--json", "--sort=name"], arguments].concat());
        let name = |line: &str| {
            serde_json::from_str::<Value>(line).expect("JSON")["name"]
                .as_str()
                .expect("a name")
                .to_owned()
        };
        lines.lines().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["ada"]), ["Ada Lovelace", "Adagio C++"]);
    assert_eq!(names(&["ada lov"]), ["Ada Lovelace"]);
    assert_eq!(names(&["ada "]), ["Ada Lovelace"]);
    assert_eq!(names(&["\"ada\""]), ["Ada Lovelace"]);
    assert_eq!(names(&["c++"]), ["Adagio C++"]);
    assert_eq!(names(&["c"]), ["Adagio C++"]);
    assert_eq!(names(&["--tag", "MATH"]), ["Ada Lovelace", "Adagio C++"]);
}

#[test]
fn a_reader_that_stops_reading_ends_the_program_quietly() {
    let folder = Folder::with_personas(&[ADA, BOB]);
    let mut child = folder.command(&["list", "--json"]).spawn().expect("the built program");
    let mut first = String::new();
    BufReader::with_capacity(1, child.stdout.take().expect("a pipe"))
        .read_line(&mut first)
        .expect("a line");
    let ended = child.wait_with_output().expect("a child");
    assert_eq!(
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()),
        (Some(0), "")
    );
}

#[test]
fn a_deleted_persona_is_gone_until_it_is_brought_back() {
    let folder = Folder::with_personas(&[ADA]);
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "ada", "--json"])).expect("JSON");
    let id = persona["id"].as_str().expect("an identity");
    assert_snapshot!("delete_unasked", folder.run(&["delete", "ada"]));
    assert_snapshot!("delete", folder.run(&["delete", "ada", "--yes"]));
    assert_snapshot!("show_deleted", folder.run(&["show", id]));
    assert_snapshot!("list_deleted", folder.run(&["list", "--include-deleted"]));
    assert_snapshot!("undelete", folder.run(&["undelete", id]));
    assert_eq!(folder.run(&["show", "ada"]).code, 0);
    assert_snapshot!("delete_json", folder.run(&["delete", "ada", "--yes", "--json"]));
}

#[test]
fn a_deleted_persona_is_brought_back_by_its_handle_or_name_too() {
    let folder = Folder::with_personas(&[ADA, BOB, BOB]);
    for wanted in ["ada", "Ada Lovelace"] {
        assert_eq!(folder.run(&["undelete", wanted]).code, 3, "it lives");
        assert_eq!(folder.run(&["delete", "ada", "--yes"]).code, 0);
        assert_snapshot!("undelete_by_handle", folder.run(&["undelete", wanted]));
        assert_eq!(folder.run(&["show", "ada"]).code, 0);
    }
    let ids = folder.results(&["list", "--json", "--kind", "user"]);
    for line in ids.lines() {
        let bob: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(
            folder.run(&["delete", bob["id"].as_str().expect("an identity"), "--yes"]).code,
            0
        );
    }
    let several = folder.run(&["undelete", "Bob"]);
    assert_eq!(several.code, 4, "{several}");
    assert_snapshot!("undelete_near", folder.run(&["undelete", "Bobb"]));
}

#[test]
fn a_list_fits_eighty_columns_and_loses_nothing_in_json() {
    let name = "A name that is much longer than any column of a list on a terminal can be";
    let personas: [&[&str]; 2] = [&[name, "--set=tags=one,two,three"], ADA];
    let folder = Folder::with_personas(&personas).variable("COLUMNS", "80");
    let table = folder.results(&["list", "--sort", "name"]);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.starts_with("ID ") && table.contains("A name that is much"), "{table}");
    assert!(folder.results(&["list", "--json"]).contains(name));
    assert_eq!(
        folder.results(&["list", "--plain", "--sort", "name"]),
        format!("{name}\nAda Lovelace\n")
    );
}

#[test]
fn a_list_of_changes_tells_in_json_where_the_next_one_begins() {
    let folder = Folder::with_personas(&[ADA]);
    let poll = |since: &str| {
        let lines = folder.results(&["list", "--json", "--updated-since", since]);
        let mut lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let next = lines.pop().expect("a last line")["next_updated_since"]
            .as_str()
            .expect("a position")
            .to_owned();
        (lines.len(), next)
    };
    let (changed, next) = poll("1970-01-01T00:00:00Z");
    assert_eq!(changed, 1);
    assert_eq!(poll(&next), (0, next.clone()));
    assert_eq!(folder.run(&["update", "ada", "--set", "nickname=A"]).code, 0);
    assert_eq!(poll(&next).0, 1);
    assert!(!folder.results(&["list", "--json"]).contains("next_updated_since"));
}

#[test]
fn control_characters_of_a_prompt_are_shown_and_not_obeyed() {
    let folder = Folder::with_personas(&[&[
        "X",
        "--set=description=a\x1b[2Jb\u{9b}c\r\nd",
        "--set=nickname=e\u{202e}f",
    ]]);
    assert_snapshot!("show_control", folder.run(&["show", "X"]));
    for command in [
        &["show", "X"] as &[&str],
        &["show", "X", "--json"],
        &["list", "--json"],
        &["list", "--plain"],
    ] {
        let ran = folder.run(command);
        assert!(!ran.to_string().contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{ran}");
    }
}
