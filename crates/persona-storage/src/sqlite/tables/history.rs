//! Finds the rows of a persona's revisions without an index.
//!
//! The row of a revision has the number of its line in the feed. A persona keeps the rows of a few
//! of its revisions: of the newest, of that with its lowest bit cleared, and so on (of revision 13
//! those of 13, 12 and 8). Each revision keeps what its persona kept before it was added. From any
//! of these lists the nearest one to an earlier revision is a step towards it, and each step clears
//! at least one bit of what is left, so revision n is at most `log2(n) + 1` rows away (ADR 0053).
//! A row can stand for several revisions that were dropped, one after the other (ADR 0078): it is
//! the row of each of them. No input or output here.

/// Bytes of the number of one row, the most significant first.
const ROW_BYTES: usize = 8;

/// The rows of the newest revision, and of those that are stepped to from it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct History {
    /// The number of the newest revision; 0 before the first.
    newest: u64,
    /// The oldest first; as many as `newest` has bits that are set.
    rows: Vec<i64>,
}

impl History {
    /// Reads the list that a row keeps about the revisions up to the newest; `None` if it is
    /// invalid.
    pub(crate) fn read(newest: u64, bytes: &[u8]) -> Option<Self> {
        let (rows, rest) = bytes.as_chunks::<ROW_BYTES>();
        let rows: Vec<i64> = rows.iter().map(|row| i64::from_be_bytes(*row)).collect();
        let is_possible = rest.is_empty()
            && rows.len() == newest.count_ones() as usize
            && rows.first().is_none_or(|row| *row > 0)
            && rows.is_sorted();
        is_possible.then_some(Self { newest, rows })
    }

    /// The list in the form in which a row keeps it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.rows.iter().flat_map(|row| row.to_be_bytes()).collect()
    }

    /// The number of the newest revision; 0 before the first.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Adds the next revision, which is in this row.
    pub(crate) fn add(&mut self, row: i64) {
        // Adding one to the number clears the set bits at its end, and sets the bit before them.
        let cleared = self.newest.trailing_ones() as usize;
        self.rows.truncate(self.rows.len() - cleared);
        self.rows.push(row);
        self.newest += 1;
    }

    /// Adds the next revisions up to this one, which share a row.
    pub(crate) fn add_through(&mut self, last: u64, row: i64) {
        // Those of before that stay: the first bits of both numbers, as far as they are the same.
        let mut rows = Vec::new();
        let (mut revision, mut known) = (self.newest, self.rows.len());
        let mut wanted = last;
        while wanted > self.newest {
            rows.push(row);
            wanted &= wanted - 1;
        }
        while revision > wanted {
            known -= 1;
            revision &= revision - 1;
        }
        self.rows.truncate(known);
        self.rows.extend(rows);
        self.newest = last;
    }

    /// The revision to step to on the way to an earlier or the same one, and its row; `None` where
    /// the wanted one does not exist.
    pub(crate) fn nearest(&self, wanted: u64) -> Option<(u64, i64)> {
        if wanted == 0 {
            return None;
        }
        let mut revision = self.newest;
        let mut nearest = None;
        for row in self.rows.iter().rev() {
            if revision < wanted {
                break;
            }
            nearest = Some((revision, *row));
            revision &= revision - 1;
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    /// The row of a revision in these tests.
    fn row(revision: u64) -> i64 {
        i64::try_from(revision * 10).expect("a small number")
    }

    /// The lists that each revision up to the last keeps, and the list of the persona.
    fn histories(last: u64) -> (Vec<History>, History) {
        let mut history = History::default();
        let mut earlier = vec![History::default()];
        for revision in 1..=last {
            earlier.push(history.clone());
            history.add(row(revision));
        }
        (earlier, history)
    }

    /// How many rows are read on the way to a revision, itself included.
    fn rows_read(earlier: &[History], newest: &History, wanted: u64) -> u32 {
        let (mut history, mut count) = (newest, 0);
        loop {
            let (revision, found) = history.nearest(wanted).expect("it exists");
            assert_eq!(found, row(revision), "on the way to {wanted}");
            count += 1;
            if revision == wanted {
                return count;
            }
            history = &earlier[usize::try_from(revision).expect("few")];
        }
    }

    #[test]
    fn every_revision_of_ten_thousand_is_at_most_sixteen_rows_away() {
        let (earlier, newest) = histories(10_000);
        let most = (1..=10_000).map(|wanted| rows_read(&earlier, &newest, wanted)).max();
        assert!(most.is_some_and(|most| most <= 16), "{most:?}");
        assert_eq!(rows_read(&earlier, &newest, 10_000), 1, "the newest");
        assert_eq!(rows_read(&earlier, &newest, 9_999), 2, "the one before");
        assert_eq!(rows_read(&earlier, &newest, 8_192), 1, "one that the persona keeps");
    }

    #[test]
    fn no_history_is_longer_than_its_logarithm() {
        let (earlier, _) = histories(1_024);
        for newest in 1..1_024 {
            let history = &earlier[newest + 1];
            for wanted in 1..=newest as u64 {
                let most = newest.ilog2() + 1;
                assert!(rows_read(&earlier, history, wanted) <= most, "{wanted} of {newest}");
            }
        }
    }

    #[test]
    fn revisions_that_share_a_row_are_added_as_one_by_one() {
        for newest in 0..70 {
            for last in newest + 1..140 {
                let mut before = History::default();
                (1..=newest).for_each(|revision| before.add(row(revision)));
                let (mut together, mut alone) = (before.clone(), before);
                (newest..last).for_each(|_| alone.add(row(last)));
                together.add_through(last, row(last));
                assert_eq!(together, alone, "{newest} to {last}");
                assert_eq!(History::read(last, &together.bytes()), Some(together));
            }
        }
    }

    #[test]
    fn a_revision_that_does_not_exist_has_no_row() {
        let (_, newest) = histories(13);
        assert_eq!(newest.nearest(14), None);
        assert_eq!(newest.nearest(0), None);
        assert_eq!(newest.nearest(13), Some((13, row(13))));
        assert_eq!(newest.nearest(9), Some((12, row(12))));
        assert_eq!(newest.nearest(8), Some((8, row(8))));
        assert_eq!(History::default().nearest(1), None);
    }

    #[test]
    fn what_is_kept_is_read_back_and_what_cannot_be_right_is_not() {
        let (_, newest) = histories(13);
        let bytes = newest.bytes();
        assert_eq!(bytes.len(), 3 * 8);
        assert_eq!(History::read(13, &bytes), Some(newest));
        assert_eq!(History::read(12, &bytes), None, "of another revision");
        assert_eq!(History::read(13, &bytes[1..]), None, "cut off");
        assert_eq!(History::read(1, &0_i64.to_be_bytes()), None, "no row has this number");
        let swapped = [&bytes[8..16], &bytes[..8], &bytes[16..]].concat();
        assert_eq!(History::read(13, &swapped), None, "out of order");
        assert_eq!(History::read(0, &[]), Some(History::default()));
    }
}
