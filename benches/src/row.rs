//! One line of the table: the compared thing, the target, the figures.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::spread::{Spread, figure};

/// What a comparison should show.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Our figure is at least so many times the rival's.
    RatioAtLeast(f64),
    /// Our figure is at most so many times the rival's.
    RatioAtMost(f64),
    /// Our figure is at most so many times the rival's, or at most the second value, whichever is
    /// more.
    RatioOrFigureAtMost(f64, f64),
    /// Our figure is at least this.
    AtLeast(f64),
    /// Our figure is at most this.
    AtMost(f64),
    /// There is no target; the figure explains other figures.
    None,
}

/// One comparison.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What is compared, and with which rival.
    pub name: String,
    /// What is measured, such as `requests/s`.
    pub unit: Cow<'static, str>,
    pub target: Target,
    pub ours: Spread,
    /// The rival's figures; absent where the target is a fixed figure.
    pub rival: Option<Spread>,
}

impl Row {
    pub fn compared(
        name: impl Into<String>,
        unit: &'static str,
        target: Target,
        ours: Spread,
        rival: Spread,
    ) -> Self {
        Self { name: name.into(), unit: unit.into(), target, ours, rival: Some(rival) }
    }

    pub fn alone(
        name: impl Into<String>,
        unit: &'static str,
        target: Target,
        ours: Spread,
    ) -> Self {
        Self { name: name.into(), unit: unit.into(), target, ours, rival: None }
    }

    /// Our figure divided by the rival's, pair by pair.
    pub fn ratio(&self) -> Option<Spread> {
        self.rival.as_ref().map(|rival| Spread::ratio(&self.ours, rival))
    }

    /// Whether the median meets the target; `None` where there is no target.
    pub fn met(&self) -> Option<bool> {
        let (ratio, ours) =
            (self.ratio().map_or(f64::NAN, |ratio| ratio.median()), self.ours.median());
        match self.target {
            Target::RatioAtLeast(least) => Some(ratio >= least),
            Target::RatioAtMost(most) => Some(ratio <= most),
            Target::RatioOrFigureAtMost(most, figure) => Some(ratio <= most || ours <= figure),
            Target::AtLeast(least) => Some(ours >= least),
            Target::AtMost(most) => Some(ours <= most),
            Target::None => None,
        }
    }

    /// The cells of the line: name, target, ours, rival, ratio, met.
    pub fn cells(&self) -> [String; 6] {
        let met = self.met().map_or("", |met| if met { "yes" } else { "NO" });
        let rival = self.rival.as_ref().map_or_else(|| "-".into(), Spread::text);
        let ratio = self.ratio().map_or_else(|| "-".into(), |ratio| ratio.text());
        [
            format!("{}, {}", self.name, self.unit),
            self.target.text(),
            self.ours.text(),
            rival,
            ratio,
            met.into(),
        ]
    }
}

impl Target {
    pub fn text(self) -> String {
        match self {
            Self::RatioAtLeast(least) => format!("ratio >= {}", figure(least)),
            Self::RatioAtMost(most) => format!("ratio <= {}", figure(most)),
            Self::RatioOrFigureAtMost(most, or) => {
                format!("ratio <= {} or <= {}", figure(most), figure(or))
            }
            Self::AtLeast(least) => format!(">= {}", figure(least)),
            Self::AtMost(most) => format!("<= {}", figure(most)),
            Self::None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Target};
    use crate::spread::Spread;

    #[test]
    fn a_target_is_met_by_the_median_of_the_ratios() {
        let row = |target| {
            Row::compared(
                "GET",
                "requests/s",
                target,
                Spread::of([8.0, 9.0, 1.0]),
                Spread::of([10.0, 10.0, 10.0]),
            )
        };
        assert_eq!(row(Target::RatioAtLeast(0.8)).met(), Some(true));
        assert_eq!(row(Target::RatioAtLeast(0.85)).met(), Some(false));
        assert_eq!(row(Target::RatioAtMost(0.8)).met(), Some(true));
        assert_eq!(row(Target::RatioOrFigureAtMost(0.7, 8.0)).met(), Some(true));
        assert_eq!(row(Target::RatioOrFigureAtMost(0.8, 7.0)).met(), Some(true));
        assert_eq!(row(Target::RatioOrFigureAtMost(0.7, 7.0)).met(), Some(false));
        assert_eq!(row(Target::AtMost(7.0)).met(), Some(false));
        assert_eq!(row(Target::None).met(), None);
    }

    #[test]
    fn nothing_measured_meets_no_target() {
        for target in [Target::AtLeast(0.0), Target::AtMost(1.0), Target::RatioAtLeast(0.0)] {
            assert_eq!(
                Row::alone("GET", "requests/s", target, Spread::default()).met(),
                Some(false),
                "{target:?}"
            );
        }
    }
}
