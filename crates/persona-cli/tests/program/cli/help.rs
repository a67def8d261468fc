//! The help texts and the version of the program.

use insta::assert_snapshot;

use crate::common::runner::Folder;

const COMMANDS: [&str; 28] = [
    "serve",
    "import",
    "export",
    "list",
    "show",
    "history",
    "diff",
    "revert",
    "watch",
    "create",
    "update",
    "edit",
    "delete",
    "undelete",
    "backup",
    "restore",
    "check",
    "prune",
    "move",
    "verify",
    "health",
    "doctor",
    "top",
    "bench",
    "config",
    "completions",
    "man",
    "version",
];

#[test]
fn without_arguments_it_says_what_it_is_for_and_names_every_command() {
    let ran = Folder::new().run(&[]);
    for command in COMMANDS {
        assert!(ran.stderr.contains(command), "{command} is missing");
    }
    assert_snapshot!("overview", ran);
}

#[test]
fn the_help_of_every_command_says_what_it_takes() {
    let folder = Folder::new();
    assert_snapshot!("help", folder.run(&["--help"]));
    for command in COMMANDS {
        assert_snapshot!(format!("help_{command}"), folder.run(&[command, "--help"]));
    }
}

#[test]
fn no_help_has_the_marks_of_another_format() {
    let folder = Folder::new();
    for command in COMMANDS {
        let help = folder.run(&[command, "--help"]).stdout;
        assert!(!help.contains('`'), "{command}: {help}");
    }
    assert!(!folder.run(&["man"]).stdout.contains('`'));
}

#[test]
fn a_command_line_that_is_wrong_is_an_error_in_json_where_json_is_wanted() {
    let folder = Folder::new();
    let error = |arguments: &[&str]| {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
        let error: serde_json::Value = serde_json::from_str(&ran.stderr).expect("one line of JSON");
        error["error"].clone()
    };
    let mistyped = error(&["list", "--json", "--limt", "3"]);
    assert_eq!(mistyped["message"], "unexpected argument '--limt' found");
    assert_eq!(mistyped["exit_code"], 2);
    assert_eq!(mistyped["hints"][0], "a similar argument exists: '--limit'");
    let missing = error(&["--json", "import"]);
    assert_eq!(missing["message"], "the following required arguments were not provided:");
    assert_eq!(missing["causes"][0], "<FILE>...");
    assert!(
        folder.run(&["list", "--limt", "--", "--json"]).stderr.starts_with("error: "),
        "what follows -- is no flag"
    );
}

#[test]
fn a_mistyped_command_or_flag_is_led_to_the_nearest() {
    let folder = Folder::new();
    assert_snapshot!("mistyped_command", folder.run(&["lst"]));
    assert_snapshot!("mistyped_flag", folder.run(&["list", "--limt", "3"]));
}

#[test]
fn the_version_names_sqlite_too() {
    let folder = Folder::new();
    let text = "persona [version] (SQLite 3.54.1)\n";
    assert_eq!(folder.run(&["--version"]).stdout, text);
    assert_eq!(folder.run(&["version"]).stdout, text);
    assert_eq!(
        folder.run(&["version", "--json"]).stdout,
        "{\"features\":[],\"sqlite_version\":\"3.54.1\",\"version\":\"[version]\"}\n"
    );
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let folder = Folder::new();
    for page in [
        folder.run(&["completions", "bash"]),
        folder.run(&["completions", "fish"]),
        folder.run(&["man"]),
    ] {
        assert_eq!((page.code, page.stderr.as_str()), (0, ""));
        for command in COMMANDS {
            assert!(page.stdout.contains(command), "{command} is missing");
        }
        assert!(!page.stdout.contains("how-manieth"), "what is not for users is hidden");
    }
}

#[test]
fn colours_appear_only_when_they_are_asked_for() {
    let folder = Folder::new();
    let plain = folder.run(&["show", "ada"]);
    assert!(!plain.stderr.contains('\x1b'), "{plain}");
    assert!(
        folder
            .run(&["show", "ada", "--color", "always"])
            .stderr
            .starts_with("\x1b[1;31merror:\x1b[0m")
    );
}

#[test]
fn a_command_line_that_is_wrong_is_told_in_words_that_help() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    for (arguments, told) in [
        (&["list", "--limit", "0"] as &[&str], "at least 1 is wanted"),
        (&["list", "-excel"], "persona list 'WORD -excel'"),
        (&["list", "--updated-since", "yesterday"], "error: --updated-since: "),
        (&["serve", "--gate-warn-ms=5"], "--gate-warn-ms is called --write-lock-warn-ms now"),
    ] {
        let ran = folder.run(arguments);
        assert!(ran.code == 2 && ran.stderr.contains(told), "{arguments:?}: {ran}");
    }
    for command in ["check", "restore"] {
        let ran = folder.run(&[command, "nope.db"]);
        assert!(ran.code == 3 && !ran.stderr.contains("server makes"), "{command}: {ran}");
    }
    let folder = folder.file("folder/file", "");
    for command in [&["export", "--force", "-o", "folder"] as &[&str], &["backup", "folder"]] {
        let ran = folder.run(command);
        assert!(ran.code != 0 && ran.stderr.contains("folder is a folder"), "{command:?}: {ran}");
        assert!(!ran.stderr.contains("--force"), "{command:?}: {ran}");
    }
    let man = folder.run(&["man"]).stdout;
    let version = "\"persona [version]\"";
    let titles: Vec<&str> = man.lines().filter(|line| line.starts_with(".TH ")).collect();
    assert!(titles.len() > 20 && titles.iter().all(|title| title.contains(version)), "{titles:?}");
}

#[test]
fn a_setting_with_an_earlier_name_is_told_its_name_of_today() {
    let folder = Folder::new()
        .variable("PERSONA_GATE_WARN_MS", "5")
        .file("persona.toml", "[store]\ngate_warn_ms = 5\n");
    let ran = folder.run(&["config", "check"]);
    assert!(
        ran.stderr.contains("store.gate_warn_ms is called store.write_lock_warn_ms now"),
        "{ran}"
    );
    let ran = Folder::new().variable("PERSONA_GATE_WARN_MS", "5").run(&["config", "check"]);
    assert!(ran.stderr.contains("it is called PERSONA_WRITE_LOCK_WARN_MS now"), "{ran}");
}
