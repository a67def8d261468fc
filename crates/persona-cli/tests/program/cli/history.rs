//! The history in exports and imports: times, authors and every revision, through a file and
//! through a server.

use serde_json::{Value, json};

use crate::common::Server;
use crate::common::runner::Folder;

#[test]
fn a_history_is_listed_with_its_notes_newest_first() {
    let folder = Folder::with_personas(&[&["Ada", "--author=Eve", "--note=first of all"]]);
    for command in [
        &["update", "Ada", "--set=nickname=A", "--author=Ann", "--note=why not"] as &[&str],
        &["update", "Ada", "--set=tags=a", "--author=Ann"],
    ] {
        assert_eq!(folder.run(command).code, 0, "{command:?}");
    }
    let shown = folder.results(&["history", "Ada"]);
    let lines: Vec<Vec<&str>> =
        shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["REVISION", "LABELS", "AT", "BY", "BYTES", "CHANGED", "NOTE"]);
    let told = |line: &[&str]| (line[0].to_owned(), line[2].to_owned(), line[4..].join(" "));
    assert_eq!(told(&lines[1]), ("3".into(), "Ann".into(), "tags".into()));
    assert_eq!(told(&lines[2]), ("2".into(), "Ann".into(), "nickname why not".into()));
    assert_eq!(told(&lines[3]), ("1".into(), "Eve".into(), "created first of all".into()));
    let narrow = folder.command(&["history", "Ada"]).env("COLUMNS", "80").output().expect("run");
    let narrow = String::from_utf8(narrow.stdout).expect("text");
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    for word in ["BY", "Ann", "Eve", "why not", "nickname"] {
        assert!(narrow.contains(word), "{narrow}");
    }
    let some = folder.run(&["history", "Ada", "--limit=2"]);
    assert_eq!(some.stdout.lines().count(), 3, "{some}");
    assert!(some.stderr.contains("there are more than 2"), "{some}");
    let entries: Vec<Value> = folder
        .results(&["history", "Ada", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[1]["note"], "why not");
    let refused = folder.run(&["update", "Ada", "--set=nickname=B", "--note=a\nb"]);
    assert_eq!(refused.code, 2, "{refused}");
    assert_eq!(folder.run(&["history", "Bob"]).code, 3);
}

#[test]
fn a_persona_is_compared_and_reverted() {
    let folder = Folder::with_personas(&[&["Ada", "--set=description=one\ntwo\nthree"]]);
    let changed = ["update", "Ada", "--set=description=one\n2\nthree", "--set=tags=a"];
    assert_eq!(folder.run(&changed).code, 0);
    let diff = folder.run(&["diff", "Ada"]);
    let expected = "revision 1 -> revision 2\n+ /tags/0 \"a\"\n\n/description\nline 1 -> 1\n  one\n- two\n+ 2\n  three\n";
    assert_eq!((diff.code, diff.stdout.as_str()), (0, expected), "{diff}");
    let json: Value =
        serde_json::from_str(&folder.results(&["diff", "Ada", "--from=2", "--to=1", "--json"]))
            .expect("JSON");
    assert_eq!((&json["from"], &json["to"]), (&2.into(), &1.into()));
    let reverted = folder.run(&["revert", "Ada", "1"]);
    assert_eq!(reverted.code, 0, "{reverted}");
    assert!(reverted.stderr.contains("revision 3, with the content of revision 1"), "{reverted}");
    let same = folder.run(&["diff", "Ada", "--from=1"]);
    assert!(same.code == 0 && same.stderr.contains("the same content"), "{same}");
    let again = folder.run(&["revert", "Ada", "1", "--note=once more"]);
    assert!(again.stderr.contains("nothing changed"), "{again}");
    let unknown = folder.run(&["revert", "Ada", "9"]);
    assert_eq!(unknown.code, 3, "{unknown}");
    assert!(folder.results(&["history", "Ada"]).contains("revert to 1"));
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[test]
fn a_deletion_and_an_undeletion_have_an_author_and_a_note() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    for command in [
        &["delete", "Ada", "--yes", "--author=Eve", "--note=not used"] as &[&str],
        &["undelete", "Ada", "--author=Bob", "--note=used again"],
    ] {
        assert_eq!(folder.run(command).code, 0, "{command:?}");
    }
    let history = folder.results(&["history", "Ada"]);
    for told in ["Eve", "not used", "Bob", "used again"] {
        assert!(history.contains(told), "{history}");
    }
}

