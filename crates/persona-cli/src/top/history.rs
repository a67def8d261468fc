//! The last minute of one figure, as a row of bars.

use std::collections::VecDeque;

/// Seconds that are kept.
const SECONDS_MAX: usize = 60;

/// The characters of bars, from the lowest to the highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last minute of one figure; `None` for a second without an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    values: VecDeque<Option<u64>>,
}

impl History {
    /// Adds the value of a second.
    pub fn push(&mut self, value: Option<u64>) {
        if self.values.len() == SECONDS_MAX {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Draws one bar for each second in exactly `width` characters: the newest is at the right, and
    /// the highest value has the full height.
    pub fn bars(&self, width: usize) -> String {
        let shown = self.values.len().min(width).min(SECONDS_MAX);
        let values = || self.values.iter().skip(self.values.len() - shown);
        let highest = values().flatten().max().copied().unwrap_or_default().max(1);
        let bar = |value: &Option<u64>| match value {
            None => ' ',
            Some(0) => BARS[0],
            // Rounded up, so that a small value is never shown as zero.
            Some(value) => {
                BARS[usize::try_from((u128::from(*value) * 7).div_ceil(u128::from(highest)))
                    .unwrap_or(7)
                    .min(7)]
            }
        };
        let bars: String = values().map(bar).collect();
        format!("{}{bars}", " ".repeat(width - shown))
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn the_highest_second_of_the_last_minute_is_as_high_as_a_character() {
        let mut history = History::default();
        assert_eq!(history.bars(3), "   ");
        for value in [Some(1000), Some(0), Some(1), Some(50), None, Some(100)] {
            history.push(value);
        }
        assert_eq!(history.bars(5), "▁▂▅ █");
        assert_eq!(history.bars(8), "  █▁▂▂ ▂");
        (0..60).for_each(|_| history.push(Some(5)));
        assert_eq!(history.bars(70), format!("{}{}", " ".repeat(10), "█".repeat(60)));
    }
}
