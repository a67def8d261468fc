//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::reader::Source;
use crate::commands::output::Output;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows how far one file is.
pub struct Progress<'a> {
    output: &'a Output,
    file: String,
    bar: Option<ProgressBar>,
    bytes_read: Arc<AtomicU64>,
    items: u64,
    started_at: Instant,
    line_at: Instant,
}

impl<'a> Progress<'a> {
    /// Starts with a file.
    pub fn new(file: &str, source: &Source, output: &'a Output) -> Self {
        let has_bar = !output.is_quiet() && std::io::stderr().is_terminal();
        let bar = has_bar.then(|| {
            let bar = source.bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let form = if source.bytes.is_some() {
                "{wide_bar} {percent}% {msg} {eta}"
            } else {
                "{spinner} {msg} {elapsed}"
            };
            bar.set_style(ProgressStyle::with_template(form).expect("the template is valid"));
            bar
        });
        let now = Instant::now();
        let bytes_read = Arc::clone(&source.bytes_read);
        Self { output, file: file.into(), bar, bytes_read, items: 0, started_at: now, line_at: now }
    }

    /// One more item is done.
    pub fn item_done(&mut self) {
        self.items += 1;
        let rate = f64::from(u32::try_from(self.items).unwrap_or(u32::MAX))
            / self.started_at.elapsed().as_secs_f64().max(0.001);
        if let Some(bar) = &self.bar {
            bar.set_position(self.bytes_read.load(Ordering::Relaxed));
            bar.set_message(format!("{} items, {rate:.0}/s", self.items));
        } else if self.line_at.elapsed() >= LINE_INTERVAL {
            self.line_at = Instant::now();
            self.output.note(&format!("{}: {} items, {rate:.0}/s", self.file, self.items));
        }
    }

    /// Writes messages without tearing the bar.
    pub fn write(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
