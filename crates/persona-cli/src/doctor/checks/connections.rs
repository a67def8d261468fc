//! The checks of the settings of connections to the file.

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;
use crate::terminal::shell_word;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Connections",
    checks: &[
        Check { name: "journal mode", test: journal_mode, fix: fix_journal_mode },
        Check {
            name: "settings",
            test: settings,
            fix: |_| "report this: every connection sets them itself".into(),
        },
        Check { name: "durability", test: durability, fix: |_| String::new() },
    ],
};

fn journal_mode(facts: &Facts) -> Option<Finding> {
    let page = facts.file.as_ref()?.first_page.as_ref().ok()?.as_ref()?;
    Some(if page.wal {
        Finding::ok("wal")
    } else {
        Finding::warn(
            "a rollback journal: readers and writers would block each other; the next start \
             converts the file after a checked copy",
        )
    })
}

fn fix_journal_mode(facts: &Facts) -> String {
    facts
        .file
        .as_ref()
        .map(|file| format!("persona serve --database {}", shell_word(&file.path)))
        .unwrap_or_default()
}

fn settings(facts: &Facts) -> Option<Finding> {
    Some(match facts.file.as_ref()?.read_back.as_ref()? {
        Err(error) => Finding::fail(error.to_string()),
        Ok(found) if found.wrong.is_empty() => Finding::ok(format!(
            "{} read back from connections that write, read and keep, all as they should be",
            found.settings
        )),
        Ok(found) => Finding::fail(found.wrong.join("; ")),
    })
}

fn durability(facts: &Facts) -> Option<Finding> {
    let class = facts.file.as_ref()?.settings.durability;
    let running = facts.server.as_ref().and_then(|server| server.status.as_ref());
    let (word, meaning) = match running {
        Some(status) => (status.durability.as_str(), status.durability_meaning.as_str()),
        None => (class.as_str(), class.meaning()),
    };
    Some(Finding::ok(format!("{word}: {meaning}")))
}
