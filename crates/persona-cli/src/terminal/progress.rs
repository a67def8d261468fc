//! The progress of long work: a bar on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;

/// Time between two lines if there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A bar on standard error, which is removed when the value is dropped; or the pace of lines in
/// place of a bar.
pub struct ProgressDisplay {
    bar: Option<ProgressBar>,
    last_line_at: Instant,
}

impl ProgressDisplay {
    /// Makes a bar of this length, or a spinner without one. There is no bar if standard error is
    /// no terminal, results are JSON, or `--quiet` is given.
    pub fn new(output: &Output, template: &str, length: Option<u64>) -> Self {
        let has_bar = !output.is_quiet() && !output.is_json() && std::io::stderr().is_terminal();
        let bar = has_bar.then(|| {
            let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            bar.with_style(style(template))
        });
        Self { bar, last_line_at: Instant::now() }
    }

    /// Begins another step with another template, at position 0.
    pub fn restart(&self, template: &str) {
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_style(style(template));
        }
    }

    /// The bar, if there is one.
    pub fn bar(&self) -> Option<&ProgressBar> {
        self.bar.as_ref()
    }

    /// Whether a line is due: there is no bar, and the last line is long enough ago. If so, the
    /// time starts again.
    pub fn is_line_due(&mut self) -> bool {
        let is_due = self.bar.is_none() && self.last_line_at.elapsed() >= LINE_INTERVAL;
        if is_due {
            self.last_line_at = Instant::now();
        }
        is_due
    }

    /// Writes messages without damaging the bar.
    pub fn write(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
