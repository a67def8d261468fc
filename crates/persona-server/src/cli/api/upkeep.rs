//! The keeper of a file for as long as one command writes to it.
//!
//! Without it the log would grow as long as an import runs, and stay beside the file afterwards: then a copy of the file
//! alone would lack what was just acknowledged. A server's own keeper does not mind a second one.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::backend::Keeper;

/// The pause after a tick that failed; the next one may succeed, and nothing is lost meanwhile.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A thread that looks after the file until this is dropped; then it copies the log back and closes.
pub struct Upkeep {
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts looking after the file.
    pub fn start(mut keeper: Keeper) -> Self {
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            let mut pause = Duration::ZERO;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = keeper.tick().unwrap_or(PAUSE_AFTER_FAILURE);
            }
            keeper.close();
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the keeper has said so on standard error already.
            drop(thread.join());
        }
    }
}
