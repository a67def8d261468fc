//! The check of the whole database that a client asked for: a thread beside everything else.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use persona_storage::sqlite::{CheckReport, DatabaseError, Settings, check_beside};

use super::under_way::UnderWay;
use crate::scoreboard::TaskResult;

/// How much the thread gives way to the other threads of the machine: with less to do than cores it
/// runs as fast as they do, and beside busy workers it gets a tenth of a core.
const NICENESS: i32 = 10;
/// Most problems that the log names.
const LOGGED_MAX: usize = 20;

/// The thread of a check, which ends when the value is dropped. A check in progress is then broken
/// off.
pub(super) struct Check {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Check {
    pub(super) fn start(settings: Settings, task: UnderWay) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let thread = std::thread::Builder::new().name("check".into()).spawn(move || {
            let result = run(&settings, &task, &flag);
            task.end(result);
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn run(settings: &Settings, task: &UnderWay, stopped: &AtomicBool) -> Option<TaskResult> {
    // This fails only where the system forbids it, and then the check is as quick as the others.
    let _ = rustix::process::nice(NICENESS);
    let checked = check_beside(settings, &mut |progress| {
        task.tell(progress);
        if stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match checked {
        Ok(report) => {
            log(&report);
            let personas = Some(report.personas + report.deleted);
            Some(TaskResult { bytes: None, personas, problems: Some(report.problems_total) })
        }
        Err(DatabaseError::Interrupted { .. }) => None,
        Err(error) => {
            tracing::error!(error = %error, hint = error.hint(), "could not check the database");
            None
        }
    }
}

fn log(report: &CheckReport) {
    if report.is_sound() {
        tracing::info!(personas = report.personas, "the database was checked and is sound");
        return;
    }
    for problem in report.problems.iter().take(LOGGED_MAX) {
        tracing::error!(problem = %problem, "the database is damaged");
    }
    tracing::error!(
        problems = report.problems_total,
        "the database was checked and is damaged; run `persona check` for all problems, and restore a backup"
    );
}
