//! Settings: the value that holds, its source, and messages about wrong values.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use insta::assert_snapshot;
use persona_server::config::{KEYS, ValueKind};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::common::runner::Folder;
use crate::common::{DEADLINE, wait_for};

#[test]
fn each_source_outweighs_the_next() {
    let user = "[listen]\nport = 1\nhost = \"127.0.0.2\"\n[log]\nlevel = \"debug\"\nfile = \"user.log\"\naccess = true\n";
    let project = "[listen]\nport = 2\n\n[store]\ndatabase = \"data/a.db\"\n[log]\nlevel = \"trace\"\n[workers]\ncount = 4\n";
    let folder = Folder::new()
        .file(".config/persona/config.toml", user)
        .file("persona.toml", project)
        .variable("PORT", "3")
        .variable("PERSONA_PORT", "4")
        .variable("WEB_CONCURRENCY", "3")
        .variable("PERSONA_DURABILITY", "full")
        .variable("RUST_LOG", "info,persona_storage=debug");
    let ran = folder.run(&["config", "show", "--origin", "--port", "5", "--expose-worker"]);
    // The name of the folder widens the columns; the snapshot does not have this name.
    let narrow = |line: &str| {
        let parts: Vec<&str> =
            line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
        parts.join("  ") + "\n"
    };
    assert_snapshot!("sources", ran.to_string().lines().map(narrow).collect::<String>());
    assert_snapshot!("sources_json", folder.run(&["config", "show", "--json", "--workers=1"]));
}

#[test]
fn a_named_file_takes_the_place_of_the_project_file() {
    let folder = Folder::new()
        .file("persona.toml", "[listen]\nport = 1\n")
        .file("etc/other.toml", "[workers]\ncount = 1\n[store]\ndatabase = \"a.db\"\n");
    assert_snapshot!(
        "named_file",
        folder.run(&["config", "show", "--origin", "--config", "etc/other.toml"])
    );
    assert_snapshot!(
        "named_file_missing",
        folder.run(&["config", "check", "--config", "none.toml"])
    );
}

#[test]
fn a_list_is_a_text_with_commas_or_a_list_of_texts() {
    let shown = |value: &str| {
        let file = format!("[listen]\ncors_origins = {value}\n");
        Folder::new().file("persona.toml", file).run(&["config", "show", "--json"])
    };
    let expected = "\"cors_origins\":\"https://a.example,https://b.example\"";
    for value in
        ["\"https://a.example,https://b.example\"", "['https://a.example', 'https://b.example']"]
    {
        let shown = shown(value);
        assert!(shown.code == 0 && shown.stdout.contains(expected), "{value}: {shown}");
    }
    for wrong in ["[1]", "['https://a.example,https://b.example']", "{ a = 1 }"] {
        let refused = shown(wrong);
        let words = "must be a string with commas, or a list of strings";
        assert!(refused.code == 5 && refused.stderr.contains(words), "{wrong}: {refused}");
    }
    let port = Folder::new().file("persona.toml", "[listen]\nport = ['1']\n");
    let refused = port.run(&["config", "show"]);
    assert!(refused.stderr.contains("must be a string, a number, true or false"), "{refused}");
}

