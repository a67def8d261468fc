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
}

impl HistoryCount {
    /// Counts the line of a revision, of a persona that has as many as `last` says.
    pub(crate) fn count(&mut self, revision: Revision, last: Revision) {
        self.seen += 1;
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
        if self.begun == personas && self.seen == self.wanted {
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
    fn only_a_whole_history_ends_well() {
        // Persona 1 has two revisions, persona 2 has one.
        let lines = [(1, 2), (1, 1), (2, 2)];
        let revision = |number| Revision::new(number).expect("not zero");
        let ends_well = |lines: &[(u64, u64)], personas| {
            let mut count = HistoryCount::default();
            for (number, last) in lines {
                count.count(revision(*number), revision(*last));
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
