//! Maintenance of a file, in a thread of a command that writes to it.
//!
//! Without maintenance the WAL would grow as long as an import runs, and would stay beside the file
//! afterwards: a copy of the file alone would then miss acknowledged writes. It can run beside the
//! maintenance process of a server.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use persona_server::backend::Maintenance;
use persona_server::exit_code::ExitCode;
use persona_storage::Error;

/// The pause after a failed tick; the next one may succeed, and nothing is lost meanwhile.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A thread that maintains the file. When the value is dropped, the thread makes a last checkpoint
/// and closes the file.
pub struct MaintenanceThread {
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MaintenanceThread {
    /// Starts the thread.
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

/// Ends the command at once: after a failed sync the state of the disk is unknown, so no write may
/// be acknowledged. The next process that opens the file copies the WAL again.
fn end_at_once(error: &Error) -> ! {
    eprintln!("error: {error}");
    eprintln!(
        "hint: look into the system's log for errors of the disk; run the command again to see \
         what was kept"
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
            // A panic of the thread was already reported on standard error.
            drop(thread.join());
        }
    }
}
