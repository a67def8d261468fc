//! Imports of files.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::Signal;
use serde_json::Value;

use crate::common::runner::{Folder, many};
use crate::common::signal;

const PROMPTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-formats/testdata/prompts-excerpt.csv");
const AGENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../persona-formats/testdata/lobe-agents-excerpt.ndjson");
/// A folder with the whole collections, named by a variable when the tests are built.
const COLLECTIONS: Option<&str> = option_env!("PERSONA_COLLECTIONS");

/// The last line of a run with `--json`.
fn counts(results: &str) -> Value {
    let last: Value =
        serde_json::from_str(results.lines().last().expect("a summary")).expect("JSON");
    last["summary"]["counts"].clone()
}

#[test]
fn both_collections_come_in_and_a_second_run_changes_nothing() {
    let folder = Folder::new();
    let arguments = ["import", PROMPTS, AGENTS, "--json"];
    assert_eq!(counts(&folder.results(&arguments)), serde_json::json!({ "created": 24 }));
    assert_eq!(counts(&folder.results(&arguments)), serde_json::json!({ "unchanged": 24 }));
    assert_eq!(folder.results(&["list", "--plain", "--limit", "100"]).lines().count(), 24);
}

#[test]
fn a_changed_prompt_or_agent_of_a_collection_is_updated_and_not_doubled() {
    let agent = |prompt: &str| {
        format!(
            "{{\"file\":\"ada.json\",\"agent\":{{\"config\":{{\"systemRole\":\"{prompt}\"}},\"meta\":{{\"title\":\"Ada\"}}}}}}\n"
        )
    };
    let folder = Folder::new()
        .file("prompts.csv", "act,prompt\nPoet,old\nBard,same\n")
        .file("new/prompts.csv", "Act,Prompt\nBard,same\nPoet,new\n")
        .file("agents.ndjson", agent("old"))
        .file("new/agents.ndjson", agent("new"))
        .file("own.json", "{\"name\":\"Eve\",\"handle\":\"eve\",\"nickname\":\"old\"}")
        .file("new/own.json", "{\"name\":\"Eve\",\"handle\":\"eve\",\"nickname\":\"new\"}");
    let run = |flags: &[&str]| counts(&folder.results(&[&["import", "--json"], flags].concat()));
    let newer = ["new/prompts.csv", "new/agents.ndjson", "new/own.json"];
    assert_eq!(
        run(&["prompts.csv", "agents.ndjson", "own.json"]),
        serde_json::json!({ "created": 4 })
    );
    assert_eq!(run(&newer), serde_json::json!({ "differs": 3, "unchanged": 1 }));
    assert_eq!(
        run(&[&newer as &[&str], &["--on-duplicate", "update"]].concat()),
        serde_json::json!({ "updated": 3, "unchanged": 1 })
    );
    assert_eq!(run(&newer), serde_json::json!({ "unchanged": 4 }));
    for (name, field) in [("Poet", "system_prompt"), ("Ada", "system_prompt"), ("Eve", "nickname")]
    {
        let persona: Value =
            serde_json::from_str(&folder.results(&["show", name, "--json"])).expect("JSON");
        assert_eq!((&persona[field], &persona["revision"]), (&"new".into(), &2.into()), "{name}");
    }
}

#[test]
fn after_an_import_the_database_file_alone_is_complete() {
    let folder = Folder::new();
    folder.results(&["import", PROMPTS]);
    std::fs::copy(folder.path("persona.db"), folder.path("copy.db")).expect("a copy");
    assert_eq!(
        folder
            .results(&["list", "--plain", "--limit", "100", "--database", "copy.db"])
            .lines()
            .count(),
        13
    );
}

#[test]
fn the_whole_collections_come_in_where_they_are_at_hand() {
    let Some(collections) = COLLECTIONS else {
        return eprintln!(
            "skipped: build with PERSONA_COLLECTIONS; the excerpts are tested always"
        );
    };
    let path = |name: &str| Path::new(collections).join(name);
    let (prompts, agents) = (path("prompts.csv"), path("lobe-agents.ndjson"));
    let folder = Folder::new();
    let files = [prompts.to_str().expect("text"), agents.to_str().expect("text")];
    assert_eq!(
        counts(&folder.results(&["import", files[0], files[1], "--json"])),
        serde_json::json!({ "created": 2031 })
    );
    assert_eq!(
        counts(&folder.results(&["import", files[0], files[1], "--json"])),
        serde_json::json!({ "unchanged": 2031 })
    );
}

