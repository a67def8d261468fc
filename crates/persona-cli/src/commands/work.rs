//! Long work on a file: shows how far it is, and ends it at Ctrl-C with nothing half done.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use persona_storage::sqlite::{DatabaseError, Progress, Step, Watcher};
use tokio::sync::oneshot;

use super::failure::Failure;
use super::output::Output;
use persona_server::exit_code::ExitCode;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a page, which the copying is counted in.
const PAGE_BYTES: u64 = 4096;

/// Does the work on this thread, while another one waits for Ctrl-C.
pub fn run<T>(
    output: &Output,
    work: impl FnOnce(&mut Watcher<'_>) -> Result<T, DatabaseError>,
) -> Result<T, Failure> {
    run_as(output, work, |error| Failure::start(&error.into()))
}

/// The same for work that fails in its own way.
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
    // Without a runtime Ctrl-C ends the program at once, which leaves an unfinished file and no
    // harm.
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

/// A bar on a terminal, a line now and then elsewhere.
struct Display<'a> {
    output: &'a Output,
    bar: Option<ProgressBar>,
    step: Option<Step>,
    step_at: Instant,
    line_at: Instant,
}

impl<'a> Display<'a> {
    fn new(output: &'a Output) -> Self {
        let has_bar = !output.is_quiet() && !output.is_json() && std::io::stderr().is_terminal();
        let now = Instant::now();
        Self {
            output,
            bar: has_bar.then(|| ProgressBar::new(0)),
            step: None,
            step_at: now,
            line_at: now,
        }
    }

    fn show(&mut self, progress: Progress) {
        if self.step != Some(progress.step) {
            self.begin(progress.step);
        }
        let (done, total) = match progress.step {
            Step::Copying => (progress.done * PAGE_BYTES, progress.total * PAGE_BYTES),
            _ => (progress.done, progress.total),
        };
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if self.line_at.elapsed() >= LINE_INTERVAL {
            self.line_at = Instant::now();
            let rate = progress.done / self.step_at.elapsed().as_secs().max(1);
            let (unit, left) =
                (progress.step.unit(), progress.total.saturating_sub(progress.done) / rate.max(1));
            self.output.note(&format!(
                "{} of {} {unit}, {rate}/s, about {left} s left",
                progress.done, progress.total
            ));
        }
    }

    fn begin(&mut self, step: Step) {
        self.step = Some(step);
        self.step_at = Instant::now();
        if let Some(bar) = &self.bar {
            let template = match step {
                Step::Copying => "copying   {wide_bar} {percent}% {binary_bytes_per_sec} {eta}",
                Step::Structure => "checking  {wide_bar} {pos}/{len} tables",
                Step::Changes => "checking  {wide_bar} {percent}% {per_sec} changes {eta}",
                Step::Personas => "checking  {wide_bar} {percent}% {per_sec} personas {eta}",
                Step::Moving => "moving    {wide_bar} {percent}% {per_sec} changes {eta}",
                Step::Comparing => "comparing {wide_bar} {percent}% {per_sec} changes {eta}",
            };
            bar.reset();
            bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        }
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A path as a word of a shell.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = !text.is_empty()
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "/._-+,:@".contains(char));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A failure of a file that was named on the command line: everything that was found, where that is
/// not said already.
pub fn unsound(message: String, output: &Output) -> Failure {
    if output.is_json() {
        return Failure::silent(ExitCode::Failure);
    }
    Failure::new(ExitCode::Failure, message)
        .hint("keep the file and restore a backup with `persona restore FILE`; nothing was repaired or deleted")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::shell_word;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        for (path, word) in [
            ("/a/b-1.db", "/a/b-1.db"),
            ("my file.db", "'my file.db'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
