//! The merge of a text by its lines.

use std::collections::{HashMap, VecDeque};

use super::line_changes::{Change, Steps, changes};

/// A run of lines of three versions of a text.
pub(super) enum Run<'a> {
    /// Lines without a conflict: at most one side changed them, or both made the same change.
    Agreed(Vec<&'a str>),
    /// Lines that both sides changed differently.
    Apart {
        /// The lines of the base.
        base: Vec<&'a str>,
        /// The lines that are there now.
        theirs: Vec<&'a str>,
        /// The lines that this writer wants.
        yours: Vec<&'a str>,
    },
}

impl<'a> Run<'a> {
    fn of(base: Vec<&'a str>, theirs: Vec<&'a str>, yours: Vec<&'a str>) -> Self {
        if theirs == yours || base == yours {
            Self::Agreed(theirs)
        } else if base == theirs {
            Self::Agreed(yours)
        } else {
            Self::Apart { base, theirs, yours }
        }
    }
}

/// Merges a text. `None` if both sides changed the same or adjacent lines, or if the comparison
/// exceeds its bounds.
pub(super) fn merge(base: &str, theirs: &str, yours: &str, steps: &mut Steps) -> Option<String> {
    let mut lines = Vec::new();
    for run in runs(base, theirs, yours, steps)? {
        let Run::Agreed(agreed) = run else { return None };
        lines.extend(agreed);
    }
    Some(lines.join("\n"))
}

/// The runs of a text, in their order.
pub(super) fn runs<'a>(
    base: &'a str,
    theirs: &'a str,
    yours: &'a str,
    steps: &mut Steps,
) -> Option<Vec<Run<'a>>> {
    let lines = [base, theirs, yours].map(|text| text.split('\n').collect::<Vec<&str>>());
    let [base_numbers, their_numbers, your_numbers] = numbered(&lines);
    let [base, theirs, yours] = lines;
    let mut theirs = Changes::new(theirs, changes(&base_numbers, &their_numbers, steps)?);
    let mut yours = Changes::new(yours, changes(&base_numbers, &your_numbers, steps)?);
    let mut runs = Vec::new();
    let mut place = 0;
    while let Some(start) = [theirs.start(), yours.start()].into_iter().flatten().min() {
        runs.push(Run::Agreed(base[place..start].to_vec()));
        // Changes without a line between them count as one, because their order is unknown.
        let mut end = start;
        let starts = (theirs.place_of(start), yours.place_of(start));
        while let Some(further) = theirs.take(end).or_else(|| yours.take(end)) {
            end = end.max(further);
        }
        let their = theirs.lines[starts.0..theirs.place_of(end)].to_vec();
        let your = yours.lines[starts.1..yours.place_of(end)].to_vec();
        runs.push(Run::of(base[start..end].to_vec(), their, your));
        place = end;
    }
    runs.push(Run::Agreed(base[place..].to_vec()));
    Some(runs)
}

/// The lines as numbers: equal lines have the same.
fn numbered<'a>(texts: &[Vec<&'a str>; 3]) -> [Vec<usize>; 3] {
    let mut numbers: HashMap<&'a str, usize> = HashMap::new();
    let mut number = |line: &&'a str| {
        let next = numbers.len();
        *numbers.entry(*line).or_insert(next)
    };
    texts.each_ref().map(|lines| lines.iter().map(&mut number).collect())
}

/// The changes of one side, read from the first line on.
struct Changes<'a> {
    lines: Vec<&'a str>,
    left: VecDeque<Change>,
    /// The end of the last change that was read, in the base and in the side.
    passed: (usize, usize),
}

impl<'a> Changes<'a> {
    fn new(lines: Vec<&'a str>, changes: Vec<Change>) -> Self {
        Self { lines, left: changes.into(), passed: (0, 0) }
    }

    /// Where in the base the next change begins.
    fn start(&self) -> Option<usize> {
        self.left.front().map(|change| change.base.start)
    }

    /// Reads the next change if it begins at or before this place of the base, and returns its end
    /// in the base.
    fn take(&mut self, by: usize) -> Option<usize> {
        let change = self.left.pop_front_if(|change| change.base.start <= by)?;
        self.passed = (change.base.end, change.side.end);
        Some(change.base.end)
    }

    /// The place in the side of an unchanged place of the base.
    fn place_of(&self, base: usize) -> usize {
        base - self.passed.0 + self.passed.1
    }
}
