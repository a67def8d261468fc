//! Reads `/metrics`: series by name and labels, and histograms.

use std::collections::BTreeMap;

/// The metrics of one answer.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metrics {
    series: BTreeMap<String, f64>,
}

/// A histogram: for each bound the number of values up to it. The last bound is infinite.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Histogram {
    buckets: Vec<(f64, f64)>,
}

impl Metrics {
    /// Reads the Prometheus text format; lines without a series are skipped.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self { series: series.collect() }
    }

    /// The names of all series, without labels; a name is repeated for each of its series.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(|series| series.split('{').next().unwrap_or_default())
    }

    /// The value of a series; zero if the series is missing.
    pub fn value(&self, series: &str) -> f64 {
        self.series.get(series).copied().unwrap_or_default()
    }

    /// The sum of all series with this name and with this text in their labels.
    pub fn sum(&self, name: &str, labels: &str) -> f64 {
        self.of(name).filter(|(found, _)| found.contains(labels)).map(|(_, value)| value).sum()
    }

    /// The labels of every series with this name.
    pub fn labels<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        self.of(name).map(|(labels, _)| labels).collect()
    }

    /// The histogram with this name, summed over all series with this text in their labels.
    pub fn histogram(&self, name: &str, labels: &str) -> Histogram {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        let name = format!("{name}_bucket");
        for (found, count) in self.of(&name).filter(|(found, _)| found.contains(labels)) {
            let Some(bound) = label(found, "le").and_then(|bound| bound.parse::<f64>().ok()) else {
                continue;
            };
            match buckets.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        Histogram { buckets }
    }

    /// Labels and value of every series with this name.
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.series.iter().filter_map(move |(series, value)| match series.strip_prefix(name)? {
            "" => Some(("", *value)),
            labels => Some((labels.strip_prefix('{')?.strip_suffix('}')?, *value)),
        })
    }
}

/// The value of a label.
pub fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

impl Histogram {
    /// The counts since an earlier look; all counts if the counters have started again from zero.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| {
            earlier
                .buckets
                .iter()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
                .map_or(0.0, |(_, count)| *count)
        };
        let started_again = self
            .buckets
            .last()
            .zip(earlier.buckets.last())
            .is_some_and(|(now, then)| now.1 < then.1);
        if started_again {
            return self.clone();
        }
        Self {
            buckets: self
                .buckets
                .iter()
                .map(|(bound, count)| (*bound, (count - before(*bound)).max(0.0)))
                .collect(),
        }
    }

    /// A bound in microseconds that at least this share of all values do not exceed: the upper
    /// bound of a bucket, or the largest finite bound. `None` without values.
    pub fn quantile_micros(&self, share: f64) -> Option<u64> {
        let total = self.buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let largest =
            self.buckets.iter().rev().map(|(bound, _)| *bound).find(|bound| bound.is_finite())?;
        let found = self
            .buckets
            .iter()
            .find(|(_, count)| *count >= share * total)
            .map_or(largest, |(bound, _)| *bound);
        Some(whole(found.min(largest) * 1e6))
    }
}

/// A count as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times are neither negative nor near 2^64"
)]
pub fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::{Metrics, label};

    const TEXT: &str = "\
# HELP a_total Something.
# TYPE a_total counter
a_total 7
b{slot=\"1\"} 2
b{slot=\"2\"} 3
t_bucket{le=\"0.001\"} 5
t_bucket{le=\"0.01\"} 9
t_bucket{le=\"+Inf\"} 10
t_sum 0.5
t_count 10
";

    #[test]
    fn series_are_found_by_name_and_labels() {
        let metrics = Metrics::read(TEXT);
        assert_eq!(
            (
                whole(metrics.value("a_total")),
                whole(metrics.value("b{slot=\"2\"}")),
                whole(metrics.value("c"))
            ),
            (7, 3, 0)
        );
        assert_eq!(
            (
                whole(metrics.sum("b", "")),
                whole(metrics.sum("b", "slot=\"1\"")),
                whole(metrics.sum("a_total", ""))
            ),
            (5, 2, 7)
        );
        assert_eq!(label("method=\"GET\",route=\"/a\"", "route"), Some("/a"));
    }

    use super::whole;

    #[test]
    fn percentiles_are_those_of_the_time_between_two_looks() {
        let (before, after) = (
            Metrics::read(TEXT),
            Metrics::read(
                &TEXT.replace("} 5", "} 105").replace("} 9", "} 109").replace("} 10\n", "} 110\n"),
            ),
        );
        let all = after.histogram("t", "");
        assert_eq!(
            (all.quantile_micros(0.5), all.quantile_micros(0.99), all.quantile_micros(1.0)),
            (Some(1_000), Some(10_000), Some(10_000))
        );
        let between = all.since(&before.histogram("t", ""));
        assert_eq!(between.quantile_micros(0.99), Some(1_000));
        assert_eq!(all.since(&all).quantile_micros(0.5), None);
        assert_eq!(
            before.histogram("t", "").since(&all),
            before.histogram("t", ""),
            "the server was started again"
        );
    }
}
