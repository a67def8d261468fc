//! Squashing: whether a write drops the revision that it replaces from the history. Pure, and the
//! same for every backend (ADR 0078, and ADR 0095 for writers without a name).

use std::time::Duration;

use persona_model::{ChangeKind, FIELDS, Persona, Timestamp};

use crate::Write;
use crate::decide::Revised;

/// The longest window of a squash: a day, so that the text of yesterday is found.
pub const SQUASH_SECONDS_MAX: u32 = 86_400;

/// Within how long autosaves of one writer are squashed: 1 second to [`SQUASH_SECONDS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SquashWindow(u32);

impl SquashWindow {
    /// A window of so many seconds; `None` where that is no window.
    pub const fn of_seconds(seconds: u64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "it was compared with the largest")]
        if seconds >= 1 && seconds <= SQUASH_SECONDS_MAX as u64 {
            Some(Self(seconds as u32))
        } else {
            None
        }
    }

    /// Its length.
    pub const fn length(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

/// What a write says of itself as an autosave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Squash {
    /// Within how long the autosave that it replaces is dropped.
    pub window: SquashWindow,
    /// The idempotency key of the autosave that it replaces, 1 to 255 visible ASCII characters;
    /// `None` where the writer does not name it. Only the writer of an autosave knows its key, so
    /// the key stands for the author where neither of the two has one.
    pub key: Option<String>,
}

impl Squash {
    /// An autosave with a window of so many seconds that names no key; `None` where that is no
    /// window.
    pub const fn of_seconds(seconds: u64) -> Option<Self> {
        match SquashWindow::of_seconds(seconds) {
            Some(window) => Some(Self { window, key: None }),
            None => None,
        }
    }
}

/// What the rules need of the revision that a write replaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replaced<'a> {
    /// The persona at that revision.
    pub persona: &'a Persona,
    /// When the first autosave was made of those that it stands for; `None` where it is none.
    pub autosaved_since: Option<Timestamp>,
    /// The fields that it changed.
    pub changed: &'a [String],
    /// Whether it was made under the key of [`named_key`].
    pub is_under_key: bool,
}

/// The key under which the store has to look for the revision that a write replaces; `None` where
/// the rules are decided without. The revision is under the key where the record of the key names
/// the persona and the revision, and the outcome is [`crate::Outcome::Updated`]: a request that
/// changed nothing names the revision of another one.
pub(crate) fn named_key<'a>(write: &'a Write, replaced: &Persona) -> Option<&'a str> {
    let is_nameless = write.author.is_none() && replaced.updated_by.is_none();
    write.squash.as_ref()?.key.as_deref().filter(|_| is_nameless)
}

/// Whether the rules allow a new revision to drop the one that it replaces. What is left to ask is
/// whether a label ever pointed there.
///
/// Only an autosave is dropped: what was written with a window too, and without a note. Its author
/// must be that of the new revision, and it moved no handle. Where neither has an author, the new
/// one must name the key under which the other one was made. The window counts from the first
/// autosave that it stands for, so that of a long session a revision stays for each window.
pub(crate) fn may_drop(write: &Write, replaced: Replaced<'_>, revised: &Revised) -> bool {
    let Some(squash) = write.squash.as_ref().filter(|_| revised.kind == ChangeKind::Updated) else {
        return false;
    };
    let Some(since) = replaced.autosaved_since else { return false };
    let is_of_writer = match (&revised.persona.updated_by, &replaced.persona.updated_by) {
        (None, None) => replaced.is_under_key,
        (author, other) => author == other,
    };
    let elapsed = revised.persona.updated_at.as_micros().saturating_sub(since.as_micros());
    is_of_writer
        && !moves_handle(replaced.changed)
        && u64::try_from(elapsed)
            .is_ok_and(|micros| Duration::from_micros(micros) <= squash.window.length())
}

/// Whether a change of these fields can have moved a handle. Such a revision is never dropped:
/// where two personas exchanged a handle, their histories can be imported in the order of the feed
/// only with those that gave it up (ADR 0052).
pub(crate) fn moves_handle(changed: &[String]) -> bool {
    changed.iter().any(|field| field == "handle" || field == "owner")
}

/// Since when the autosaves were made that a new revision stands for; `None` where it is none.
/// `dropped` is what there was of the revision that it dropped.
pub(crate) fn autosaved_since(
    write: &Write,
    revised: &Revised,
    dropped: Option<Timestamp>,
) -> Option<Timestamp> {
    let is_autosave =
        write.squash.is_some() && revised.note.is_none() && revised.kind == ChangeKind::Updated;
    is_autosave.then_some(dropped.unwrap_or(revised.persona.updated_at))
}

/// The fields that two revisions changed together, in the order of the fields.
pub(crate) fn changed_by_both(one: &[String], other: &[&'static str]) -> Vec<&'static str> {
    let is_changed = |name: &&str| one.iter().any(|known| known == name) || other.contains(name);
    FIELDS.iter().map(|field| field.name).filter(is_changed).collect()
}

/// The line of the feed for revisions that were dropped where an imported one comes from: its time
/// and its kind. The persona is not deleted after it.
pub(crate) fn line_of_dropped(before: &Persona, after: &Persona) -> (Timestamp, ChangeKind) {
    let kind = match before.deleted_at {
        Some(_) => ChangeKind::Undeleted,
        None => ChangeKind::Updated,
    };
    (Timestamp::from_micros(after.updated_at.as_micros() - 1), kind)
}
