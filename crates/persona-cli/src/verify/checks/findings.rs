//! The findings of the checks.

/// Most violations of each promise that are kept as text; all are counted. The limit is for each
/// promise, so that thousands of one kind do not hide a single one of another.
const EXAMPLES_EACH_MAX: usize = 5;

/// The promises that are checked, with the letters of the documentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Check {
    /// D: every acknowledged write is there, and every revision was made by one write.
    Durable,
    /// R: a write that was refused is not kept, even if every process was killed right after the
    /// answer.
    Refused,
    /// L: each persona is linearizable.
    Linear,
    /// X: a write with an idempotency key happened once.
    Once,
    /// V: the next read on every other worker sees an acknowledged write.
    Visible,
    /// A: an atomic batch is seen as a whole.
    Atomic,
    /// P: no read by a label is older than its last move.
    Labelled,
    /// N: a handle leads where its last rename says.
    Renamed,
    /// H: an autosave drops the one before it from the history, and nothing else.
    Squashed,
    /// U: nothing of what was purged is read again.
    Purged,
    /// F: a client that follows changes sees each of them.
    Followed,
    /// G: the stream of events tells each change once, in order.
    Told,
    /// S: a search finds what was acknowledged before it began.
    Found,
    /// T: after a restore, entity tags and positions from before it are not accepted as current.
    Restored,
    /// I: the file is sound, and every document has its hash.
    Intact,
    /// E: no "locked", no undeclared failure.
    Errors,
}

impl Check {
    /// Every check, in the order of its number.
    pub const ALL: [Self; 16] = [
        Self::Durable,
        Self::Refused,
        Self::Linear,
        Self::Once,
        Self::Visible,
        Self::Atomic,
        Self::Labelled,
        Self::Renamed,
        Self::Squashed,
        Self::Purged,
        Self::Followed,
        Self::Told,
        Self::Found,
        Self::Restored,
        Self::Intact,
        Self::Errors,
    ];

    /// The letter of the check.
    pub const fn letter(self) -> char {
        match self {
            Self::Durable => 'D',
            Self::Refused => 'R',
            Self::Linear => 'L',
            Self::Once => 'X',
            Self::Visible => 'V',
            Self::Atomic => 'A',
            Self::Labelled => 'P',
            Self::Renamed => 'N',
            Self::Squashed => 'H',
            Self::Purged => 'U',
            Self::Followed => 'F',
            Self::Told => 'G',
            Self::Found => 'S',
            Self::Restored => 'T',
            Self::Intact => 'I',
            Self::Errors => 'E',
        }
    }

    /// The promise, in words.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::Durable => "every acknowledged write is there",
            Self::Refused => "a refused write stays refused",
            Self::Linear => "every persona is linearizable",
            Self::Once => "a repeated write happens once",
            Self::Visible => "other workers see a write at once",
            Self::Atomic => "an atomic batch is seen as a whole",
            Self::Labelled => "a label is never behind its last move",
            Self::Renamed => "a handle leads where it was given",
            Self::Squashed => "autosaves drop autosaves only",
            Self::Purged => "what is purged is gone for good",
            Self::Followed => "followers see every change",
            Self::Told => "each change is told once, in order",
            Self::Found => "a search finds a write at once",
            Self::Restored => "no tag or position outlives a restore",
            Self::Intact => "the file is sound and every hash fits",
            Self::Errors => "nothing is locked, nothing fails",
        }
    }
}

/// One broken promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The check that found it.
    pub check: Check,
    /// What happened, as a sentence fragment.
    pub what: String,
}

/// All findings of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    counts: [u64; Check::ALL.len()],
    /// The first violations of each promise.
    pub examples: Vec<Violation>,
    /// The longest time for which a read missed an answered write, in nanoseconds.
    pub staleness_max: u64,
    /// Reads on another worker right after an acknowledged write.
    pub visits: u64,
    /// Writes without an answer that turned out to have happened.
    pub unknown_applied: u64,
    /// Writes without an answer that did not happen.
    pub unknown_missing: u64,
    /// Revisions of writes without an answer that could not be attributed: several writes would
    /// fit, or the gap was too long to try all.
    pub unattributed: u64,
    /// Revisions that were dropped by autosaves and looked for.
    pub squashed: u64,
    /// Personas that were purged and looked for.
    pub purged: u64,
}

impl Findings {
    /// Adds a violation.
    pub fn add(&mut self, check: Check, what: impl Into<String>) {
        self.counts[check as usize] += 1;
        self.show(Violation { check, what: what.into() });
    }

    fn show(&mut self, violation: Violation) {
        if self.examples.iter().filter(|example| example.check == violation.check).count()
            < EXAMPLES_EACH_MAX
        {
            self.examples.push(violation);
        }
    }

    /// How often a promise was broken.
    pub fn count(&self, check: Check) -> u64 {
        self.counts[check as usize]
    }

    /// How often any promise was broken.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds other findings.
    pub fn merge(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        other.examples.into_iter().for_each(|example| self.show(example));
        self.staleness_max = self.staleness_max.max(other.staleness_max);
        self.visits += other.visits;
        self.unknown_applied += other.unknown_applied;
        self.unknown_missing += other.unknown_missing;
        self.unattributed += other.unattributed;
        self.squashed += other.squashed;
        self.purged += other.purged;
    }
}