/// A folder with a database that has had every kind of change.
fn lived_in() -> Folder {
    let folder =
        Folder::with_personas(&[&["Ada", "--set=handle=ada", "--author=Eve"], &["Bob"], &["Zoe"]]);
    for command in [
        &["update", "ada", "--set=tags=a", "--author=Ada", "--note=a \"tag\""] as &[&str],
        &["delete", "ada", "--yes"],
        &["undelete", "ada"],
        &["update", "ada", "--set=nickname=A"],
        &["delete", "Bob", "--yes"],
    ] {
        assert_eq!(folder.run(command).code, 0, "{command:?}");
    }
    folder
}

/// The lines of an export, sorted. Personas that are sent at the same time may arrive in another
/// order.
fn sorted(export: &str) -> Vec<String> {
    let mut lines: Vec<String> = export.lines().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines
}

fn member(folder: &Folder, name: &str, members: [&str; 3]) -> [Value; 3] {
    let persona: Value =
        serde_json::from_str(&folder.results(&["show", name, "--json"])).expect("JSON");
    members.map(|member| persona[member].clone())
}

#[test]
fn an_export_and_import_keep_times_and_authors() {
    let old = lived_in();
    let export = old.results(&["export"]);
    let new = Folder::new().file("all.ndjson", &export);
    assert_eq!(new.run(&["import", "all.ndjson"]).code, 0);
    let stamps = ["created_at", "updated_at", "created_by"];
    assert_eq!(member(&new, "ada", stamps), member(&old, "ada", stamps));
    assert_eq!(
        member(&new, "ada", ["revision", "updated_by", "nickname"]),
        [1.into(), Value::Null, "A".into()]
    );
    let again = new.run(&["import", "all.ndjson"]);
    assert!(again.stdout.contains("2 unchanged"), "{again}");
    assert_eq!(new.run(&["check"]).code, 0);
    // The persona was changed since: the same content with other times is an equal persona.
    assert_eq!(new.run(&["update", "ada", "--set=nickname=B"]).code, 0);
    let differs = new.run(&["import", "all.ndjson"]);
    assert!(differs.stdout.contains("1 unchanged, 1 differ"), "{differs}");
    let updated = new.run(&["import", "all.ndjson", "--on-duplicate=update"]);
    assert!(updated.stdout.contains("1 updated"), "{updated}");
}

#[test]
fn a_document_with_one_of_the_times_has_it_twice_and_one_from_the_future_is_refused() {
    let folder = Folder::new()
        .file("one.json", "{\"name\":\"Ada\",\"created_at\":\"2020-01-01T00:00:00Z\"}")
        .file("late.json", "{\"name\":\"Bob\",\"updated_at\":\"2999-01-01T00:00:00Z\"}")
        .file("bad.json", "{\"name\":\"Zoe\",\"updated_at\":\"yesterday\"}");
    assert_eq!(folder.run(&["import", "one.json"]).code, 0);
    let time = Value::from("2020-01-01T00:00:00.000000Z");
    assert_eq!(
        member(&folder, "Ada", ["created_at", "updated_at", "revision"]),
        [time.clone(), time, 1.into()]
    );
    for (file, reason) in [
        ("late.json", "is later than the time of this server"),
        ("bad.json", "created_at is managed by the store"),
    ] {
        let refused = folder.run(&["import", file]);
        assert!(refused.code == 1 && refused.stderr.contains(reason), "{refused}");
    }
}

#[test]
fn an_exported_history_comes_back_whole_through_a_file_and_through_a_server() {
    let old = lived_in();
    let history = old.results(&["export", "--history"]);
    assert_eq!(history.lines().count(), 8, "{history}");
    let new = Folder::new().file("all.ndjson", &history);
    let imported = new.run(&["import", "all.ndjson"]);
    assert!(
        imported.code == 0
            && imported.stdout.contains("8 items")
            && imported.stdout.contains("8 created"),
        "{imported}"
    );
    assert_eq!(
        sorted(&new.results(&["export", "--history"])),
        sorted(&history),
        "every revision with its times, authors and tags"
    );
    let checked = new.run(&["check"]);
    assert!(
        checked.code == 0
            && checked.stdout.contains("2 personas and 1 deleted, 8 revisions, 8 changes"),
        "{checked}"
    );
    let again = new.run(&["import", "all.ndjson"]);
    assert!(again.stdout.contains("8 unchanged"), "{again}");

    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    assert_eq!(new.run(&["import", "all.ndjson", "--server", &url]).code, 0);
    assert_eq!(sorted(&new.results(&["export", "--history", "--server", &url])), sorted(&history));
}

