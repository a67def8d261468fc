//! The queue of log lines. A thread that logs never waits for the reader of the log: a line is put
//! into a bounded queue, and a separate thread writes it. If there is no room, the line is dropped
//! and counted, and the log tells the number when there is room again.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::scoreboard::ProcessEntry;

/// Most bytes of the lines that wait: some thousands of lines, enough for a disk that stalls for a
/// moment.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes of one write of several lines: the kernel does not mix a write of this size with
/// writes of other processes (`pipe(7)`, `PIPE_BUF`).
const WRITE_BYTES_MAX: usize = 4096;

/// How often the writing thread looks for repeated lines to report, while it has nothing to write.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Debug)]
pub(super) enum Output {
    StandardError,
    File(RwLock<File>),
    /// For tests: lines are collected, and while a test holds the lock, writing blocks.
    #[cfg(test)]
    Memory(Mutex<String>),
}

/// The lines of a process that are not written yet.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    output: Output,
    /// Lines that were dropped since the process started, and not yet counted on the scoreboard.
    dropped: AtomicU64,
    process_entry: OnceLock<ProcessEntry>,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    bytes: usize,
    /// Whether the thread is writing lines that it has taken.
    is_writing: bool,
    /// Number of dropped lines that the log has not reported yet.
    untold: u64,
}

