//! A brake for all writers: they go on, but slower, while the keeper comes closer to the end of the log.
//!
//! A disk takes about as many random pages a second as writers change. So however often the log is copied back beside them,
//! as many pages as before are left at the end, and they would have to be copied while nobody can write (ADR 0024).

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::gate::{Gate, Pass};

/// How long the brake is in at the gate at a time: as long as a transaction, so that it is one more writer that takes turns.
const HOLD: Duration = Duration::from_millis(10);

/// Does some work, on a thread of its own, while writers are slowed down. Then nobody is in any more but the caller.
///
/// # Errors
///
/// The file system does not know locks; the work was done.
pub(super) fn braked<T: Send>(gate: &Gate, work: impl FnOnce() -> T + Send) -> io::Result<(T, Pass<'_>)> {
    thread::scope(|scope| {
        let (working, ended) = mpsc::channel::<()>();
        let thread = scope.spawn(move || {
            let result = work();
            drop(working);
            result
        });
        // Nothing is ever sent; it is over when the sender is gone, also when the work panics.
        let is_over_within = |time| ended.recv_timeout(time) != Err(RecvTimeoutError::Timeout);
        let pass = loop {
            let pass = gate.enter()?;
            if is_over_within(HOLD) {
                break pass;
            }
            drop(pass);
        };
        Ok((thread.join().unwrap_or_else(|panic| resume_unwind(panic)), pass))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use super::{HOLD, braked};
    use crate::Observer;
    use crate::sqlite::gate::Gate;

    /// How often the brake was in.
    #[derive(Default)]
    struct Holds(AtomicU32);

    impl Observer for Holds {
        fn gate_held(&self, _hold: Duration) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn writers_wait_for_the_brake_and_get_in_between_and_not_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Gate::open(&folder.path().join("persona.db")).expect("a gate");
        let holds = Arc::new(Holds::default());
        let (brake, writer) = (open().observed_by(holds.clone()), open());
        let work = move || {
            let enter = || {
                let began = Instant::now();
                drop(writer.enter().expect("locks work"));
                began.elapsed()
            };
            // However slowly the brake comes to its turn on a busy machine, it comes.
            let (began, mut entered) = (Instant::now(), 0);
            let mut waited = false;
            while entered < 20 || !waited && began.elapsed() < Duration::from_secs(10) {
                waited |= enter() >= HOLD / 2;
                entered += 1;
            }
            (writer, waited)
        };
        let ((writer, waited), pass) = braked(&brake, work).expect("locks work");
        let holds = holds.0.load(Ordering::Relaxed);
        assert!(waited, "no writer waited for the brake");
        assert!(holds <= 100, "a writer got in twenty times, and the brake {holds} times");
        let is_free = || writer.enter_until(Instant::now()).expect("locks work").is_some();
        assert!(!is_free());
        drop(pass);
        assert!(is_free());
    }
}