#[test]
fn a_setting_outside_the_sections_is_told_where_it_belongs() {
    let project = "port = 7791\nworkers = 2\nkeep = 3\nnothing = 1\n";
    let checked = Folder::new().file("persona.toml", project).run(&["config", "check"]);
    assert_eq!(checked.code, 5, "{checked}");
    for words in [
        "persona.toml:1: port must stand in a section: write port below [listen]",
        "persona.toml:2: workers must stand in a section: write count below [workers]",
        "persona.toml:3: keep must stand in a section: write keep below [history] or keep below \
         [backup]",
        "persona.toml:4: unknown setting nothing",
    ] {
        assert!(checked.stderr.contains(words), "{words}: {checked}");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let project = "[listen]\nhots = \"x\"\nport = 70000\n[storage]\n[log]\nlevel = \"infoo\"\nformat = [1]\n[workers]\n# a comment\ncount = true\n";
    let folder = Folder::new()
        .file("persona.toml", project)
        .variable("DATABASE_URL", "mysql://me@db/personas")
        .variable("PERSONA_DURABILITY", "paranoid");
    assert_snapshot!("problems", folder.run(&["config", "check", "--busy-timeout-ms", "10s"]));
    assert_snapshot!("problems_json", folder.run(&["config", "check", "--json", "--workers", "8"]));
}

#[test]
fn a_file_that_is_no_toml_is_reported_with_its_line() {
    assert_snapshot!(
        "no_toml",
        Folder::new().file("persona.toml", "[listen]\nport 1\n").run(&["config", "check"])
    );
}

#[test]
fn a_log_file_that_cannot_be_opened_is_found_and_a_new_one_is_not_left_behind() {
    let folder = Folder::new().file("old.log", "a line\n").file("no_folder", "");
    for (path, code) in [
        ("new.log", 0),
        ("old.log", 0),
        ("none/new.log", 5),
        ("no_folder/new.log", 5),
        ("persona.db", 5),
        (".", 5),
    ] {
        let ran = folder.run(&["config", "check", "--log-file", path]);
        assert_eq!(ran.code, code, "{path}: {ran}");
        assert_eq!(ran.stderr.contains("hint: "), code != 0, "{path}: {ran}");
    }
    assert_eq!(
        (folder.read("old.log"), folder.files()),
        ("a line\n".into(), vec!["no_folder".to_owned(), "old.log".into()])
    );
}

#[test]
fn a_check_of_the_log_file_makes_nothing_and_waits_for_no_reader_of_a_pipe() {
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    let touched = || folder.path(".").metadata().expect("a folder").mtime_nsec();
    let before = touched();
    for name in ["new.log", "pipe"] {
        let mut child =
            folder.command(&["config", "check", "--log-file", name]).spawn().expect("the program");
        let ended = wait_for(name, DEADLINE, || child.try_wait().expect("a child"));
        assert_eq!(ended.code(), Some(0), "{name}");
    }
    assert_eq!((touched(), folder.files()), (before, vec!["pipe".to_owned()]));
}

#[test]
fn a_server_that_cannot_start_says_so_as_json_where_json_is_wanted() {
    let folder = Folder::new();
    let ran = folder.run(&["serve", "--port=0", "--log-file", "none/a.log", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.stderr).expect("one line of JSON");
    assert_eq!((ran.code, &told["error"]["exit_code"]), (5, &5.into()), "{ran}");
    let message = told["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("could not open the log: "), "{message}");
}

#[test]
fn a_mistyped_variable_is_a_warning() {
    let folder = Folder::new().variable("PERSONA_DATABSE", "a.db").variable("PERSONA_", "x");
    assert_snapshot!("mistyped_variable", folder.run(&["config", "check"]));
}

#[test]
fn a_value_with_something_left_at_its_ends_is_refused_instead_of_naming_another_file() {
    let folder = Folder::new()
        .file("persona.toml", "[store]\ndatabase = \" persona.db\"\n")
        .variable("PERSONA_DURABILITY", "\"full\"")
        .variable("PERSONA_LOG_FILE", "a.log\n");
    assert_snapshot!("mangled", folder.run(&["config", "check", "--host", "'127.0.0.1'"]));
    assert_eq!(folder.run(&["create", "--name", "Ada", "--database", "\"persona.db\""]).code, 5);
    assert_eq!(folder.files(), ["persona.toml"]);
}

#[test]
fn a_value_that_is_not_utf_8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_persona"));
    command.current_dir(&folder).env_clear().env("DATABASE_URL", OsStr::from_bytes(b"caf\xe9.db"));
    let output = command.args(["create", "--name", "Ada"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("DATABASE_URL: is not UTF-8 text"));
    assert_eq!(
        std::fs::read_dir(&folder).expect("a folder").count(),
        0,
        "another database was made"
    );
}

#[test]
fn the_variables_of_a_kubernetes_service_are_ignored_with_one_warning() {
    let folder = Folder::new()
        .variable("PERSONA_PORT", "tcp://10.0.0.1:8000")
        .variable("PERSONA_PORT_8000_TCP_ADDR", "10.0.0.1")
        .variable("PERSONA_SERVICE_HOST", "10.0.0.1")
        .variable("PORT", "8100");
    let ran = folder.run(&["config", "show", "--origin"]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (0, 1), "{ran}");
    assert!(ran.stderr.contains("Kubernetes") && ran.stdout.contains("= 8100"), "{ran}");
}

#[test]
fn a_settings_folder_of_the_user_that_cannot_be_reached_is_a_warning() {
    // A file is in the place of the folder: no user, root included, can reach anything below it.
    let folder = Folder::new().file(".config/persona", "");
    let ran = folder.run(&["config", "check"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stderr.contains("cannot be reached and has no effect"), "{ran}");
}

#[test]
fn more_workers_than_a_file_bears_are_refused_with_the_reason() {
    assert_snapshot!("workers", Folder::new().run(&["config", "check", "--workers", "5"]));
}

#[test]
fn a_host_within_reach_of_all_machines_needs_a_word_for_it() {
    let folder = Folder::new();
    for host in ["0.0.0.0", "::1"] {
        assert_eq!(folder.run(&["config", "check", "--host", host]).code, 0);
    }
    // Only the database can tell whether there is a token.
    let ran = folder.run(&["serve", "--host", "0.0.0.0", "--port", "0"]);
    assert_eq!(ran.code, 5, "{ran}");
    let ways = "hint: make a token: persona token create --name NAME --scope admin --create --database \
                persona.db; or add --allow-open to serve every client that can reach the port";
    assert!(ran.stderr.contains(ways), "{ran}");
}

#[test]
fn the_reference_is_the_one_that_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/config.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let printed = Folder::new().results(&["config", "reference"]);
    assert!(
        written == printed,
        "update it with: persona config reference > docs/reference/config.md"
    );
}

#[test]
fn a_password_in_a_flag_is_warned_of_and_never_shown() {
    let folder = Folder::new();
    let url = "postgres://ada:otter@127.0.0.1:1/personas";
    let told = |command: &mut Command| {
        let output = command.output().expect("it runs");
        let told =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
        assert!(!told.concat().contains("otter"), "{told:?}");
        told.concat().contains("can be read by every user")
    };
    let of_flag = format!("--database={url}");
    assert!(told(&mut folder.command(&["config", "check", &of_flag])));
    assert!(told(&mut folder.command(&["token", "list", &of_flag])));
    let to = format!("--to={url}");
    assert!(told(&mut folder.command(&["move", "--from=sqlite:none.db", &to])));
    let without = "--database=postgres://ada@127.0.0.1:1/personas";
    assert!(!told(&mut folder.command(&["config", "check", without])));
    assert!(!told(folder.command(&["config", "check"]).env("DATABASE_URL", url)));
}

#[test]
fn numbers_at_the_edge_of_64_bits_are_used_or_refused_with_their_bounds() {
    let folder = Folder::new();
    for key in KEYS.iter().filter(|key| {
        matches!(key.shape, ValueKind::Number { .. } | ValueKind::Time { .. } | ValueKind::Workers)
    }) {
        let units: &[&str] =
            if matches!(key.shape, ValueKind::Time { .. }) { &["s", "d"] } else { &[""] };
        for number in [
            "0",
            "2147483648",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            for unit in units {
                let argument = format!("{}={number}{unit}", key.flag());
                let output =
                    folder.command(&["config", "check", &argument]).output().expect("it runs");
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                let is_good = output.status.success()
                    || (output.status.code() == Some(5) && words.contains("must be "));
                assert!(is_good, "{argument}: {} {words}", output.status);
            }
        }
    }
}