impl Queue {
    pub(super) fn new(output: Output) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            output,
            dropped: AtomicU64::new(0),
            process_entry: OnceLock::new(),
        })
    }

    /// Puts a line, with its line break, into the queue, or drops it when there is no room. Never
    /// waits.
    pub(super) fn push(&self, line: String) {
        let mut state = self.lock();
        if state.bytes + line.len() > QUEUE_BYTES_MAX {
            state.untold += 1;
            drop(state);
            self.count(1);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.changed.notify_all();
    }

    /// Counts dropped lines on the scoreboard, those from before this call too.
    pub(super) fn count_on(&self, process_entry: ProcessEntry) {
        // A process has one entry; a second call changes nothing.
        let _ = self.process_entry.set(process_entry);
        self.count(self.dropped.swap(0, Relaxed));
    }

    fn count(&self, lines: u64) {
        match self.process_entry.get() {
            Some(process_entry) if lines > 0 => process_entry.log_lines_dropped(lines),
            Some(_) => {}
            None => _ = self.dropped.fetch_add(lines, Relaxed),
        }
    }

    /// Waits until everything is written, at most this long.
    pub(super) fn finish(&self, wait_max: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        drop(
            self.changed
                .wait_timeout_while(self.lock(), wait_max, is_busy)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Opens the log file again, if the log is a file. Lines that are being written go to the old
    /// file.
    pub(super) fn reopen(&self, open: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
        if let Output::File(file) = &self.output {
            *file.write().unwrap_or_else(PoisonError::into_inner) = open()?;
        }
        Ok(())
    }

    /// The work of the writing thread, which never ends. `look` is called now and then for reports
    /// on repeated lines; `told` words the report on dropped lines.
    pub(super) fn write_for_ever(
        &self,
        mut look: impl FnMut() -> Vec<String>,
        told: impl Fn(u64) -> String,
    ) {
        let mut looked = Instant::now();
        loop {
            let (taken, untold) = self.take();
            let mut lost = write_all(&self.output, taken.into_iter());
            if untold > 0 && lost == 0 {
                // If the line about dropped lines cannot be written either, the next such line
                // counts them all.
                lost += untold * write_all(&self.output, std::iter::once(told(untold)));
            } else {
                lost += untold;
            }
            self.end_writing(lost, untold);
            if looked.elapsed() >= LOOK_PAUSE {
                looked = Instant::now();
                for line in look() {
                    self.push(line);
                }
            }
        }
    }

    /// Waits up to [`LOOK_PAUSE`] for lines, and takes all of them.
    fn take(&self) -> (VecDeque<String>, u64) {
        let is_idle = |state: &mut State| state.lines.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), LOOK_PAUSE, is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_writing = true;
        // The bytes stay counted until they are written, so that the bound covers waiting lines and
        // lines being written.
        (std::mem::take(&mut state.lines), std::mem::take(&mut state.untold))
    }

    fn end_writing(&self, lost: u64, counted_before: u64) {
        let mut state = self.lock();
        state.is_writing = false;
        state.bytes = state.lines.iter().map(String::len).sum();
        state.untold += lost;
        drop(state);
        self.count(lost.saturating_sub(counted_before));
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines, several short ones at once; returns how many could not be written.
fn write_all(output: &Output, lines: impl Iterator<Item = String>) -> u64 {
    let (mut together, mut count, mut lost) = (String::new(), 0, 0);
    let mut flush = |together: &mut String, count: &mut u64| {
        if !together.is_empty() && write(output, together.as_bytes()).is_err() {
            lost += *count;
        }
        together.clear();
        *count = 0;
    };
    for line in lines {
        if together.len() + line.len() > WRITE_BYTES_MAX {
            flush(&mut together, &mut count);
        }
        together.push_str(&line);
        count += 1;
    }
    flush(&mut together, &mut count);
    lost
}

fn write(output: &Output, bytes: &[u8]) -> io::Result<()> {
    match output {
        // The handle of the standard library is not used, because its lock would be held as long as
        // the write takes.
        Output::StandardError => write_to(rustix::stdio::stderr(), bytes),
        Output::File(file) => {
            // The descriptor is duplicated, so that opening the file again does not wait for a
            // write.
            let file = file.read().unwrap_or_else(PoisonError::into_inner).try_clone()?;
            write_to(&file, bytes)
        }
        #[cfg(test)]
        Output::Memory(text) => {
            text.lock().expect("no panic").push_str(std::str::from_utf8(bytes).expect("text"));
            Ok(())
        }
    }
}

/// Writes everything, even if another process made the descriptor non-blocking.
pub(super) fn write_to(fd: impl std::os::fd::AsFd, mut bytes: &[u8]) -> io::Result<()> {
    let fd = fd.as_fd();
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => _ = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Output, QUEUE_BYTES_MAX, Queue};

    fn start() -> Arc<Queue> {
        let queue = Queue::new(Output::Memory(Mutex::default()));
        let writing = Arc::clone(&queue);
        thread::spawn(move || {
            writing.write_for_ever(Vec::new, |lines| format!("{lines} lines were dropped\n"));
        });
        queue
    }

    fn memory(queue: &Queue) -> &Mutex<String> {
        let Output::Memory(text) = &queue.output else { panic!("another output") };
        text
    }

    #[test]
    fn a_line_that_finds_no_room_is_dropped_counted_and_told_of_and_nothing_waits() {
        let queue = start();
        let line = format!("{}\n", "x".repeat(1023));
        let stuck = memory(&queue).lock().expect("no panic");
        let pushed = QUEUE_BYTES_MAX / line.len() + 100;
        for _ in 0..pushed {
            queue.push(line.clone());
        }
        let began = Instant::now();
        queue.finish(Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50), "nothing can be written");
        assert_eq!(queue.dropped.load(std::sync::atomic::Ordering::Relaxed), 100);
        drop(stuck);
        queue.finish(Duration::from_secs(20));
        queue.push("after\n".into());
        queue.finish(Duration::from_secs(20));
        let text = memory(&queue).lock().expect("no panic");
        assert_eq!(text.lines().filter(|line| line.starts_with('x')).count(), pushed - 100);
        assert!(text.contains("100 lines were dropped\n") && text.contains("after\n"));
    }

    #[test]
    fn the_end_waits_until_everything_is_written() {
        let queue = start();
        for number in 0..1_000 {
            queue.push(format!("{number}\n"));
        }
        queue.finish(Duration::from_secs(20));
        assert_eq!(memory(&queue).lock().expect("no panic").lines().last(), Some("999"));
    }
}
