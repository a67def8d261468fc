//! The checks of the content of the file.

use persona_server::backend::SHORTER_HISTORIES;
use persona_server::units::{self, personas};
use persona_storage::HistorySize;
use persona_storage::sqlite::inspect::{SCHEMA_VERSION, other_version};

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;
use crate::terminal::shell_word;

/// How far in the future the newest change may be, in microseconds; small corrections of the clock
/// are normal.
const AHEAD_MICROS_MAX: i64 = 5_000_000;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Content",
    checks: &[
        Check { name: "schema", test: schema, fix: fix_schema },
        Check { name: "integrity", test: integrity, fix: fix_integrity },
        Check { name: "history", test: history, fix: |_| SHORTER_HISTORIES.into() },
        Check {
            name: "clock",
            test: clock,
            fix: |_| "set the clock of this machine: timedatectl set-ntp true".into(),
        },
    ],
};

fn schema(facts: &Facts) -> Option<Finding> {
    let contents = facts.file.as_ref()?.contents.as_ref()?.as_ref().ok()?;
    Some(match contents.schema_version {
        SCHEMA_VERSION => Finding::ok(format!(
            "version {SCHEMA_VERSION}, {}",
            personas(contents.personas, contents.deleted)
        )),
        found if found < SCHEMA_VERSION => {
            Finding::warn(format!("version {found}; the next start brings it to {SCHEMA_VERSION}"))
        }
        found => Finding::fail(other_version(&facts.file.as_ref()?.path, found).to_string()),
    })
}

fn fix_schema(facts: &Facts) -> String {
    let Some(file) = &facts.file else { return String::new() };
    let found = file.contents.as_ref().and_then(|contents| contents.as_ref().ok());
    match found.map(|contents| contents.schema_version) {
        Some(found) if found > SCHEMA_VERSION => {
            other_version(&file.path, found).hint().unwrap_or_default()
        }
        _ => format!("persona serve --database {}", shell_word(&file.path)),
    }
}

fn integrity(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    Some(match file.contents.as_ref()? {
        Err(error) if error.is_temporary() => Finding::warn(error.to_string()),
        Err(error) => Finding::fail(error.to_string()),
        Ok(contents) if !contents.faults.is_empty() => {
            Finding::fail(format!("damaged: {}", contents.faults.join("; ")))
        }
        Ok(_) if file.full => Finding::ok("sound: every index entry, row, hash and revision"),
        Ok(_) => Finding::ok(
            "sound in structure; --full compares every row with its hash and its revisions too",
        ),
    })
}

fn fix_integrity(facts: &Facts) -> String {
    let temporary =
        facts.file.as_ref().and_then(|file| file.contents.as_ref()).is_some_and(|contents| {
            contents.as_ref().is_err_and(persona_storage::sqlite::DatabaseError::is_temporary)
        });
    if temporary {
        "end the other program, or try again when it is done".into()
    } else {
        "keep the file, with its -wal, and restore a backup beside it; nothing was repaired or \
         deleted"
            .into()
    }
}

/// Checks that the histories have not outgrown the personas.
fn history(facts: &Facts) -> Option<Finding> {
    Some(of_history(facts.file.as_ref()?.contents.as_ref()?.as_ref().ok()?.history))
}

/// Judges the size of histories.
pub(super) fn of_history(size: HistorySize) -> Finding {
    let HistorySize { living_bytes, history_bytes } = size;
    let text = format!(
        "the revisions take about {}, the personas {}",
        units::size(history_bytes),
        units::size(living_bytes)
    );
    if size.outgrown().is_some() { Finding::warn(text) } else { Finding::ok(text) }
}

/// Checks that changes are not in the future. Times of changes never go back, so a clock that was
/// ahead once gives all later changes times in the future.
fn clock(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let newest = file.contents.as_ref()?.as_ref().ok()?.newest_change;
    let ahead = newest.as_micros() - facts.now.as_micros();
    let touched_ahead =
        file.entry.map_or(0, |entry| entry.modified) - facts.now.as_micros() / 1_000_000;
    Some(if ahead > AHEAD_MICROS_MAX {
        Finding::warn(format!(
            "the newest change is of {newest}, {} s ahead of the clock of this machine",
            ahead / 1_000_000
        ))
    } else if touched_ahead > AHEAD_MICROS_MAX / 1_000_000 {
        Finding::warn(format!(
            "the file was written {touched_ahead} s ahead of the clock of this machine"
        ))
    } else {
        Finding::ok("no change is newer than now")
    })
}
