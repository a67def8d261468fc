//! The times and errors of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Longest recorded time in microseconds, 10 minutes; a longer time counts as this.
const MICROS_MAX: u64 = 600_000_000;
/// Significant digits of recorded times: the error is at most one thousandth.
const EXACT_FIGURES: u8 = 3;
/// The quantiles that are reported, besides the largest time.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.50), ("p90", 0.90), ("p99", 0.99), ("p999", 0.999)];

/// The times of one kind of request.
#[derive(Clone, Debug)]
pub(super) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(
            Histogram::new_with_bounds(1, MICROS_MAX, EXACT_FIGURES)
                .expect("the bounds are constants in order"),
        )
    }
}

impl Times {
    pub(super) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time at each quantile in microseconds, and the largest time last.
    fn micros(&self) -> [(&'static str, u64); 5] {
        let [p50, p90, p99, p999] =
            QUANTILES.map(|(name, quantile)| (name, self.0.value_at_quantile(quantile)));
        [p50, p90, p99, p999, ("max", self.0.max())]
    }

    /// The distribution for programs, in microseconds.
    pub(super) fn to_json(&self) -> Value {
        let mut members: serde_json::Map<_, _> = self
            .micros()
            .into_iter()
            .map(|(name, micros)| (format!("{name}_micros"), json!(micros)))
            .collect();
        members.insert("count".into(), json!(self.count()));
        members.into()
    }

    /// The distribution for people, in milliseconds; dashes where nothing was measured.
    pub(super) fn cells(&self) -> [String; 5] {
        self.micros().map(|(_, micros)| {
            if self.count() == 0 {
                "-".into()
            } else {
                format!("{}.{:03}", micros / 1000, micros % 1000)
            }
        })
    }
}

/// The measurements of one connection, or of all.
#[derive(Clone, Default, Debug)]
pub(super) struct Tally {
    /// Times of successful reads, from the moment at which they were due.
    pub reads: Times,
    /// Times of successful changes, likewise.
    pub writes: Times,
    /// Errors and their numbers: a status, or a description.
    pub errors: BTreeMap<String, u64>,
    /// Requests that found no free connection when they were due.
    pub delayed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        other
            .errors
            .iter()
            .for_each(|(what, count)| *self.errors.entry(what.clone()).or_default() += count);
        self.delayed += other.delayed;
    }

    pub(super) fn answered(&self) -> u64 {
        self.reads.count() + self.writes.count()
    }

    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Tally, Times};

    #[test]
    fn quantiles_are_exact_to_a_thousandth_and_the_largest_is_kept() {
        let mut times = Times::default();
        (1..=1000).for_each(|micros| times.record(Duration::from_micros(micros)));
        let expected = json!({ "count": 1000, "p50_micros": 500, "p90_micros": 900, "p99_micros": 990, "p999_micros": 999, "max_micros": 1000 });
        assert_eq!(times.to_json(), expected);
        assert_eq!(Times::default().cells(), ["-"; 5]);
        times.record(Duration::from_hours(1));
        assert_eq!(times.0.len(), 1001, "what is too long still counts");
    }

    #[test]
    fn the_tallies_of_all_connections_add_up() {
        let mut all = Tally::default();
        for status in ["503", "503", "404"] {
            let mut one = Tally { delayed: 1, ..Tally::default() };
            one.reads.record(Duration::from_millis(1));
            one.errors.insert(status.into(), 1);
            all.add(&one);
        }
        assert_eq!((all.answered(), all.failed(), all.delayed), (3, 3, 3));
        assert_eq!(all.errors.get("503"), Some(&2));
    }
}
