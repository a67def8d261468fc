//! Histograms with fixed log-linear buckets: nine for each power of ten, so a value is known to
//! about one digit.
//!
//! Fixed bounds make histograms of several processes summable cell by cell, and one decimal digit
//! is what a person reads.

/// Powers of ten with buckets of their own: 1 to 100,000,000, which is 100 seconds in microseconds.
const DECADES: usize = 8;

/// One bucket for 0 and 1, nine for each decade, and one for everything above.
pub(super) const BUCKETS: usize = 1 + 9 * DECADES + 1;

/// Cells of a histogram: its buckets, then the sum of its values.
pub(super) const CELLS: usize = BUCKETS + 1;

/// The bucket of a value. Bounds are inclusive above, as Prometheus wants them.
pub(super) fn bucket_of(value: u64) -> usize {
    let Some(below) = value.checked_sub(1).filter(|below| *below > 0) else { return 0 };
    let decade = below.ilog10();
    let digit = below / 10_u64.pow(decade);
    // Both numbers are small: a decade is at most 19, a digit at most 9.
    let index = 9 * decade as usize + usize::try_from(digit).unwrap_or(9);
    index.min(BUCKETS - 1)
}

/// The largest value of a bucket; `None` for the last bucket, which has no bound.
pub(super) fn bound_of(bucket: usize) -> Option<u64> {
    match bucket {
        0 => Some(1),
        _ if bucket >= BUCKETS - 1 => None,
        _ => {
            let decade = u32::try_from((bucket - 1) / 9).unwrap_or(u32::MAX);
            let digit = (bucket - 1) as u64 % 9 + 2;
            Some(digit * 10_u64.pow(decade))
        }
    }
}

/// A histogram: how often each range of values was measured, summed over entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribution {
    counts: [u64; BUCKETS],
    sum: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], sum: 0 }
    }
}

impl Distribution {
    /// Adds the cells of one entry: the buckets, then the sum.
    pub(super) fn add_cells(&mut self, mut cell: impl FnMut(usize) -> u64) {
        for (bucket, count) in self.counts.iter_mut().enumerate() {
            *count += cell(bucket);
        }
        self.sum += cell(BUCKETS);
    }

    /// The measurements since an earlier state of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        Self { counts, sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// Number of measurements.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of all values, in the unit of the measure: microseconds for times.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values were at most as large as this bound, which must be the bound of a bucket.
    pub(super) fn count_up_to(&self, bound: u64) -> u64 {
        self.counts
            .iter()
            .enumerate()
            .take_while(|(bucket, _)| bound_of(*bucket).is_some_and(|upper| upper <= bound))
            .map(|(_, n)| n)
            .sum()
    }

    /// A bound that at least this share (0.0 to 1.0) of all values do not exceed. It is the upper
    /// bound of a bucket, so it is never lower than the exact quantile. `None` without
    /// measurements.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of events is far below 2^52, and the product lies between 0 and the \
                      count"
        )]
        let rank = ((share.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(bound_of(bucket).unwrap_or(u64::MAX));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BUCKETS, Distribution, bound_of, bucket_of};

    fn distribution_of(values: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        for value in values {
            distribution.counts[bucket_of(*value)] += 1;
            distribution.sum += value;
        }
        distribution
    }

    #[test]
    fn bounds_grow_by_one_digit_and_are_inclusive() {
        let bounds: Vec<u64> = (0..12).filter_map(bound_of).collect();
        assert_eq!(bounds, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30]);
        for bucket in 0..BUCKETS - 1 {
            let bound = bound_of(bucket).expect("only the last bucket has none");
            assert_eq!((bucket_of(bound), bucket_of(bound + 1)), (bucket, bucket + 1));
        }
        assert_eq!((bucket_of(u64::MAX), bound_of(BUCKETS - 1)), (BUCKETS - 1, None));
    }

    #[test]
    fn quantiles_are_upper_bounds_and_an_empty_distribution_has_none() {
        assert_eq!(Distribution::default().quantile(0.5), None);
        let distribution = distribution_of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 950]);
        assert_eq!(
            (distribution.quantile(0.5), distribution.quantile(0.9), distribution.quantile(0.99)),
            (Some(5), Some(9), Some(1000))
        );
        assert_eq!(
            (distribution.count(), distribution.sum(), distribution.count_up_to(10)),
            (10, 995, 9)
        );
        assert_eq!(
            distribution.since(&distribution_of(&[1, 2, 950])),
            distribution_of(&[3, 4, 5, 6, 7, 8, 9])
        );
    }

    proptest! {
        #[test]
        fn a_value_lies_within_the_bounds_of_its_bucket(value in 0_u64..200_000_000) {
            let bucket = bucket_of(value);
            prop_assert!(bound_of(bucket).is_none_or(|bound| value <= bound));
            prop_assert!(bucket == 0 || bound_of(bucket - 1).is_some_and(|below| value > below));
        }
    }
}