#[test]
fn what_was_repaired_is_a_warning_and_the_original_is_kept() {
    let folder = Folder::new()
        .file("a.csv", "act,prompt,contributor\n\"two\nlines\",p,me\n")
        .file("quiet.csv", "act,prompt\n,p\n");
    assert_snapshot!("import_repaired", folder.run(&["import", "a.csv"]));
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "two lines", "--json"])).expect("JSON");
    assert_eq!(persona["extensions"]["import"]["original"]["name"], "two\nlines");
    assert_snapshot!("import_quiet", folder.run(&["import", "quiet.csv", "--quiet"]));
}

#[test]
fn bad_items_are_reported_with_their_lines_and_the_others_come_in() {
    let folder = Folder::new()
        .file("a.csv", "act,prompt\nA,a\nB\n\"C,c\n")
        .file("b.ndjson", "{\"name\":\"D\"}\n{\"name\":\n{\"name\":\"E\",\"tgas\":[]}\n")
        .file("c.csv", b"\xff\xfea\0c\0");
    assert_snapshot!("import_bad", folder.run(&["import", "a.csv", "b.ndjson", "c.csv"]));
    assert_snapshot!("import_bad_json", folder.run(&["import", "b.ndjson", "--json"]));
}

#[test]
fn a_dry_run_checks_everything_and_creates_nothing() {
    let folder = Folder::new().file("a.ndjson", "{\"name\":\"A\"}\n{\"name\":\"\"}\n");
    assert_snapshot!("import_dry_run", folder.run(&["import", "a.ndjson", "--dry-run"]));
    assert_eq!(folder.files(), ["a.ndjson"]);
}

#[test]
fn a_persona_with_other_content_is_left_alone_unless_told_otherwise() {
    let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
    let line = |name: &str| format!("{{\"id\":\"{id}\",\"name\":\"{name}\"}}\n");
    let folder = Folder::new().file("a.ndjson", line("A")).file("b.ndjson", line("B"));
    assert_eq!(folder.run(&["import", "a.ndjson"]).code, 0);
    assert_snapshot!("import_differs", folder.run(&["import", "b.ndjson"]));
    assert_eq!(folder.run(&["show", "A"]).code, 0);
    assert_snapshot!(
        "import_updated",
        folder.run(&["import", "b.ndjson", "--on-duplicate", "update"])
    );
    assert_eq!(folder.run(&["show", "B"]).code, 0);
    assert_eq!(folder.run(&["delete", id, "--yes"]).code, 0);
    assert_snapshot!(
        "import_deleted",
        folder.run(&["import", "b.ndjson", "--on-duplicate", "update"])
    );
}

#[test]
fn a_taken_handle_is_a_failed_item() {
    let folder = Folder::new()
        .file("a.ndjson", "{\"name\":\"A\",\"handle\":\"x\"}\n{\"name\":\"B\",\"handle\":\"x\"}\n");
    let ran = folder.run(&["import", "a.ndjson"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "2 items in [took]: 1 created, 1 failed\n"));
    assert!(ran.stderr.ends_with("the handle x is taken by [id]\n"), "{ran}");
}

