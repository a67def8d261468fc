//! Retention: which old revisions go from the histories, where a setting says that not all are
//! kept. Pure, and the same for every backend (ADR 0079).

use std::ops::RangeInclusive;
use std::time::Duration;

use persona_model::Timestamp;

use crate::squash;

/// How long every revision is kept after another one replaced it, whatever the settings say: longer
/// than an idempotency key is kept, of which it can be the answer, and than an editor that is left
/// open over night has it as its base.
pub const HISTORY_KEPT_MIN: Duration = Duration::from_hours(48);

/// The newest revisions of each persona that are kept, whatever the settings say: the current one,
/// and the one before it, which in the exported history of a deleted persona has its labels.
const NEWEST_KEPT_MIN: u64 = 2;

/// The first revision of each persona stays.
const FIRST_THAT_GOES: u64 = 2;

/// What is kept of each history. A revision goes only where every rule that is set lets it go;
/// without any, everything is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryLimits {
    /// How long a revision is kept after another one replaced it.
    pub keep_for: Option<Duration>,
    /// How many of the newest revisions of each persona are kept.
    pub keep_newest: Option<u64>,
}

/// What a line of the feed can let go, once it is old enough.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LetGo {
    /// The revision that was replaced.
    pub replaced: Option<u64>,
    /// Those that were pushed out of the newest: one, or several where the line stands for several
    /// revisions. None over the whole feed, where each is found by the line that replaced it.
    pub pushed_out: RangeInclusive<u64>,
}

/// What was dropped, or would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryPruned {
    /// Revisions.
    pub revisions: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// Personas with damaged histories, of which old revisions stay.
    pub damaged: u64,
}

impl HistoryPruned {
    /// Adds what a further step dropped.
    pub(crate) fn add(&mut self, step: Self) {
        self.revisions += step.revisions;
        self.bytes += step.bytes;
        self.damaged += step.damaged;
    }

    /// Tells the log what a round of maintenance has dropped, and begins anew.
    pub(crate) fn tell(&mut self) {
        let Self { revisions, bytes, .. } = std::mem::take(self);
        if revisions > 0 {
            tracing::info!(revisions, bytes, "old revisions were dropped from the histories");
        }
    }
}

/// How far the feed is looked through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LookScope {
    /// From where it was looked through up to what is old enough now.
    Due,
    /// From its beginning to its end, also behind lines that are too new.
    Whole,
}

/// How large the histories are beside the personas, about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistorySize {
    /// Bytes of the personas as they are now.
    pub living_bytes: u64,
    /// Bytes of all revisions.
    pub history_bytes: u64,
}

/// Histories that are so many times as large as the personas are told of.
const OUTGROWN_TIMES: u64 = 10;
/// Smaller histories are not: no disk is full of them.
const OUTGROWN_BYTES_MIN: u64 = 64 * 1024 * 1024;

impl HistorySize {
    /// How many times as large as the personas the histories are, where that is worth telling.
    pub fn outgrown(&self) -> Option<u64> {
        let times = self.history_bytes / self.living_bytes.max(1);
        (times >= OUTGROWN_TIMES && self.history_bytes >= OUTGROWN_BYTES_MIN).then_some(times)
    }
}

/// An old revision, as the rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Old<'a> {
    /// Its number.
    pub revision: u64,
    /// The current revision of its persona.
    pub current: u64,
    /// When the next revision was made.
    pub replaced_at: Timestamp,
    /// Whether the persona was deleted at it, or at the one before it.
    pub is_deletion: bool,
    /// The fields that it changed.
    pub changed: &'a [String],
    /// Whether a label ever pointed to it.
    pub was_labelled: bool,
}

impl HistoryLimits {
    /// Whether every revision is kept.
    pub const fn keep_everything(&self) -> bool {
        self.keep_for.is_none() && self.keep_newest.is_none()
    }

