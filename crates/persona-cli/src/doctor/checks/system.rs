//! The checks of the resources of the machine.

use persona_server::descriptors::DESCRIPTORS_WANTED;
use persona_server::units::size;
use persona_storage::sqlite::inspect::WAL_BYTES_MAX;
use rustix::process::{Resource, getrlimit};

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

/// Fewest free inodes; with fewer a start may soon fail, because it creates three files.
const FILES_FREE_MIN: u64 = 100;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Machine",
    checks: &[
        Check {
            name: "free space",
            test: space,
            fix: |_| "free some space, or move the file while no server runs".into(),
        },
        Check {
            name: "free files",
            test: files,
            fix: |_| {
                "remove files that are not needed: the file system has no place for new ones".into()
            },
        },
        Check {
            name: "open files",
            test: descriptors,
            fix: |_| format!("ulimit -n {DESCRIPTORS_WANTED}, or LimitNOFILE= of the service"),
        },
    ],
};

/// Checks for free space: the WAL may grow to its limit, and a copy (conversion, backup) is as
/// large as the file.
fn space(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let free = file.space?.bytes_free;
    let copy = file.entry.map_or(0, |entry| entry.bytes) + WAL_BYTES_MAX;
    Some(if free < WAL_BYTES_MAX {
        Finding::fail(format!("{}: the WAL alone may need {}", size(free), size(WAL_BYTES_MAX)))
    } else if free < copy {
        Finding::warn(format!("{}: a copy of the file and its WAL need {}", size(free), size(copy)))
    } else {
        Finding::ok(size(free))
    })
}

fn files(facts: &Facts) -> Option<Finding> {
    let free = facts.file.as_ref()?.space?.files_free?;
    Some(if free < FILES_FREE_MIN {
        Finding::warn(format!("{free} more files"))
    } else {
        Finding::ok(format!("{free} more files"))
    })
}

/// Checks the limit of descriptors: that of a running server if one was found, else the one that a
/// server started from here would get.
fn descriptors(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let worker = file.users.iter().find(|user| user.is_ours && user.write_lock);
    if let Some(limit) = worker.and_then(|user| user.descriptors_max) {
        let text = format!("{limit} for each process of the running server");
        return Some(if limit < DESCRIPTORS_WANTED {
            Finding::warn(text)
        } else {
            Finding::ok(text)
        });
    }
    let own = getrlimit(Resource::Nofile);
    let (current, most) = (own.current.unwrap_or(u64::MAX), own.maximum.unwrap_or(u64::MAX));
    Some(if current >= DESCRIPTORS_WANTED {
        Finding::ok(format!("{current} for each process"))
    } else if most >= DESCRIPTORS_WANTED {
        Finding::ok(format!(
            "{current} here, which a server raises to {DESCRIPTORS_WANTED} for its processes"
        ))
    } else {
        Finding::warn(format!("at most {most}: few clients can connect"))
    })
}
