//! The hunks of two texts: the lines that differ, and in these lines the words that differ.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use super::words::words;

/// Lines of context before and after the lines that differ.
pub const TEXT_CONTEXT_LINES: usize = 3;

/// Most work of one diff, in pairs of items. Comparing two lists of lines or words costs the square
/// of the number of items that differ. 8,192 lines of which none is in both texts use up the whole
/// budget, about a tenth of a second; texts that come after that are told as one coarse hunk.
pub const DIFF_WORK_MAX: u64 = 8_192 * 8_192;

/// Two lines are compared word by word only if the words in common are at least this fraction (1/4)
/// of the longer line. With less in common, single words that happen to be on both sides would only
/// distract.
const COMMON_WORDS_PART: usize = 4;

/// The work that is left for one diff.
pub(super) struct Work {
    left: u64,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: DIFF_WORK_MAX }
    }
}

impl Work {
    /// Takes the work of comparing this many items out of the budget; `false` if too little is
    /// left.
    fn take(&mut self, from: usize, to: usize) -> bool {
        let items = u64::try_from(from.saturating_add(to)).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(items.saturating_mul(items));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

/// Some neighbouring lines, of which at least one differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hunk {
    /// Number of the first line of the hunk in the first text, from 1. A hunk without lines of the
    /// first text stands before this line.
    pub from_line: usize,
    /// Number of the first line of the hunk in the second text, counted like `from_line`.
    pub to_line: usize,
    /// The lines of the hunk in order. Where lines differ, those of the first text come before
    /// those of the second.
    pub lines: Vec<HunkLine>,
}

/// A line of a hunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HunkLine {
    /// Which of the texts the line is in.
    pub side: LineSide,
    /// The parts of the line in order, without the line break.
    pub spans: Vec<Span>,
}

/// Which text a line is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineSide {
    /// The line is in both texts.
    Both,
    /// The line is in the first text only.
    From,
    /// The line is in the second text only.
    To,
}

/// A part of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Whether the other text does not have this part.
    pub is_changed: bool,
}

/// The hunks that turn the first text into the second, and whether they are coarse.
pub(super) fn hunks(from: &str, to: &str, work: &mut Work) -> (Vec<Hunk>, bool) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (from.split('\n').collect(), to.split('\n').collect());
    let start = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let rest = before[start..].iter().rev().zip(after[start..].iter().rev());
    let end = rest.take_while(|(one, other)| one == other).count();
    let differing = (before.len() - start - end, after.len() - start - end);
    let is_coarse = !work.take(differing.0, differing.1);
    let operations = if is_coarse {
        coarse(start, differing, end)
    } else {
        capture_diff_slices(Algorithm::Myers, &before, &after)
    };
    let grouped = group_diff_ops(operations, TEXT_CONTEXT_LINES);
    let hunks = grouped.iter().map(|group| hunk(group, &before, &after, work)).collect();
    (hunks, is_coarse)
}

/// One replacement of everything between the common start and the common end of both texts.
fn coarse(start: usize, (from, to): (usize, usize), end: usize) -> Vec<DiffOp> {
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    let between =
        DiffOp::Replace { old_index: start, old_len: from, new_index: start, new_len: to };
    let parts = [equal(0, 0, start), between, equal(start + from, start + to, end)];
    parts
        .into_iter()
        .filter(|part| !part.old_range().is_empty() || !part.new_range().is_empty())
        .collect()
}

fn hunk(group: &[DiffOp], before: &[&str], after: &[&str], work: &mut Work) -> Hunk {
    let first = |range: fn(&DiffOp) -> usize| group.first().map_or(0, range) + 1;
    let mut lines = Vec::new();
    for operation in group {
        let (old, new) = (&before[operation.old_range()], &after[operation.new_range()]);
        if operation.tag() == DiffTag::Equal {
            lines.extend(old.iter().map(|line| whole(LineSide::Both, line, false)));
        } else {
            lines.extend(differing_lines(old, new, work));
        }
    }
    Hunk {
        from_line: first(|operation| operation.old_range().start),
        to_line: first(|operation| operation.new_range().start),
        lines,
    }
}

fn whole(side: LineSide, line: &str, is_changed: bool) -> HunkLine {
    let is_there = !line.is_empty();
    let spans = is_there.then(|| Span { text: line.into(), is_changed }).into_iter().collect();
    HunkLine { side, spans }
}

/// The lines of both sides that differ. Words that the other side does not have are marked.
fn differing_lines(old: &[&str], new: &[&str], work: &mut Work) -> Vec<HunkLine> {
    let in_whole = || {
        let old = old.iter().map(|line| whole(LineSide::From, line, true));
        old.chain(new.iter().map(|line| whole(LineSide::To, line, true))).collect()
    };
    if old.is_empty() || new.is_empty() {
        return in_whole();
    }
    let (from, to) = (old.join("\n"), new.join("\n"));
    let (before, after) = (words(&from), words(&to));
    if !work.take(before.len(), after.len()) {
        return in_whole();
    }
    let operations = capture_diff_slices(Algorithm::Myers, &before, &after);
    let common: usize = operations
        .iter()
        .filter(|operation| operation.tag() == DiffTag::Equal)
        .flat_map(|operation| &before[operation.old_range()])
        .map(|word| word.trim().len())
        .sum();
    if common * COMMON_WORDS_PART < from.len().max(to.len()) {
        return in_whole();
    }
    let mut sides = (Lines::new(LineSide::From), Lines::new(LineSide::To));
    for operation in &operations {
        let is_changed = operation.tag() != DiffTag::Equal;
        before[operation.old_range()].iter().for_each(|word| sides.0.add(word, is_changed));
        after[operation.new_range()].iter().for_each(|word| sides.1.add(word, is_changed));
    }
    let (from, to) = sides;
    from.done.into_iter().chain(to.done).collect()
}

/// The lines of one side, put together word by word.
struct Lines {
    side: LineSide,
    done: Vec<HunkLine>,
}

impl Lines {
    fn new(side: LineSide) -> Self {
        Self { side, done: vec![HunkLine { side, spans: Vec::new() }] }
    }

    fn add(&mut self, word: &str, is_changed: bool) {
        if word == "\n" {
            self.done.push(HunkLine { side: self.side, spans: Vec::new() });
            return;
        }
        let line = self.done.last_mut().expect("there is always a last line");
        match line.spans.last_mut() {
            Some(span) if span.is_changed == is_changed => span.text.push_str(word),
            _ => line.spans.push(Span { text: word.into(), is_changed }),
        }
    }
}