    /// Revisions that were replaced after this are kept.
    pub(crate) fn replaced_until(&self, now: Timestamp) -> Timestamp {
        let kept = self.keep_for.unwrap_or_default().max(HISTORY_KEPT_MIN);
        let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(kept))
    }

    /// How many of the newest revisions are kept.
    pub(crate) fn newest_kept(&self) -> u64 {
        self.keep_newest.unwrap_or_default().max(NEWEST_KEPT_MIN)
    }

    /// What a line of the feed can let go that is about these revisions: one, or several that were
    /// dropped before they were imported. The first one stays: it has the author of the persona,
    /// and what it was made of.
    pub(crate) fn let_go_by(&self, (first, last): (u64, u64), scope: LookScope) -> LetGo {
        let (replaced, kept) = (first.saturating_sub(1), self.newest_kept());
        let pushed_out = match scope {
            LookScope::Due => {
                let end = last.saturating_sub(kept).min(replaced.saturating_sub(1));
                first.saturating_sub(kept).max(FIRST_THAT_GOES)..=end
            }
            LookScope::Whole => RangeInclusive::new(1, 0),
        };
        LetGo { replaced: Some(replaced).filter(|one| *one >= FIRST_THAT_GOES), pushed_out }
    }

    /// Whether a revision goes. One that a label ever named stays, and so does one that deleted or
    /// undeleted the persona or moved its handle: of these the histories of two personas that
    /// exchanged a handle need each (ADR 0052).
    pub(crate) fn lets_go(&self, old: &Old<'_>, now: Timestamp) -> bool {
        !self.keep_everything()
            && old.revision >= FIRST_THAT_GOES
            && old.current.saturating_sub(old.revision) >= self.newest_kept()
            && old.replaced_at <= self.replaced_until(now)
            && !old.is_deletion
            && !old.was_labelled
            && !squash::moves_handle(old.changed)
    }

    /// The text by which a place in the feed is known to be one of these limits.
    pub(crate) fn text(&self) -> String {
        let number = |limit: Option<u64>| limit.map_or("-".into(), |limit| limit.to_string());
        format!("{} {}", number(self.keep_for.map(|kept| kept.as_secs())), number(self.keep_newest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use persona_model::Timestamp;

    use super::{HISTORY_KEPT_MIN, HistoryLimits, HistorySize, LetGo, LookScope, Old};

    const DAY: i64 = 86_400_000_000;

    fn old(revision: u64, days: i64) -> Old<'static> {
        let replaced_at = Timestamp::from_micros(1_000 * DAY - days * DAY);
        let changed = &[];
        Old {
            revision,
            current: 100,
            replaced_at,
            is_deletion: false,
            changed,
            was_labelled: false,
        }
    }

    #[test]
    fn a_revision_goes_only_where_every_rule_that_is_set_lets_it_go() {
        let now = Timestamp::from_micros(1_000 * DAY);
        let days = |days: u64| Some(Duration::from_hours(24 * days));
        let limits = |keep_for, keep_newest| HistoryLimits { keep_for, keep_newest };
        for (limits, revision, age, goes) in [
            (limits(None, None), 50, 900, false),
            (limits(days(30), None), 50, 30, true),
            (limits(days(30), None), 50, 29, false),
            (limits(None, Some(50)), 50, 900, true),
            (limits(None, Some(51)), 50, 900, false),
            (limits(days(30), Some(10)), 50, 29, false),
            (limits(days(30), Some(60)), 50, 30, false),
            (limits(days(30), Some(10)), 50, 30, true),
            // What the settings cannot change.
            (limits(None, Some(1)), 50, 1, false),
            (limits(days(1), None), 50, 1, false),
            (limits(None, Some(1)), 99, 900, false),
            (limits(None, Some(1)), 98, 900, true),
            (limits(days(30), Some(10)), 1, 900, false),
        ] {
            assert_eq!(
                limits.lets_go(&old(revision, age), now),
                goes,
                "{limits:?} {revision} {age}"
            );
        }
        let limits = limits(days(30), None);
        let handle = ["handle".to_owned()];
        for old in [
            Old { was_labelled: true, ..old(50, 900) },
            Old { is_deletion: true, ..old(50, 900) },
            Old { changed: &handle, ..old(50, 900) },
        ] {
            assert!(!limits.lets_go(&old, now), "{old:?}");
        }
        assert!(HISTORY_KEPT_MIN > crate::IDEMPOTENCY_KEPT);
    }

    #[test]
    fn a_history_is_told_of_where_it_is_large_and_ten_times_the_personas() {
        let mib = 1024 * 1024;
        let of = |living, history| {
            HistorySize { living_bytes: living * mib, history_bytes: history * mib }.outgrown()
        };
        assert_eq!(
            [of(10, 100), of(10, 99), of(1, 63), of(0, 64)],
            [Some(10), None, None, Some(64 * mib)]
        );
    }

    /// What lines about these revisions let go together.
    fn let_go(limits: &HistoryLimits, lines: &[(u64, u64)], scope: LookScope) -> BTreeSet<u64> {
        let of_line = |line: &(u64, u64)| {
            let LetGo { replaced, pushed_out } = limits.let_go_by(*line, scope);
            replaced.into_iter().chain(pushed_out)
        };
        lines.iter().flat_map(of_line).collect()
    }

    #[test]
    fn every_revision_is_let_go_by_the_line_that_makes_it_old_enough() {
        let limits = HistoryLimits { keep_for: None, keep_newest: Some(5) };
        let lines: Vec<(u64, u64)> = (1..=20).map(|revision| (revision, revision)).collect();
        for scope in [LookScope::Due, LookScope::Whole] {
            assert_eq!(let_go(&limits, &lines, scope), (2..20).collect(), "{scope:?}");
        }
        let of = |line| let_go(&limits, &[line], LookScope::Due).into_iter().collect::<Vec<_>>();
        assert_eq!(of((20, 20)), [15, 19]);
        assert_eq!(of((3, 3)), [2]);
        assert!(of((1, 1)).is_empty());
        // A line that stands for several.
        assert_eq!(of((20, 22)), [15, 16, 17, 19]);
        assert_eq!(of((20, 90)), [15, 16, 17, 18, 19]);
        assert!(of((2, 90)).is_empty());
    }

    #[test]
    fn each_revision_is_pushed_out_once_whatever_a_line_stands_for() {
        let limits = HistoryLimits { keep_for: None, keep_newest: Some(4) };
        let lines = [(1, 1), (2, 4), (5, 5), (6, 9), (10, 10), (11, 11), (12, 30), (31, 31)];
        let mut pushed_out: Vec<u64> = Vec::new();
        for line in lines {
            pushed_out.extend(limits.let_go_by(line, LookScope::Due).pushed_out);
        }
        let mut sorted = pushed_out.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(pushed_out, sorted);
        let all = let_go(&limits, &lines, LookScope::Due);
        assert!([5, 10, 11].iter().all(|kept| all.contains(kept)), "{all:?}");
    }
}
