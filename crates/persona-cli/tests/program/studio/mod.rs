//! The web studio in a real browser, and its types against the OpenAPI document.
//!
//! The stories are in `studio/tests/`, one file a subject; each starts servers of its own. Node
//! runs them with the browser of the system, driven by playwright-core. `studio/tests/README.md`
//! says how to run one story alone, and how to change the studio without building the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::tools::{Tools, run, skipped};
use crate::common::Server;

/// The names of the browser's program in distributions.
///
/// The headless shell is the same browser without its windows, and takes half of the time.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// The oldest version of node on which the driver of the browser runs.
const NODE_MIN: u32 = 20;

/// The folder of the studio.
fn studio() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studio").canonicalize().expect("the studio")
}

/// The path of a browser of the system; `None` where there is none, which was printed then.
fn browser() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the system says where programs lie")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.exists());
    if found.is_none() {
        skipped(
            "there is no browser for the tests of the studio: apt-get install chromium-headless-shell",
        );
    }
    found
}

/// The driver of the browser; `None` where it cannot be installed, which was printed then.
fn driver() -> Option<Tools> {
    // Where node is missing, the installation says so.
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout);
    let version = String::from_utf8(version.unwrap_or_default()).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().is_ok_and(|major| major < NODE_MIN) {
        skipped(&format!("the tests of the studio need node {NODE_MIN}, this is {version}"));
        return None;
    }
    Tools::node_of("driver of the browser", &studio().join("tests"))
}

/// Runs the stories of one file.
fn tell_stories(file: &str) {
    tell_some_stories(file, ".", &[]);
}

/// Runs the stories of one file that have a name that fits a pattern, with settings of their own.
fn tell_some_stories(file: &str, pattern: &str, settings: &[(&str, &str)]) {
    let Some(browser) = browser() else { return };
    let Some(tools) = driver() else { return };
    let modules = tools.modules();
    let told = run(Command::new("node")
        .args(["--test", "--test-reporter=spec", "--test-name-pattern", pattern])
        .arg(studio().join("tests").join(file))
        .envs(settings.iter().copied())
        .env("PERSONA", env!("CARGO_BIN_EXE_persona"))
        .env("CHROMIUM", browser)
        .env("STUDIO_MODULES", modules.parent().expect("a folder")));
    assert!(!told.contains("pass 0"), "no story of {file} fits {pattern:?}");
}

#[test]
fn the_gallery_finds_chooses_and_changes_personas() {
    tell_stories("gallery.test.js");
}

#[test]
fn the_gallery_has_folders_and_filters_of_every_kind() {
    tell_stories("folders.test.js");
}

#[test]
fn the_settings_tell_labels_and_owners() {
    tell_stories("settings.test.js");
}

#[test]
fn the_editor_loses_nothing_that_was_typed() {
    tell_stories("editor.test.js");
}

#[test]
fn what_is_typed_is_not_lost_by_anything_else() {
    tell_stories("lost.test.js");
}

#[test]
fn a_rewrite_is_stepped_through() {
    tell_stories("rewrite.test.js");
}

#[test]
fn what_a_closed_page_left_is_sent() {
    tell_stories("unsent.test.js");
}

#[test]
fn what_is_written_is_of_its_author() {
    tell_stories("authors.test.js");
}

#[test]
fn a_link_signs_in_and_scopes_are_honoured() {
    tell_stories("session.test.js");
}

#[test]
fn an_admin_manages_tokens_and_asks_for_tasks() {
    tell_stories("admin.test.js");
}

#[test]
fn other_scripts_and_large_text_are_at_home() {
    tell_stories("world.test.js");
}

#[test]
fn what_changes_elsewhere_is_seen() {
    tell_stories("live.test.js");
}

#[test]
fn files_are_looked_at_before_they_are_imported() {
    tell_stories("import.test.js");
}

