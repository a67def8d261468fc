//! The checks of the file, the files beside it, and its place.

use persona_server::units::size;
use persona_storage::sqlite::SecondName;
use persona_storage::sqlite::inspect::WAL_BYTES_MAX;

use super::beside::{beside, fix_beside};
use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;
use crate::terminal::shell_word;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "File",
    checks: &[
        Check { name: "database", test: database, fix: fix_database },
        Check { name: "name", test: name, fix: fix_name },
        Check { name: "permissions", test: permissions, fix: fix_permissions },
        Check { name: "owner", test: owner, fix: fix_owner },
        Check { name: "beside it", test: beside, fix: fix_beside },
        Check {
            name: "file system",
            test: file_system,
            fix: |_| "put the file on a local disk or volume".into(),
        },
        Check {
            name: "WAL",
            test: wal,
            fix: |_| {
                "end exports that hang; a start and a stop bring the WAL into the file: persona \
                 serve"
                    .into()
            },
        },
        Check { name: "leftovers", test: leftovers, fix: fix_leftovers },
    ],
};

fn database(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let shown = file.path.display();
    Some(match (&file.first_page, file.entry) {
        (Err(error), _) => Finding::fail(error.to_string()),
        (Ok(None), None) => Finding::fail(format!("there is no database {shown}")),
        (Ok(None), Some(_)) => Finding::warn(format!("{shown} is empty")),
        (Ok(Some(_)), entry) => {
            Finding::ok(format!("{shown}, {}", size(entry.map_or(0, |entry| entry.bytes))))
        }
    })
}

fn fix_database(facts: &Facts) -> String {
    let Some(file) = &facts.file else { return String::new() };
    match &file.first_page {
        Err(error) => error.hint().unwrap_or_else(|| "name another file with --database".into()),
        Ok(_) => format!(
            "name another file with --database, or make a new one: persona serve --database {}",
            shell_word(&file.path)
        ),
    }
}

/// Checks that the file has one name. The WAL and the write lock are beside that name, so a process
/// that uses a second name would use others.
fn name(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    file.entry?;
    Some(match file.second_name {
        None => Finding::ok("the file has this one"),
        Some(second) => Finding::fail(format!(
            "the file {second}: what one process acknowledges another one overwrites"
        )),
    })
}

fn fix_name(facts: &Facts) -> String {
    let Some((file, second)) = facts.file.as_ref().and_then(|file| Some((file, file.second_name?)))
    else {
        return String::new();
    };
    match second {
        SecondName::HardLinks(_) => format!(
            "find the other names and remove them: find / -xdev -samefile {}",
            shell_word(&file.path)
        ),
        SecondName::MountPoint => {
            "mount the folder that holds the database instead of the file alone".into()
        }
    }
}

fn permissions(facts: &Facts) -> Option<Finding> {
    let mode = facts.file.as_ref()?.entry?.mode;
    Some(match mode {
        mode if mode & 0o600 != 0o600 => {
            Finding::fail(format!("mode {mode:04o}: its owner may not read and write it"))
        }
        mode if mode & 0o077 != 0 => {
            Finding::warn(format!("mode {mode:04o}: others than its owner may open it"))
        }
        mode => Finding::ok(format!("mode {mode:04o}: only its owner may open it")),
    })
}

fn fix_permissions(facts: &Facts) -> String {
    facts
        .file
        .as_ref()
        .map(|file| format!("chmod 600 {}", shell_word(&file.path)))
        .unwrap_or_default()
}

/// Checks the owner of the file. Only root can give files that it makes beside the database to
/// another user.
fn owner(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let owner = file.entry?.owner;
    Some(if owner == file.user {
        Finding::ok(format!("user {owner}, as this process"))
    } else if file.user == 0 {
        Finding::ok(format!("user {owner}; what root makes beside the file is given to that user"))
    } else {
        Finding::warn(format!(
            "user {owner}, and user {} asks: files that one makes the other may not open",
            file.user
        ))
    })
}

fn fix_owner(facts: &Facts) -> String {
    let Some((owner, file)) = facts.file.as_ref().and_then(|file| Some((file.entry?.owner, file)))
    else {
        return String::new();
    };
    format!(
        "run it as the owner: sudo -u '#{owner}' persona doctor --database {}",
        shell_word(&file.path)
    )
}

fn file_system(facts: &Facts) -> Option<Finding> {
    let found = facts.file.as_ref()?.file_system?;
    Some(if found.is_remote() {
        Finding::fail(format!(
            "{}: several processes cannot share a WAL file there, and it is damaged without an error",
            found.name()
        ))
    } else {
        Finding::ok(format!("{}, local", found.name()))
    })
}

fn wal(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    if !matches!(file.first_page, Ok(Some(_))) {
        return None;
    }
    Some(match file.wal_bytes {
        None => Finding::ok("none: the file is complete in itself"),
        Some(bytes) if bytes > WAL_BYTES_MAX => Finding::warn(format!(
            "{} on disk, of at most {}: a reader on an old snapshot holds it up",
            size(bytes),
            size(WAL_BYTES_MAX)
        )),
        Some(bytes) if file.users.is_empty() && bytes > 0 => Finding::ok(format!(
            "{} left by processes that were killed; nothing is lost, the next start brings it \
             into the file; never copy the file without it",
            size(bytes)
        )),
        Some(bytes) => {
            Finding::ok(format!("{} on disk, of at most {}", size(bytes), size(WAL_BYTES_MAX)))
        }
    })
}

fn leftovers(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let unfinished: Vec<&str> = file
        .leftovers
        .iter()
        .map(String::as_str)
        .filter(|name| !name.ends_with("-before-wal"))
        .collect();
    Some(if !unfinished.is_empty() {
        Finding::warn(format!("{} left by something that was interrupted", unfinished.join(", ")))
    } else if file.leftovers.is_empty() {
        Finding::ok("none")
    } else {
        Finding::ok(format!(
            "{}: the copy from before the conversion; remove it when you are content",
            file.leftovers.join(", ")
        ))
    })
}

fn fix_leftovers(facts: &Facts) -> String {
    let journal = facts
        .file
        .as_ref()
        .is_some_and(|file| file.leftovers.iter().any(|name| name.ends_with("-journal")));
    if journal {
        "start `persona serve`: SQLite rolls an unfinished transaction of another program back"
            .into()
    } else {
        "the next run of what was interrupted replaces it; while nothing runs it may be removed \
         with rm"
            .into()
    }
}
