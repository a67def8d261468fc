//! The checks of processes that have the file open or hold its locks now.

use persona_storage::sqlite::lock_probe::Holder;

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Processes",
    checks: &[
        Check { name: "own", test: ours, fix: |_| String::new() },
        Check { name: "foreign", test: foreign, fix: fix_foreign },
        Check { name: "locks", test: locks, fix: fix_locks },
    ],
};

fn ours(facts: &Facts) -> Option<Finding> {
    let users = &facts.file.as_ref()?.users;
    let ours: Vec<String> =
        users.iter().filter(|user| user.is_ours).map(|user| user.process.to_string()).collect();
    Some(Finding::ok(if ours.is_empty() {
        "none has the file open".into()
    } else {
        ours.join(", ")
    }))
}

/// Checks for programs that do not use the write lock. SQLite's own locks still keep them out, but
/// they make all other processes poll. A program with an old SQLite library can lose committed data
/// (`library.rs`).
fn foreign(facts: &Facts) -> Option<Finding> {
    facts.file.as_ref()?;
    let foreign = foreign_users(facts);
    Some(if foreign.is_empty() {
        Finding::ok("no other program has the file open")
    } else {
        Finding::warn(format!(
            "{} has the file open without the write lock: writers wait for it by polling, and an \
             old SQLite in it can lose committed data",
            foreign.join(", ")
        ))
    })
}

fn foreign_users(facts: &Facts) -> Vec<String> {
    let users = facts.file.iter().flat_map(|file| &file.users);
    users
        .filter(|user| !user.is_ours && !user.write_lock)
        .map(|user| user.process.to_string())
        .collect()
}

fn fix_foreign(facts: &Facts) -> String {
    format!(
        "end {}, and read through the server or `persona export` instead",
        foreign_users(facts).join(", ")
    )
}

/// Checks for held locks. A held lock is normal, because the check sees one moment; only a lock of
/// another program is worth a warning.
fn locks(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let outsider = |holder: &&Holder| {
        !file.users.iter().any(|user| user.is_ours && user.process.pid == holder.pid)
    };
    let write_lock =
        file.write_lock.as_ref().map(|holder| format!("{holder} is at the write lock"));
    Some(match (&file.writer, write_lock) {
        (Some(writer), _) if outsider(&writer) => {
            Finding::warn(format!("{writer} holds the writer lock without the write lock"))
        }
        (_, Some(write_lock)) => Finding::ok(write_lock),
        (Some(writer), None) => Finding::ok(format!("{writer} writes")),
        (None, None) => Finding::ok("no process writes at this moment"),
    })
}

fn fix_locks(facts: &Facts) -> String {
    let writer = facts.file.as_ref().and_then(|file| file.writer.as_ref());
    writer
        .map(|writer| format!("let {} finish, or end it: kill {}", writer.name, writer.pid))
        .unwrap_or_default()
}