#[test]
fn labels_come_back_with_an_exported_history_and_those_that_are_set_here_stay() {
    let old = Folder::with_personas(&[&["Ada"], &["Bob"]]);
    for command in [
        &["update", "Ada", "--set=tags=a"] as &[&str],
        &["update", "Ada", "--set=tags=b"],
        &["label", "set", "production", "Ada", "--revision=1", "--author=Eve"],
        &["label", "set", "production", "Ada", "--revision=2", "--author=Eve Ä"],
        &["label", "set", "staging", "Ada", "Bob"],
        &["label", "set", "gone", "Ada", "Bob"],
        &["label", "delete", "gone", "Ada", "Bob"],
        &["delete", "Bob", "--yes"],
    ] {
        assert_eq!(old.run(command).code, 0, "{command:?}");
    }
    let points = |text: &str| -> Vec<(String, String, String)> {
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let labels = |line: Value| {
            let labels = line["history"]["labels"].as_object().cloned().unwrap_or_default();
            let told = |label: &Value| format!("{} {}", label["revision"], label["by"]);
            let name = line["name"].as_str().expect("a name").to_owned();
            labels.into_iter().map(move |(word, label)| (name.clone(), word, told(&label)))
        };
        let mut all: Vec<_> = lines.flat_map(labels).collect();
        all.sort();
        all
    };
    let history = old.results(&["export", "--history"]);
    let told = points(&history);
    let expected =
        [("Ada", "production", "2 \"Eve Ä\""), ("Ada", "staging", "3 "), ("Bob", "staging", "1 ")];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, (name, word, label)) in told.iter().zip(expected) {
        assert!(told.0 == name && told.1 == word && told.2.starts_with(label), "{told:?}");
    }
    let new = Folder::new().file("all.ndjson", &history);
    let server = Server::with_workers(2).start();
    let url = format!("--server=http://{}", server.address());
    for place in ["--database=new.db", &url] {
        let imported = new.run(&["import", "all.ndjson", place]);
        assert!(imported.code == 0 && imported.stdout.contains("5 created"), "{imported}");
        let back = || points(&new.results(&["export", "--history", place]));
        assert_eq!(back(), told, "{place}");
        // What is moved here is not moved back by a second run, which also finds Bob deleted.
        let moved = new.run(&["label", "set", "production", "Ada", "--revision=3", place]);
        assert_eq!(moved.code, 0, "{moved}");
        let again = new.run(&["import", "all.ndjson", place]);
        assert!(again.code == 0 && again.stdout.contains("5 unchanged"), "{again}");
        assert!(back()[0].2.starts_with("3 "), "{:?}", back());
    }
    assert_eq!(new.run(&["check", "--database=new.db"]).code, 0);
    let bad = history.replace("\"staging\":{", "\"7\":{");
    let other = Folder::new().file("bad.ndjson", bad);
    let refused = other.run(&["import", "bad.ndjson"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("the label \"7\" is not set"),
        "{refused}"
    );
}

/// A folder with personas that exchanged their handles, one of them while another was deleted.
fn exchanged() -> Folder {
    let folder = Folder::with_personas(&[
        &["Ada", "--set=handle=ada"],
        &["Bob", "--set=handle=bob"],
        &["Zoe", "--set=handle=zoe"],
    ]);
    for command in [
        &["update", "ada", "--set=handle=free"] as &[&str],
        &["update", "bob", "--set=handle=ada"],
        &["update", "free", "--set=handle=bob"],
        &["delete", "zoe", "--yes"],
        &["update", "bob", "--set=handle=zoe"],
        &["update", "zoe", "--set=handle=bob"],
        &["undelete", "Zoe"],
    ] {
        let ran = folder.run(command);
        assert_eq!(ran.code, 0, "{command:?}: {ran}");
    }
    folder
}

