//! Long work on a file: shows its progress, and ends it at Ctrl-C without leaving half a result.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use persona_server::exit_code::ExitCode;
use persona_storage::sqlite::{DatabaseError, Progress, Step, Watcher};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::terminal::{Output, ProgressDisplay};

/// Bytes of a page of the database; copying counts pages.
const PAGE_BYTES: u64 = 4096;

/// Does the work on this thread, while another thread waits for Ctrl-C.
pub fn run<T>(
    output: &Output,
    work: impl FnOnce(&mut Watcher<'_>) -> Result<T, DatabaseError>,
) -> Result<T, Failure> {
    run_as(output, work, |error| Failure::start(&error.into()))
}

/// Does work as [`run`] does, for errors that are not those of a database file.
pub fn run_as<T, E>(
    output: &Output,
    work: impl FnOnce(&mut Watcher<'_>) -> Result<T, E>,
    failure: impl FnOnce(E) -> Failure,
) -> Result<T, Failure> {
    let interrupted = AtomicBool::new(false);
    let mut display = Display::new(output);
    let done = std::thread::scope(|scope| {
        let (end, ended) = oneshot::channel::<()>();
        scope.spawn(|| note_interrupt(&interrupted, ended));
        let done = work(&mut |progress| {
            display.show(progress);
            if interrupted.load(Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        drop(end);
        done
    });
    drop(display);
    done.map_err(failure)
}

/// Waits for Ctrl-C or the end of the work, whichever comes first.
fn note_interrupt(interrupted: &AtomicBool, ended: oneshot::Receiver<()>) {
    // Without a runtime Ctrl-C ends the program at once, and leaves an unfinished file, which later
    // commands ignore.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            _ = ended => {}
            pressed = tokio::signal::ctrl_c() => interrupted.store(pressed.is_ok(), Relaxed),
        }
    });
}

/// Shows the progress of the work.
struct Display<'a> {
    output: &'a Output,
    progress: ProgressDisplay,
    step: Option<Step>,
    step_at: Instant,
}

impl<'a> Display<'a> {
    fn new(output: &'a Output) -> Self {
        let progress = ProgressDisplay::new(output, "{wide_bar}", Some(0));
        Self { output, progress, step: None, step_at: Instant::now() }
    }

    fn show(&mut self, progress: Progress) {
        if self.step != Some(progress.step) {
            self.step = Some(progress.step);
            self.step_at = Instant::now();
            self.progress.restart(template_of(progress.step));
        }
        let (done, total) = match progress.step {
            Step::Copying => (progress.done * PAGE_BYTES, progress.total * PAGE_BYTES),
            _ => (progress.done, progress.total),
        };
        if let Some(bar) = self.progress.bar() {
            bar.set_length(total);
            bar.set_position(done);
        } else if self.progress.is_line_due() {
            self.output.note(&line_of(progress, self.step_at.elapsed()));
        }
    }
}

/// The progress of a step after this time, as a line. No remaining time is given where it would be
/// a guess: when the total is an estimate, or when the step has just begun.
fn line_of(progress: Progress, elapsed: Duration) -> String {
    let Progress { step, done, total } = progress;
    let so_far = format!("{}: {done} of {total} {}", step.as_str(), step.unit());
    if step == Step::Structure || done == 0 {
        return so_far;
    }
    let micros = elapsed.as_micros().max(1);
    let rate = u128::from(done) * 1_000_000 / micros;
    let left = u128::from(total.saturating_sub(done)) * micros / u128::from(done) / 1_000_000;
    format!("{so_far}, {rate}/s, about {left} s left")
}

/// The template of the progress bar of a step.
fn template_of(step: Step) -> &'static str {
    match step {
        Step::Copying => "copying   {wide_bar} {percent}% {binary_bytes_per_sec} {eta}",
        Step::Structure => "checking  {wide_bar} {percent}% of the structure",
        Step::Changes => "checking  {wide_bar} {percent}% {per_sec} changes {eta}",
        Step::Personas => "checking  {wide_bar} {percent}% {per_sec} personas {eta}",
        Step::Transferring => "moving    {wide_bar} {percent}% {per_sec} changes {eta}",
        Step::Comparing => "comparing {wide_bar} {percent}% {per_sec} changes {eta}",
    }
}

/// The failure of a command that found damage in a file. With `--json` the findings were printed
/// already.
pub fn unsound(message: String, output: &Output) -> Failure {
    if output.is_json() {
        return Failure::silent(ExitCode::Failure);
    }
    Failure::new(ExitCode::Failure, message).hint(
        "keep the file and restore a backup with `persona restore FILE`; nothing was \
         repaired or deleted",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use persona_storage::sqlite::{Progress, Step};

    use super::line_of;

    #[test]
    fn a_line_foretells_only_what_can_be_known() {
        let line = |step, done, total, seconds| {
            line_of(Progress { step, done, total }, Duration::from_secs(seconds))
        };
        assert_eq!(line(Step::Structure, 3, 15, 100), "checking the structure: 3 of 15 rows");
        assert_eq!(line(Step::Personas, 0, 200, 9), "checking the personas: 0 of 200 personas");
        // A rate below one in a second.
        assert_eq!(
            line(Step::Personas, 4, 10, 20),
            "checking the personas: 4 of 10 personas, 0/s, about 30 s left"
        );
        assert_eq!(
            line(Step::Copying, 5_000, 10_000, 10),
            "copying: 5000 of 10000 pages, 500/s, about 10 s left"
        );
    }
}
