//! The progress of the import of one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::reader::Source;
use crate::terminal::{Output, ProgressDisplay};

/// Shows the progress of one file.
pub struct Progress<'a> {
    output: &'a Output,
    file: String,
    display: ProgressDisplay,
    bytes_read: Arc<AtomicU64>,
    items: u64,
    started_at: Instant,
}

impl<'a> Progress<'a> {
    /// Starts the display for a file.
    pub fn new(file: &str, source: &Source, output: &'a Output) -> Self {
        let template = if source.bytes.is_some() {
            "{wide_bar} {percent}% {msg} {eta}"
        } else {
            "{spinner} {msg} {elapsed}"
        };
        Self {
            output,
            file: file.into(),
            display: ProgressDisplay::new(output, template, source.bytes),
            bytes_read: Arc::clone(&source.bytes_read),
            items: 0,
            started_at: Instant::now(),
        }
    }

    /// Counts an item that is done.
    pub fn item_done(&mut self) {
        self.items += 1;
        let rate = f64::from(u32::try_from(self.items).unwrap_or(u32::MAX))
            / self.started_at.elapsed().as_secs_f64().max(0.001);
        if let Some(bar) = self.display.bar() {
            bar.set_position(self.bytes_read.load(Ordering::Relaxed));
            bar.set_message(format!("{} items, {rate:.0}/s", self.items));
        } else if self.display.is_line_due() {
            self.output.note(&format!("{}: {} items, {rate:.0}/s", self.file, self.items));
        }
    }

    /// Writes messages without tearing the bar.
    pub fn write(&self, write: impl FnOnce()) {
        self.display.write(write);
    }
}
