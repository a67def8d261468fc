//! The checkpoint throttle: slows all writers down while the maintenance process comes closer to
//! the end of the WAL.
//!
//! A disk writes about as many random pages a second as writers change. So however often the WAL is
//! checkpointed beside the writers, about as many pages as before are left at the end. Without the
//! throttle these pages would be copied while no process can write (ADR 0024).

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::write_lock::{WriteGuard, WriteLock};

/// How long the throttle holds the write lock at a time: as long as a transaction, so that the
/// throttle is one more writer that takes turns.
const HOLD: Duration = Duration::from_millis(10);

/// Does work on a separate thread while writers are slowed down. At the end only the caller holds
/// the write lock.
///
/// # Errors
///
/// The file system does not know locks; the work was done.
pub(crate) fn with_throttled_writers<T: Send>(
    write_lock: &WriteLock,
    work: impl FnOnce() -> T + Send,
) -> io::Result<(T, WriteGuard<'_>)> {
    // No message is ever sent. The work is over when the sender is dropped, also by a panic.
    throttle_in_holds(write_lock, work, |ended| {
        ended.recv_timeout(HOLD) != Err(RecvTimeoutError::Timeout)
    })
}

/// As [`with_throttled_writers`]. `hold` returns when the write lock must be released, with whether
/// the work is over.
fn throttle_in_holds<T: Send>(
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

    use super::{throttle_in_holds, with_throttled_writers};
    use crate::sqlite::write::write_lock::WriteLock;

    const ROUNDS: usize = 5;

    #[test]
    fn writers_wait_for_the_throttle_and_get_in_between_and_not_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        let (throttle, writer) = (open(), open());
        let is_free =
            |writer: &WriteLock| writer.lock_until(Instant::now()).expect("locks work").is_some();
        let ((is_in, comes_in), (leave, left)) = (mpsc::channel(), mpsc::channel());
        let writer_waits = AtomicBool::new(false);
        let work = {
            let writer_waits = &writer_waits;
            move || {
                for _ in 0..ROUNDS {
                    comes_in.recv().expect("the throttle comes in again");
                    assert!(!is_free(&writer), "a writer is in beside the throttle");
                    writer_waits.store(true, SeqCst);
                    leave.send(()).expect("the throttle waits for it");
                    let guard = writer.lock().expect("locks work");
                    writer_waits.store(false, SeqCst);
                    drop(guard);
                }
                writer
            }
        };
        let hold = |ended: &mpsc::Receiver<()>| {
            // The throttle, which has just released the lock, may be quicker than the waiter.
            if writer_waits.load(SeqCst) {
                return false;
            }
            let _ = is_in.send(());
            left.recv().is_err() && ended.recv().is_err()
        };
        let (writer, guard) = throttle_in_holds(&throttle, work, hold).expect("locks work");
        assert!(!is_free(&writer));
        drop(guard);
        assert!(is_free(&writer));
    }

    #[test]
    fn the_throttle_is_in_when_the_work_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let write_lock = WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        let (result, _guard) = with_throttled_writers(&write_lock, || 7).expect("locks work");
        assert_eq!(result, 7);
        let other = WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        assert!(other.lock_until(Instant::now()).expect("locks work").is_none());
    }
}
