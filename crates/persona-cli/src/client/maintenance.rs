//! The maintenance process of a file for as long as one command writes to it.
//!
//! Without it the WAL would grow as long as an import runs, and stay beside the file afterwards: a
//! copy of the file alone would then lack what was just acknowledged. A server's own maintenance
//! process does not mind a second one.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use persona_server::backend::Maintenance;
use persona_server::exit_code::ExitCode;
use persona_storage::Error;

/// The pause after a tick that failed; the next one may succeed, and nothing is lost meanwhile.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A thread that looks after the file until this is dropped; then it ends with a checkpoint
/// and closes.
pub struct MaintenanceThread {
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MaintenanceThread {
    /// Starts looking after the file.
    pub fn start(mut maintenance: Maintenance) -> Self {
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            let mut pause = Duration::ZERO;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = match maintenance.tick() {
                    Ok(pause) => pause,
                    Err(error @ (Error::Unsynced(_) | Error::OutcomeUnknown)) => {
                        end_at_once(&error)
                    }
                    Err(_) => PAUSE_AFTER_FAILURE,
                };
            }
            if let Err(error) = maintenance.close() {
                end_at_once(&error);
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

/// Ends the command: what the disk has is unknown, so nothing more may be said to be kept. The next
/// start of anything on this file brings the WAL into the file once more.
fn end_at_once(error: &Error) -> ! {
    eprintln!("error: {error}");
    eprintln!(
        "hint: look into the system's log for errors of the disk; run the command again to see what was kept"
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "the other threads must not acknowledge anything more"
    )]
    std::process::exit(i32::from(ExitCode::DiskFailed.number()))
}

impl Drop for MaintenanceThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the maintenance process has said so on standard error already.
            drop(thread.join());
        }
    }
}
