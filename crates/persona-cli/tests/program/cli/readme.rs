//! The commands of the README, pasted as they stand.

use std::process::Command;

use serde_json::Value;

use crate::common::Server;
use crate::common::runner::Folder;

const README: &str = include_str!("../../../../../README.md");
/// The address of the server in the README.
const ADDRESS: &str = "127.0.0.1:8000";

/// Lines that are not run unchanged: the beginning of the line, and the command that is run in its
/// place; `None` where the line needs something that the tests of the command line do not have.
const IN_PLACE: &[(&str, Option<&str>)] = &[
    ("cargo run", None), // what passes the tests has built the program
    ("./test", None),    // this test is part of it
    ("persona verify", Some("persona verify --chaos --seconds 1")),
    ("persona top", Some("persona top --once")),
    ("persona watch", Some("persona watch --after 0 --count 1")),
    ("persona move", None), // needs a server of PostgreSQL
];

/// The blocks of shell commands in the README.
fn blocks() -> Vec<&'static str> {
    let fenced = README.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix("sh\n")).collect()
}

/// Runs a script as a user does with the program in PATH.
fn shell(folder: &Folder, script: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_persona"));
    let path = format!("{}:/usr/bin:/bin", program.parent().expect("a folder").display());
    let mut command = Command::new("sh");
    command.args(["-ec", script]).envs(
        folder.command_as_typed(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))),
    );
    let output = command.env("PATH", path).current_dir(folder.path(".")).output().expect("sh");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_commands_of_the_readme_do_what_they_say() {
    if Command::new("curl").arg("--version").output().is_err() {
        #[expect(
            clippy::disallowed_methods,
            reason = "what a developer may leave out continuous integration must not"
        )]
        let is_insisted = std::env::var_os("CI").is_some();
        assert!(!is_insisted, "curl is missing: apt-get install curl");
        eprintln!("SKIPPED: curl is missing");
        return;
    }
    let server = Server::with_workers(2).start();
    let folder = Folder::new()
        .variable("PERSONA_DATABASE", server.database().display().to_string())
        .variable("PERSONA_SERVER", format!("http://{}", server.address()))
        .variable("EDITOR", "sed -i s/Lovelace/Byron/")
        .file(
            "prompts.csv",
            "act,prompt\nWizard,I am an old wizard.\nWizard of Excel,I know excel.\n",
        );
    let mut ran = 0;
    for block in blocks() {
        let block = block.replace(ADDRESS, &server.address().to_string());
        if block.contains("curl") {
            shell(&folder, &block);
            let ada: Value =
                serde_json::from_str(&shell(&folder, "persona show Ada --json")).expect("JSON");
            assert_eq!(
                (&ada["revision"], &ada["system_prompt"]),
                (&3.into(), &"You are Ada Lovelace.".into()),
                "the block with curl"
            );
            ran += 1;
            continue;
        }
        for line in block.lines() {
            let in_place = IN_PLACE.iter().find(|(begins, _)| line.starts_with(begins));
            let printed = match in_place {
                Some((_, None)) => continue,
                Some((_, Some(other))) => shell(&folder, other),
                None if line.starts_with("persona backup")
                    || line.starts_with("persona doctor") =>
                {
                    // These commands are about the file itself, beside its server. The doctor ends
                    // with 1 where it warns of the machine.
                    shell(&folder, &format!("unset PERSONA_SERVER\n{{ {line}\n}} || test $? = 1"))
                }
                None => shell(&folder, line),
            };
            if line.starts_with("persona list") {
                assert!(
                    printed.contains("Wizard") && !printed.contains("Wizard of Excel"),
                    "{line}\n{printed}"
                );
            }
            if line.starts_with("persona edit") {
                assert!(shell(&folder, "persona show Ada").contains("Ada Byron"), "{line}");
            }
            ran += 1;
        }
    }
    assert!(ran >= 11, "only {ran} commands were found in the README");
    assert_eq!(folder.files(), ["all.ndjson", "copy.db", "prompts.csv"]);
}
