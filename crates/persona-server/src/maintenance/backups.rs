//! Scheduled backups: a thread makes them when they are due, and one in between when a client asks
//! for it, and logs the results.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{JoinHandle, park_timeout};
use std::time::Instant;

use persona_http::contract::tasks::TaskKind;
use persona_model::Clock;
use persona_storage::sqlite::{BackupSchedule, DatabaseError};

use super::rest::rest_after;
use crate::clock::SystemClock;
use crate::scoreboard::{ProcessEntry, TaskResult};
use crate::supervisor::ChildInput;

/// The thread of backups, which ends when the value is dropped. A backup in progress is then
/// abandoned and its files are removed.
pub(super) struct Backups {
    signs: Arc<Signs>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
#[derive(Default)]
struct Signs {
    /// The thread has to end.
    stopped: AtomicBool,
    /// A client asked for a backup.
    asked: AtomicBool,
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
        let signs = Arc::new(Signs::default());
        let (seen, entry) = (Arc::clone(&signs), process_entry.clone());
        let thread = std::thread::Builder::new()
            .name("backups".into())
            .spawn(move || keep_making(schedule, &seen, &entry))?;
        Ok(Some(Self { signs, thread: Some(thread) }))
    }

    /// Has the thread make a backup now, or after the one that it is making. Returns whether the
    /// thread runs.
    pub(super) fn ask(&self) -> bool {
        let Some(thread) = self.thread.as_ref().filter(|thread| !thread.is_finished()) else {
            return false;
        };
        self.signs.asked.store(true, Relaxed);
        thread.thread().unpark();
        true
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.signs.stopped.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn keep_making(mut schedule: BackupSchedule, signs: &Signs, entry: &ProcessEntry) {
    while !signs.stopped.load(Relaxed) {
        let is_asked = signs.asked.swap(false, Relaxed);
        let pause = schedule.due_in();
        if !is_asked && !pause.is_zero() {
            park_timeout(pause);
            continue;
        }
        let began = Instant::now();
        let result = make(&mut schedule, signs, is_asked.then_some(entry));
        if is_asked {
            let rest = rest_after(TaskKind::Backup, result.is_some(), began.elapsed());
            entry.scoreboard().task_ended(TaskKind::Backup, result, rest, SystemClock.now());
        }
    }
}

/// Makes a backup; its progress is told on the scoreboard where a client asked for it.
fn make(
    schedule: &mut BackupSchedule,
    signs: &Signs,
    told: Option<&ProcessEntry>,
) -> Option<TaskResult> {
    let made = schedule.make(&mut |progress| {
        if let Some(entry) = told {
            entry.scoreboard().task_progress(TaskKind::Backup, progress);
        }
        if signs.stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match made {
        Ok(report) => {
            tracing::info!(
                file = %report.file.display(),
                bytes = report.bytes,
                personas = report.content.personas,
                took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
                "backup made and checked"
            );
            let personas = Some(report.content.personas + report.content.deleted);
            Some(TaskResult { bytes: Some(report.bytes), personas, problems: None })
        }
        Err(DatabaseError::Interrupted { .. }) => None,
        Err(error) => {
            tracing::error!(error = %error, hint = error.hint(), "could not make a backup; it is tried again");
            None
        }
    }
}