#[test]
fn revisions_are_compared_and_restored() {
    tell_stories("history.test.js");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_hundred_thousand_personas_are_within_the_targets() {
    tell_some_stories("speed.test.js", ".", &[("STUDIO_PERSONAS", "100000")]);
}

#[test]
fn labels_are_moved_one_by_one_and_many_at_once() {
    tell_stories("labels.test.js");
}

#[test]
fn everything_is_seen_reached_and_told_apart() {
    tell_stories("reach.test.js");
}

#[test]
fn what_goes_wrong_is_told_and_loses_nothing() {
    tell_stories("trouble.test.js");
}

/// Checks every screen in a theme, on a screen of a size.
fn check_rules(theme: &str, size: &str) {
    tell_some_stories("access.test.js", &format!("{theme} theme on {size}$"), &[]);
}

// Colours depend on the theme and the layout on the size, so each of both is met once by the short
// tests, and each pair by the long ones.

#[test]
fn every_screen_keeps_the_rules_in_the_light_theme_on_a_window() {
    check_rules("light", "a window");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn every_screen_keeps_the_rules_in_the_light_theme_on_a_phone() {
    check_rules("light", "a phone");
}

#[test]
fn every_screen_keeps_the_rules_in_the_light_theme_on_a_zoomed_window() {
    check_rules("light", "a zoomed window");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn every_screen_keeps_the_rules_in_the_light_theme_on_4k() {
    check_rules("light", "4K");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn every_screen_keeps_the_rules_in_the_dark_theme_on_a_window() {
    check_rules("dark", "a window");
}

#[test]
fn every_screen_keeps_the_rules_in_the_dark_theme_on_a_phone() {
    check_rules("dark", "a phone");
}

#[test]
#[ignore = "long: run by ./test --long"]
fn every_screen_keeps_the_rules_in_the_dark_theme_on_a_zoomed_window() {
    check_rules("dark", "a zoomed window");
}

#[test]
fn every_screen_keeps_the_rules_in_the_dark_theme_on_4k() {
    check_rules("dark", "4K");
}

#[test]
fn the_pure_modules_do_what_they_say() {
    let Some(tools) = driver() else { return };
    run(tools
        .command("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(studio().join("tests/pure.test.js")));
}

#[test]
fn the_types_of_the_studio_fit_the_openapi_document() {
    let Some(tools) = Tools::node() else { return };
    let (server, folder) =
        (Server::with_workers(1).start(), tempfile::tempdir().expect("a folder"));
    let document = server.connect().get("/api/v1/openapi.json").expect("an answer").body;
    let place = folder.path();
    fs::write(place.join("openapi.json"), document).expect("a file");
    for part in ["app", "vendor"] {
        fs::create_dir(place.join(part)).expect("a folder");
        for entry in fs::read_dir(studio().join(part)).expect("a folder") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name");
            fs::copy(&path, place.join(part).join(name)).expect("a copy");
        }
    }
    fs::copy(studio().join("tsconfig.json"), place.join("tsconfig.json")).expect("a copy");
    fs::create_dir(place.join("types")).expect("a folder");
    run(tools
        .command("openapi-typescript")
        .args(["openapi.json", "--output", "types/api.d.ts"])
        .current_dir(place));
    run(tools.command("tsc").args(["--project", "."]).current_dir(place));
}

/// Messages of TypeScript about a name that is not declared, or is declared twice.
const NAMES_WRONG: [&str; 5] = ["TS2300", "TS2304", "TS2451", "TS2552", "TS18004"];

#[test]
fn the_names_of_the_joined_studio_are_all_declared() {
    let Some(tools) = Tools::node() else { return };
    let (server, folder) =
        (Server::with_workers(1).start(), tempfile::tempdir().expect("a folder"));
    let mut client = server.connect();
    let page = client.request("GET", "/", &[("accept", "text/html")], b"").expect("an answer");
    let page = String::from_utf8(page.body).expect("UTF-8");
    let script = page.split('"').find(|part| part.ends_with("/app/shell.js")).expect("a script");
    let text = client.get(&format!("/{script}")).expect("an answer").body;
    let text = String::from_utf8(text).expect("UTF-8");
    // The types of the joined module are gone, so only what is said of names counts.
    let said = |text: &str| {
        for part in ["app", "vendor"] {
            fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        fs::write(folder.path().join("app/shell.js"), text).expect("a file");
        let types = "vendor/runtime.d.ts";
        fs::copy(studio().join(types), folder.path().join(types)).expect("a copy");
        let project = fs::read(studio().join("tsconfig.json")).expect("a file");
        fs::write(folder.path().join("tsconfig.json"), project).expect("a file");
        let mut compiler = tools.command("tsc");
        compiler.args(["--project", "."]).current_dir(folder.path());
        let output = compiler.output().expect("TypeScript runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let wrong = |said: &str| {
        let is_wrong = |line: &&str| NAMES_WRONG.iter().any(|code| line.contains(code));
        said.lines().filter(is_wrong).map(str::to_owned).collect::<Vec<_>>()
    };
    let messages = said(&text);
    assert!(messages.contains("app/shell.js("), "TypeScript looked at nothing: {messages}");
    assert_eq!(wrong(&messages), Vec::<String>::new());
    assert_eq!(wrong(&said(&(text + "undeclared();\n"))).len(), 1);
}