#[test]
fn standard_input_is_a_file_too() {
    let ran = Folder::new().run_with(&["import", "-", "--json"], b"name,tags\nA,x\n,y\n");
    assert_snapshot!("import_stdin", ran.stdout.lines().take(2).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_file_that_is_not_there_stops_the_import_before_it_starts() {
    let folder = Folder::new().file("a.ndjson", "{\"name\":\"A\"}\n");
    assert_snapshot!("import_missing", folder.run(&["import", "a.ndjson", "none.csv"]));
    assert_eq!(folder.files(), ["a.ndjson"]);
    assert_snapshot!("import_folder", folder.run(&["import", "."]));
}

#[test]
fn an_item_is_reported_as_soon_as_it_is_kept_and_control_c_ends_the_import_with_a_summary() {
    let folder = Folder::new();
    let mut import = folder
        .command(&["import", "-", "--json"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the built program");
    let mut stdin = import.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(import.stdout.take().expect("a pipe"));
    // The client sends two lines, because the format is recognised at the start of the second line.
    stdin.write_all(b"{\"name\":\"A\"}\n{\"name\":\"B\"}\n").expect("the program reads");
    let mut first = String::new();
    stdout.read_line(&mut first).expect("a line");
    assert!(first.contains("\"status\":\"created\""), "{first}");
    assert!(signal(import.id(), Signal::INT), "the program runs");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert!(
        rest.lines()
            .last()
            .expect("a summary")
            .starts_with("{\"summary\":{\"counts\":{\"created\":"),
        "{rest}"
    );
    assert_eq!(import.wait().expect("a child").code(), Some(130));
    assert_eq!(folder.run(&["show", "A"]).code, 0);
}

#[test]
fn a_second_run_after_a_kill_goes_on_where_the_first_one_stopped() {
    let folder = Folder::new().file("many.ndjson", many(2_000));
    let mut import =
        folder.command(&["import", "many.ndjson", "--json"]).spawn().expect("the built program");
    let reported = BufReader::new(import.stdout.take().expect("a pipe")).lines().take(200).count();
    import.kill().expect("the program runs");
    import.wait().expect("a child");
    let counts = counts(&folder.results(&["import", "many.ndjson", "--json"]));
    let of = |status: &str| counts[status].as_u64().unwrap_or(0);
    assert_eq!(of("created") + of("unchanged"), 2_000, "{counts}");
    assert!(
        of("unchanged") >= reported.try_into().expect("a small number"),
        "what was reported was kept: {counts}"
    );
    assert_eq!(folder.results(&["list", "--plain", "--limit", "3000"]).lines().count(), 2_000);
}

#[test]
fn an_item_that_differs_in_a_wide_number_only_updates_its_persona() {
    let item = |number: &str| {
        format!(
            r#"{{"id":"0193b0c2-7f3e-7a10-8c1d-000000000001","name":"Big","extensions":{{"n":{number}}}}}"#
        )
    };
    let folder = Folder::new()
        .file("a.ndjson", item("9007199254740993"))
        .file("b.ndjson", item("9007199254740992"));
    let run = |file: &str| {
        counts(&folder.results(&["import", file, "--on-duplicate", "update", "--json"]))
    };
    assert_eq!(run("a.ndjson"), serde_json::json!({ "created": 1 }));
    assert_eq!(run("a.ndjson"), serde_json::json!({ "unchanged": 1 }));
    assert_eq!(run("b.ndjson"), serde_json::json!({ "updated": 1 }));
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", "Big", "--json"])).expect("JSON");
    assert_eq!(persona["extensions"]["n"], serde_json::json!(9_007_199_254_740_992_u64));
}

#[test]
fn a_second_run_over_a_history_finds_it_there_however_its_times_are_written() {
    let line = |revision: u8| {
        format!(
            "{{\"id\":\"0193b0c2-0000-7000-8000-00000000000a\",\"revision\":{revision},\"name\":\"r{revision}\",\
             \"created_at\":\"2020-01-01T01:00:00+01:00\",\"updated_at\":\"2020-01-01T00:00:0{revision}Z\",\
             \"history\":{{\"last\":2}}}}\n"
        )
    };
    let history = [line(1), line(2)].concat();
    let folder = Folder::new().file("history.ndjson", &history);
    let import = ["import", "history.ndjson", "--json"];
    assert_eq!(counts(&folder.results(&import)), serde_json::json!({ "created": 2 }));
    assert_eq!(counts(&folder.results(&import)), serde_json::json!({ "unchanged": 2 }));
    // The control: another text is another revision.
    let folder = folder.file("other.ndjson", history.replace("\"r1\"", "\"other\""));
    let other = folder.run(&["import", "other.ndjson", "--json"]);
    assert!(other.code != 0 && other.stdout.contains("is another one here"), "{other}");
}

#[test]
fn a_handle_of_another_owner_is_that_of_another_persona() {
    let file = "{\"name\":\"A\",\"handle\":\"x\",\"owner\":\"ada\"}\n{\"name\":\"B\",\"handle\":\"x\",\"owner\":\"bob\"}\n\
                {\"name\":\"C\",\"handle\":\"x\"}\n";
    let folder = Folder::new().file("many.ndjson", file);
    let import = ["import", "--on-duplicate", "update", "many.ndjson", "--json"];
    assert_eq!(counts(&folder.results(&import)), serde_json::json!({ "created": 3 }));
    assert_eq!(counts(&folder.results(&import)), serde_json::json!({ "unchanged": 3 }));
}
