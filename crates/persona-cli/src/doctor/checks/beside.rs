//! The check that the owner of the database may use the files and folders beside it.

use crate::doctor::check::Finding;
use crate::doctor::facts::{Facts, FileFacts, Neighbour};
use crate::terminal::shell_word;

fn unusable(file: &FileFacts) -> Vec<&Neighbour> {
    let Some(entry) = file.entry else { return Vec::new() };
    file.neighbours
        .iter()
        .filter(|neighbour| !neighbour.is_usable_by(entry.owner, entry.group))
        .collect()
}

pub(super) fn beside(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let owner = file.entry?.owner;
    let unusable = unusable(file);
    let Some(first) = unusable.first() else {
        return Some(Finding::ok(format!(
            "the owner of the database, user {owner}, may use everything beside it"
        )));
    };
    let more = if unusable.len() > 1 {
        format!(", and {} more", unusable.len() - 1)
    } else {
        String::new()
    };
    Some(Finding::fail(format!(
        "the owner of the database, user {owner}, may not use {} (user {}, mode {:04o}){more}",
        first.path.display(),
        first.owner,
        first.mode
    )))
}

pub(super) fn fix_beside(facts: &Facts) -> String {
    let Some((file, entry)) = facts.file.as_ref().and_then(|file| Some((file, file.entry?))) else {
        return String::new();
    };
    let change = |neighbour: &&Neighbour| {
        let (path, rights) =
            (shell_word(&neighbour.path), if neighbour.is_folder { "rwx" } else { "rw" });
        if neighbour.owner == entry.owner {
            format!("chmod u+{rights} {path}")
        } else {
            format!("chown {}:{} {path}", entry.owner, entry.group)
        }
    };
    unusable(file).iter().map(change).collect::<Vec<_>>().join(" && ")
}
