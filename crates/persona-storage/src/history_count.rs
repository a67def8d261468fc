//! Checks that an exported history is complete.
//!
//! The export follows the feed, so if the feed had lost a line, its revision would be missing in
//! the export. A history that ends without an error must be complete.

use persona_model::Revision;

use crate::Error;

/// Counts the lines of an export of every history.
#[derive(Default, Debug)]
pub(crate) struct HistoryCount {
    /// Number of personas of which the first revision was seen.
    begun: u64,
    /// Number of revisions that these personas have.
    wanted: u64,
    /// Number of lines that were seen.
    seen: u64,
    /// Number of revisions that they stand for, with those that were dropped before each.
    covered: u64,
}

impl HistoryCount {
    /// Counts the line of a revision, of a persona that has as many as `last` says. `previous` is
    /// the last one before it that is kept.
    pub(crate) fn count(&mut self, revision: Revision, previous: Option<Revision>, last: Revision) {
        self.seen += 1;
        self.covered += revision.number().saturating_sub(previous.map_or(0, Revision::number));
        if revision == Revision::FIRST {
            self.begun += 1;
            self.wanted += last.number();
        }
    }

    /// Judges the export at its end.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when revisions are missing, or the number of personas differs.
    pub(crate) fn end(&self, personas: u64) -> Result<(), Error> {
        if self.begun == personas && self.covered == self.wanted {
            return Ok(());
        }
        Err(Error::Damaged(format!(
            "the feed has {} changes of {} personas, and there are {personas} personas",
            self.seen, self.begun
        )))
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Revision;

    use super::HistoryCount;

    #[test]
    fn a_history_with_a_gap_is_whole_where_the_line_behind_the_gap_says_so() {
        let ends_well = |lines: &[(u64, u64)]| {
            let mut count = HistoryCount::default();
            let last = Revision::new(9).expect("not zero");
            for (number, previous) in lines {
                let number = Revision::new(*number).expect("not zero");
                count.count(number, Revision::new(*previous), last);
            }
            count.end(1).is_ok()
        };
        assert!(ends_well(&[(1, 0), (5, 1), (9, 5)]));
        assert!(!ends_well(&[(1, 0), (9, 5)]), "a lost line");
        assert!(!ends_well(&[(1, 0), (5, 4), (9, 5)]), "a gap that no line knows of");
    }

    #[test]
    fn only_a_whole_history_ends_well() {
        // Persona 1 has two revisions, persona 2 has one.
        let lines = [(1, 2), (1, 1), (2, 2)];
        let revision = |number| Revision::new(number).expect("not zero");
        let ends_well = |lines: &[(u64, u64)], personas| {
            let mut count = HistoryCount::default();
            for (number, last) in lines {
                count.count(revision(*number), Revision::new(number - 1), revision(*last));
            }
            count.end(personas).is_ok()
        };
        assert!(ends_well(&lines, 2) && ends_well(&[], 0));
        for lost in 0..lines.len() {
            let mut rest = lines.to_vec();
            rest.remove(lost);
            assert!(!ends_well(&rest, 2), "without line {lost}");
        }
        assert!(!ends_well(&[lines.as_slice(), &lines[..1]].concat(), 2), "one twice");
        assert!(!ends_well(&[], 1), "a persona without any");
    }
}
