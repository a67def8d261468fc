//! The log of a process: one line for each event, with the process that wrote it.
//!
//! All processes of a server write into the same file or terminal. A line, or several short ones,
//! is one `write(2)` on a descriptor that appends, so lines never mix. A line has only the fields
//! of its event; spans add nothing, because a request is one event. The callers decide which events
//! there are and at which level; this module only writes them.
//!
//! Nothing waits for the log ([ADR 0030](../../../docs/adr/0030-a-connection-is-a-lease-too.md)):
//! `lines.rs` makes a line of an event, `repeats.rs` leaves out repetitions, and `queue.rs` hands
//! lines to the thread that writes.

mod lines;
mod queue;
mod repeats;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, registry};

use crate::config::{Config, LogFormat};
use crate::scoreboard::ProcessEntry;
use lines::{Format, Lines};
use queue::{Output, Queue};
use repeats::Repeats;

/// Longest wait for the last lines of a process that ends, and for text that goes to a terminal or
/// pipe directly. Long enough for a thread that waits for a processor on a busy machine. Only a
/// pipe that nothing reads uses up the whole time.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Longest wait for the lines on a panic: short, because the process may end right after it.
const PANIC_WAIT: Duration = Duration::from_millis(100);

/// Rights of a new log file: only the owner may read and write it. An existing file keeps its mode.
const FILE_MODE: u32 = 0o600;

/// The process that writes a log, as its lines name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writer {
    /// The role of the process: `supervisor`, `init`, `maintenance` or `worker`.
    pub role: &'static str,
    /// Its slot: 1 and up for workers, 0 for all others.
    pub slot: u16,
}

/// The opened log of this process.
#[derive(Clone)]
pub struct Log {
    path: Option<PathBuf>,
    queue: Arc<Queue>,
}

impl Log {
    /// Opens the log that the settings name, and makes it the log of this process.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, the filter cannot be read, or there is no thread for writing.
    pub fn open(config: &Config, writer: Writer) -> io::Result<Self> {
        let queue = Queue::new(match &config.log_file {
            None => Output::StandardError,
            Some(path) => Output::File(RwLock::new(append_to(path, OFlags::empty())?)),
        });
        let filter = EnvFilter::try_new(&config.log_level).map_err(io::Error::other)?;
        let repeats = Arc::new(Repeats::default());
        let lines = Lines {
            format: format_of(config),
            writer,
            pid: std::process::id(),
            queue: Arc::clone(&queue),
            repeats,
        };
        let (writing, wording) = (Arc::clone(&queue), lines.clone());
        thread::Builder::new().name("log".into()).spawn(move || {
            let look = || {
                wording
                    .repeats
                    .look(Instant::now())
                    .into_iter()
                    .map(|left_out| wording.left_out(left_out))
                    .collect()
            };
            writing.write_for_ever(look, |dropped| wording.dropped(dropped));
        })?;
        // In tests several logs are opened in one process; the first one stays.
        if registry().with(filter).with(lines).try_init().is_ok() {
            log_panics(Arc::clone(&queue));
        }
        Ok(Self { path: config.log_file.clone(), queue })
    }

    /// Opens the file again under its name, after the old one was moved away.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or is a pipe that has no reader; the old one stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        self.queue.reopen(|| append_to(path, OFlags::NONBLOCK))
    }

    /// Counts dropped lines at this entry of the scoreboard.
    pub fn count_on(&self, process_entry: ProcessEntry) {
        self.queue.count_on(process_entry);
    }

    /// Waits until every line is written, for two seconds at most, so that a slow reader of the log
    /// does not keep the process from ending.
    pub fn finish(&self) {
        self.queue.finish(LAST_WAIT);
    }
}

/// Writes a text to standard error or standard output, and waits at most two seconds for it.
pub fn say(to: Stream, text: String) {
    let (sender, written) = channel::<()>();
    let spawned = thread::Builder::new().name("say".into()).spawn(move || {
        let fd = match to {
            Stream::Output => rustix::stdio::stdout(),
            Stream::Error => rustix::stdio::stderr(),
        };
        // If the text cannot be written, there is no other place to report that.
        let _ = queue::write_to(fd, text.as_bytes());
        drop(sender);
    });
    if spawned.is_ok() {
        // Nothing is ever sent; the channel closes when the thread ends.
        let _ = written.recv_timeout(LAST_WAIT);
    }
}

/// A standard stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Sends panics to the log. By default the panicking thread writes them to standard error, and
/// waits for the reader of the pipe.
fn log_panics(queue: Arc<Queue>) {
    panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or("of an unknown kind");
        let backtrace = Backtrace::capture();
        let backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let thread = thread::current();
        tracing::error!(
            panic = text,
            at = info.location().map(tracing::field::display),
            thread = thread.name(),
            backtrace,
            "a thread panicked"
        );
        queue.finish(PANIC_WAIT);
    }));
}

fn append_to(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).custom_flags(flags).open(path)
}

fn format_of(config: &Config) -> Format {
    match config.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Auto if config.log_file.is_none() && io::stderr().is_terminal() => Format::Text,
        LogFormat::Json | LogFormat::Auto => Format::Json,
    }
}
