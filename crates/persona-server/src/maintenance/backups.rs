//! Scheduled backups: a thread makes them when they are due, and logs the results.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{JoinHandle, park_timeout};

use persona_storage::sqlite::{BackupSchedule, DatabaseError};

use crate::clock::SystemClock;
use crate::scoreboard::ProcessEntry;
use crate::supervisor::ChildInput;

/// The thread of backups, which ends when the value is dropped. A backup in progress is then
/// abandoned and its files are removed.
pub(super) struct Backups {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Backups {
    /// Starts the thread if the settings ask for backups.
    pub(super) fn start(
        input: &ChildInput,
        process_entry: &ProcessEntry,
    ) -> io::Result<Option<Self>> {
        let config = &input.config;
        let (Some(plan), Some(path)) = (config.backup_plan(), config.database.file()) else {
            return Ok(None);
        };
        let schedule = BackupSchedule::new(
            &config.file_settings(path),
            plan,
            Arc::new(SystemClock),
            Arc::new(process_entry.clone()),
        );
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let thread = std::thread::Builder::new()
            .name("backups".into())
            .spawn(move || keep_making(schedule, &flag))?;
        Ok(Some(Self { stopped, thread: Some(thread) }))
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn keep_making(mut schedule: BackupSchedule, stopped: &AtomicBool) {
    while !stopped.load(Relaxed) {
        let pause = schedule.due_in();
        if !pause.is_zero() {
            park_timeout(pause);
            continue;
        }
        let made = schedule.make(&mut |_| {
            if stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match made {
            Ok(report) => tracing::info!(
                file = %report.file.display(),
                bytes = report.bytes,
                personas = report.content.personas,
                took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
                "backup made and checked"
            ),
            Err(DatabaseError::Interrupted { .. }) => {}
            Err(error) => {
                tracing::error!(error = %error, hint = error.hint(), "could not make a backup; it is tried again");
            }
        }
    }
}
