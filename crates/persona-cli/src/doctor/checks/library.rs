//! The checks of the linked SQLite library.

use persona_storage::sqlite::library_is_safe;

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "SQLite",
    checks: &[
        Check { name: "version", test: version, fix: other_build },
        Check { name: "compile options", test: options, fix: other_build },
    ],
};

fn other_build(_: &Facts) -> String {
    "use a build with the bundled SQLite: cargo build --release --locked".into()
}

fn version(facts: &Facts) -> Option<Finding> {
    // The check is skipped for a server on another machine, which may have another library.
    facts.file.as_ref()?;
    let (text, number) = &facts.library;
    Some(if library_is_safe(*number) {
        Finding::ok(format!("{text}, without the WAL-reset bug"))
    } else {
        Finding::fail(format!("{text} has the WAL-reset bug and can lose committed data"))
    })
}

/// Checks how SQLite was compiled. Threads share the library, so it must be thread-safe; and this
/// program needs WAL mode.
fn options(facts: &Facts) -> Option<Finding> {
    facts.file.as_ref()?;
    let has = |wanted: &str| facts.compile_options.iter().any(|option| option == wanted);
    Some(if facts.compile_options.is_empty() {
        Finding::warn("the library does not say how it was compiled")
    } else if has("OMIT_WAL") || has("THREADSAFE=0") {
        Finding::fail("compiled without WAL or without protection between threads")
    } else {
        let full_text = if has("ENABLE_FTS5") { "with" } else { "without" };
        Finding::ok(format!("safe between threads, with WAL, {full_text} full-text search"))
    })
}
