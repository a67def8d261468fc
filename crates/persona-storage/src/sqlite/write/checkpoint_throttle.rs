//! A brake for all writers: they go on, but slower, while the keeper comes closer to the end of the
//! log.
//!
//! A disk takes about as many random pages a second as writers change. So however often the log is
//! copied back beside them, as many pages as before are left at the end, and they would have to be
//! copied while nobody can write (ADR 0024).

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::write_lock::{WriteGuard, WriteLock};

/// How long the brake is in at the write lock at a time: as long as a transaction, so that it is
/// one more writer that takes turns.
const HOLD: Duration = Duration::from_millis(10);

/// Does some work, on a thread of its own, while writers are slowed down. Then nobody is in any
/// more but the caller.
///
/// # Errors
///
/// The file system does not know locks; the work was done.
pub(crate) fn braked<T: Send>(
    write_lock: &WriteLock,
    work: impl FnOnce() -> T + Send,
) -> io::Result<(T, WriteGuard<'_>)> {
    // Nothing is ever sent; it is over when the sender is gone, also when the work panics.
    braked_in_holds(write_lock, work, |ended| {
        ended.recv_timeout(HOLD) != Err(RecvTimeoutError::Timeout)
    })
}

/// `hold` waits holding the write lock until it is to be left, and tells whether the work is over.
fn braked_in_holds<T: Send>(
    write_lock: &WriteLock,
    work: impl FnOnce() -> T + Send,
    hold: impl Fn(&Receiver<()>) -> bool,
) -> io::Result<(T, WriteGuard<'_>)> {
    thread::scope(|scope| {
        let (working, ended) = mpsc::channel::<()>();
        let thread = scope.spawn(move || {
            let result = work();
            drop(working);
            result
        });
        let guard = loop {
            let guard = write_lock.lock()?;
            if hold(&ended) {
                break guard;
            }
            drop(guard);
        };
        Ok((thread.join().unwrap_or_else(|panic| resume_unwind(panic)), guard))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::mpsc;
    use std::time::Instant;

    use super::{braked, braked_in_holds};
    use crate::sqlite::write::write_lock::WriteLock;

    const ROUNDS: usize = 5;

    #[test]
    fn writers_wait_for_the_brake_and_get_in_between_and_not_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        let (brake, writer) = (open(), open());
        let is_free =
            |writer: &WriteLock| writer.lock_until(Instant::now()).expect("locks work").is_some();
        let ((is_in, comes_in), (leave, left)) = (mpsc::channel(), mpsc::channel());
        let writer_waits = AtomicBool::new(false);
        let work = {
            let writer_waits = &writer_waits;
            move || {
                for _ in 0..ROUNDS {
                    comes_in.recv().expect("the brake comes in again");
                    assert!(!is_free(&writer), "a writer is in beside the brake");
                    writer_waits.store(true, SeqCst);
                    leave.send(()).expect("the brake waits for it");
                    let guard = writer.lock().expect("locks work");
                    writer_waits.store(false, SeqCst);
                    drop(guard);
                }
                writer
            }
        };
        let hold = |ended: &mpsc::Receiver<()>| {
            // Whoever has just left may be quicker than who waits.
            if writer_waits.load(SeqCst) {
                return false;
            }
            let _ = is_in.send(());
            left.recv().is_err() && ended.recv().is_err()
        };
        let (writer, guard) = braked_in_holds(&brake, work, hold).expect("locks work");
        assert!(!is_free(&writer));
        drop(guard);
        assert!(is_free(&writer));
    }

    #[test]
    fn the_brake_is_in_when_the_work_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let write_lock = WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        let (result, _guard) = braked(&write_lock, || 7).expect("locks work");
        assert_eq!(result, 7);
        let other = WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        assert!(other.lock_until(Instant::now()).expect("locks work").is_none());
    }
}
