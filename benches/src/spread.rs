//! Several measurements of the same thing: median and spread.

use serde::{Deserialize, Serialize};

/// Measurements in the order in which they were made.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spread(Vec<f64>);

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().collect())
    }

    /// One ratio for each pair, so that an influence on both sides of a pair cancels out.
    pub fn ratio(ours: &Self, rival: &Self) -> Self {
        Self(
            ours.0
                .iter()
                .zip(&rival.0)
                .map(|(ours, rival)| ours / rival.max(f64::MIN_POSITIVE))
                .collect(),
        )
    }

    /// The middle measurement; of an even number the mean of the two middle ones; NaN without any
    /// measurement.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[odd / 2],
            even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
        }
    }

    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The text `median (min-max)`, with as many digits as are significant.
    pub fn text(&self) -> String {
        match self.0.len() {
            0 => "-".into(),
            1 => figure(self.0[0]),
            _ => {
                format!("{} ({}-{})", figure(self.median()), figure(self.min()), figure(self.max()))
            }
        }
    }
}

/// A number with three significant digits; from a thousand on, a whole number with separators.
pub fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    match value.abs() {
        size if size >= 1000.0 => separated(&format!("{value:.0}")),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size > 0.0 => format!("{value:.4}"),
        _ => "0".into(),
    }
}

/// The digits with a comma before every three.
pub fn separated(digits: &str) -> String {
    let mut text = String::new();
    for (index, char) in digits.chars().enumerate() {
        if index > 0
            && (digits.len() - index).is_multiple_of(3)
            && char.is_ascii_digit()
            && !text.ends_with('-')
        {
            text.push(',');
        }
        text.push(char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Spread, figure};

    #[test]
    fn the_median_is_the_middle_and_ratios_are_taken_pair_by_pair() {
        assert!((Spread::of([3.0, 1.0, 2.0]).median() - 2.0).abs() < f64::EPSILON);
        assert!((Spread::of([4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < f64::EPSILON);
        assert!(Spread::default().median().is_nan());
        let ratio = Spread::ratio(&Spread::of([2.0, 9.0]), &Spread::of([1.0, 3.0]));
        assert_eq!(ratio, Spread::of([2.0, 3.0]));
        assert_eq!(ratio.text(), "2.50 (2.00-3.00)");
    }

    #[test]
    fn figures_have_as_many_digits_as_are_worth_reading() {
        let texts =
            [0.0, 0.012_34, 0.987_6, 12.34, 123.4, 1234.5, 1_234_567.0, f64::NAN].map(figure);
        assert_eq!(texts, ["0", "0.0123", "0.99", "12.3", "123", "1,234", "1,234,567", "-"]);
    }
}
