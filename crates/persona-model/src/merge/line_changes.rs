//! Which lines one side changed: the greedy algorithm of Myers, within bounds (E. W. Myers, "An
//! O(ND) difference algorithm and its variations", 1986).

use std::ops::Range;

/// Most lines that one side may have removed from a text and added to it, together. The notes of
/// the search take the square of this number: two megabytes.
pub const MERGE_CHANGES_MAX: usize = 512;
/// Most comparisons of two lines in one merge, over all of its texts: some milliseconds.
pub const MERGE_STEPS_MAX: usize = 4_000_000;

/// The comparisons that are left for one merge.
pub(super) struct Steps {
    left: usize,
}

impl Default for Steps {
    fn default() -> Self {
        Self { left: MERGE_STEPS_MAX }
    }
}

impl Steps {
    pub(super) fn take(&mut self, steps: usize) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }
}

/// A run of lines of the base, and the lines that a side has in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub base: Range<usize>,
    pub side: Range<usize>,
}

/// The changes that turn the base into the side, in order. Between two of them is at least one line
/// that both have. `None` if there are too many changes.
pub(super) fn changes(base: &[usize], side: &[usize], steps: &mut Steps) -> Option<Vec<Change>> {
    let is_equal = |(one, other): &(&usize, &usize)| one == other;
    let start = base.iter().zip(side).take_while(is_equal).count();
    let rest = base[start..].iter().rev().zip(side[start..].iter().rev());
    let end = rest.take_while(is_equal).count();
    let (before, after) = (&base[start..base.len() - end], &side[start..side.len() - end]);
    steps.take(start + end)?;
    let kept = kept_lines(before, after, steps)?;
    let mut changes = Vec::new();
    let mut from = (0, 0);
    for (old, new) in kept.into_iter().chain([(before.len(), after.len())]) {
        if from != (old, new) {
            let of = |range: Range<usize>| range.start + start..range.end + start;
            changes.push(Change { base: of(from.0..old), side: of(from.1..new) });
        }
        from = (old + 1, new + 1);
    }
    Some(changes)
}

/// The lines that both texts have, by their places in each.
fn kept_lines(before: &[usize], after: &[usize], steps: &mut Steps) -> Option<Vec<(usize, usize)>> {
    if before.is_empty() || after.is_empty() {
        return Some(Vec::new());
    }
    // For each number of changes, how far each diagonal has come. Diagonal 0 is at index `middle`.
    let middle = MERGE_CHANGES_MAX + 1;
    let mut reached = vec![0; 2 * middle + 1];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    for count in 0..=MERGE_CHANGES_MAX {
        for diagonal in (middle - count..=middle + count).step_by(2) {
            let mut old = next_old(&reached, diagonal, middle, count);
            let first = old;
            while is_match(before, after, old, old + middle - diagonal) {
                old += 1;
            }
            steps.take(1 + old - first)?;
            reached[diagonal] = old;
            if old >= before.len() && old + middle - diagonal >= after.len() {
                return Some(traced(&trace, middle, (before.len(), after.len())));
            }
        }
        trace.push(reached[middle - count..=middle + count].to_vec());
    }
    None
}

fn is_match(before: &[usize], after: &[usize], old: usize, new: usize) -> bool {
    before.get(old).is_some_and(|line| after.get(new) == Some(line))
}

/// Where a diagonal begins after one more change: where the neighbour that has come further ends.
fn next_old(reached: &[usize], diagonal: usize, middle: usize, count: usize) -> usize {
    if count == 0 {
        return 0;
    }
    if comes_from_above(reached, diagonal, middle, count) {
        reached[diagonal + 1]
    } else {
        reached[diagonal - 1] + 1
    }
}

/// Whether the change that leads to a diagonal adds a line; otherwise it removes one.
fn comes_from_above(reached: &[usize], diagonal: usize, middle: usize, count: usize) -> bool {
    let is_first = diagonal == middle - count;
    let is_last = diagonal == middle + count;
    is_first || (!is_last && reached[diagonal - 1] < reached[diagonal + 1])
}

/// Follows the path back, and returns the common lines on it.
fn traced(
    trace: &[Vec<usize>],
    middle: usize,
    (mut old, mut new): (usize, usize),
) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    let mut reached = vec![0; 2 * middle + 1];
    for (before, noted) in trace.iter().enumerate().rev() {
        reached[middle - before..=middle + before].copy_from_slice(noted);
        let (count, diagonal) = (before + 1, old + middle - new);
        let is_added = comes_from_above(&reached, diagonal, middle, count);
        let from = if is_added { diagonal + 1 } else { diagonal - 1 };
        let (start_old, start_new) = (reached[from], reached[from] + middle - from);
        let change = if is_added { (start_old, start_new + 1) } else { (start_old + 1, start_new) };
        while (old, new) != change {
            (old, new) = (old - 1, new - 1);
            kept.push((old, new));
        }
        (old, new) = (start_old, start_new);
    }
    while old > 0 {
        (old, new) = (old - 1, new - 1);
        kept.push((old, new));
    }
    kept.reverse();
    kept
}