#[test]
fn personas_that_exchanged_handles_come_back_whole_through_a_file_and_through_a_server() {
    let history = exchanged().results(&["export", "--history"]);
    assert_eq!(history.lines().count(), 10, "{history}");
    let new = Folder::new().file("all.ndjson", &history);
    let server = Server::with_workers(2).start();
    let url = format!("--server=http://{}", server.address());
    for place in ["--database=new.db", &url] {
        let imported = new.run(&["import", "all.ndjson", place]);
        assert!(imported.code == 0 && imported.stdout.contains("10 created"), "{imported}");
        let back = new.results(&["export", "--history", place]);
        assert_eq!(sorted(&back), sorted(&history), "{place}");
        let again = new.run(&["import", "all.ndjson", place]);
        assert!(again.stdout.contains("10 unchanged"), "{again}");
    }
}

#[test]
fn a_handle_of_another_persona_stops_the_history_that_takes_it_and_no_other() {
    let history = exchanged().results(&["export", "--history"]);
    let new = Folder::with_personas(&[&["Eve", "--set=handle=free"]]).file("all.ndjson", &history);
    let imported = new.run(&["import", "all.ndjson"]);
    // Ada has the handle from her second revision on, and an import never takes a handle from
    // another persona.
    assert!(imported.code == 1 && imported.stdout.contains("failed"), "{imported}");
    assert!(imported.stderr.contains("the handle free is taken by"), "{imported}");
    assert_eq!(new.results(&["list", "--plain", "Eve"]).lines().count(), 1);
    assert_eq!(new.run(&["check"]).code, 0);
}

#[test]
fn an_interrupted_history_goes_on_and_another_one_is_not_touched() {
    let old = lived_in();
    let history = old.results(&["export", "--history"]);
    let some: String = history.split_inclusive('\n').take(3).collect();
    let new = Folder::new().file("all.ndjson", &history).file("some.ndjson", some);
    assert_eq!(new.run(&["import", "some.ndjson"]).code, 0);
    let rest = new.run(&["import", "all.ndjson"]);
    assert!(rest.code == 0 && rest.stdout.contains("5 created, 3 unchanged"), "{rest}");
    assert_eq!(sorted(&new.results(&["export", "--history"])), sorted(&history));
    // One more change in this store, and a different one in the other store.
    assert_eq!(
        (
            new.run(&["update", "ada", "--set=nickname=C"]).code,
            old.run(&["update", "ada", "--set=nickname=D"]).code
        ),
        (0, 0)
    );
    let mine = new.results(&["export", "--history"]);
    let new = new.file("all.ndjson", old.results(&["export", "--history"]));
    let refused = new.run(&["import", "all.ndjson", "--on-duplicate=update"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("revision 6 is another one here"),
        "{refused}"
    );
    assert_eq!(new.results(&["export", "--history"]), mine);
}

#[test]
fn an_update_without_an_author_drops_the_autosave_of_which_it_names_the_key() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let made = client.request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#);
    let path = made.expect("an answer").header("location").expect("a place").to_owned();
    for key in ["a", "b"] {
        let (path, headers) = (format!("{path}?squash=900"), [("idempotency-key", key)]);
        let body = format!(r#"{{"nickname":"{key}"}}"#);
        let saved = client.request("PATCH", &path, &headers, body.as_bytes());
        assert_eq!(saved.expect("an answer").status, 200);
    }
    let (folder, url) = (Folder::new(), format!("http://{}", server.address()));
    let update = |flags: &[&str]| {
        folder.run(&[&["update", "Ada", "--set=tags=t", "--server", &url], flags].concat())
    };
    for (key, code) in [(&["--squash-key=b"][..], 2), (&["--squash=900", "--squash-key=a b"], 2)] {
        let refused = update(key);
        assert_eq!(refused.code, code, "{refused}");
    }
    let saved = update(&["--squash=900", "--squash-key=b"]);
    assert_eq!(saved.code, 0, "{saved}");
    let list = client.get(&format!("{path}/revisions")).expect("an answer").json();
    let kept: Vec<_> = (0..4).map(|place| list["items"][place]["revision"].clone()).collect();
    assert_eq!(kept, [json!(4), json!(2), json!(1), Value::Null]);
}
