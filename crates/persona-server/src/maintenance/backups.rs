//! Scheduled backups: a thread makes them when they are due, and one in between when a client asks
//! for it, and logs the results.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use persona_storage::sqlite::{BackupSchedule, DatabaseError};

use super::under_way::UnderWay;
use crate::clock::SystemClock;
use crate::scoreboard::{ProcessEntry, TaskResult};
use crate::supervisor::ChildInput;

/// The thread of backups, which ends when the value is dropped. A backup in progress is then
/// abandoned and its files are removed.
pub(super) struct Backups {
    stopped: Arc<AtomicBool>,
    /// The backups that clients asked for. The thread ends once this is dropped, and a task that is
    /// sent to a thread that has ended is dropped, which fails it.
    asked: Option<Sender<UnderWay>>,
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
        let (asked, tasks) = channel();
        let thread = std::thread::Builder::new()
            .name("backups".into())
            .spawn(move || keep_making(schedule, &tasks, &flag))?;
        Ok(Some(Self { stopped, asked: Some(asked), thread: Some(thread) }))
    }

    /// Has the thread make a backup now, or after the one that it is making.
    pub(super) fn ask(&self, task: UnderWay) {
        if let Some(asked) = &self.asked {
            // An error means that the thread has panicked, and drops the task.
            let _ = asked.send(task);
        }
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn keep_making(mut schedule: BackupSchedule, tasks: &Receiver<UnderWay>, stopped: &AtomicBool) {
    loop {
        let task = match tasks.recv_timeout(schedule.due_in()) {
            Ok(task) => Some(task),
            Err(RecvTimeoutError::Timeout) if schedule.due_in().is_zero() => None,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let result = make(&mut schedule, stopped, task.as_ref());
        if let Some(task) = task {
            task.end(result);
        }
    }
}

/// Makes a backup; its progress is told where a client asked for it.
fn make(
    schedule: &mut BackupSchedule,
    stopped: &AtomicBool,
    task: Option<&UnderWay>,
) -> Option<TaskResult> {
    let made = schedule.make(&mut |progress| {
        if let Some(task) = task {
            task.tell(progress);
        }
        if stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
