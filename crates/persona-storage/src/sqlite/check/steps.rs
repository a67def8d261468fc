//! Measures the progress of a statement that reads a whole table, and allows to end it early.
//!
//! `PRAGMA integrity_check` answers when it is done with a table, which can be nearly the whole
//! file. Meanwhile SQLite calls a handler every [`STEPS_OF_A_CALL`] steps, and another thread
//! reports them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

/// Steps between two calls of the handler: a fraction of a millisecond.
const STEPS_OF_A_CALL: i32 = 4_000;
/// Steps that a row takes at least, in a table with two indexes; one of a table without takes
/// fewer. This is more than most rows take, so that the reported progress is behind the work and
/// not ahead of it.
const STEPS_OF_A_ROW: u64 = 40;
/// Time between two reports of progress: as fast as a bar is drawn.
const PACE: Duration = Duration::from_millis(100);

/// Counts the steps of one connection.
#[derive(Clone, Default)]
pub(super) struct Steps {
    calls: Arc<AtomicU64>,
    is_ended: Arc<AtomicBool>,
}

impl Steps {
    /// Counts the steps of all statements of this connection from now on.
    pub(super) fn of(connection: &mut Connection) -> rusqlite::Result<Self> {
        let steps = Self::default();
        let counted = steps.clone();
        let count = move || {
            counted.calls.fetch_add(1, Relaxed);
            counted.is_ended.load(Relaxed)
        };
        connection.progress_handler(STEPS_OF_A_CALL, Some(count))?;
        Ok(steps)
    }

    /// Runs a statement on this thread while another thread reports about how many rows it has
    /// read. A break ends the statement with an error.
    pub(super) fn told<T>(
        &self,
        tell: &mut (dyn FnMut(u64) -> ControlFlow<()> + Send),
        work: impl FnOnce() -> T,
    ) -> T {
        let before = self.calls.load(Relaxed);
        let rows = || {
            let steps =
                (self.calls.load(Relaxed) - before) * u64::from(STEPS_OF_A_CALL.unsigned_abs());
            steps / STEPS_OF_A_ROW
        };
        let (end, ended) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while ended.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                    if tell(rows()).is_break() {
                        self.is_ended.store(true, Relaxed);
                    }
                }
            });
            let result = work();
            drop(end);
            result
        })
    }

    /// Whether a statement was ended early.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use rusqlite::{Connection, ErrorCode};

    use super::Steps;

    /// A query that never ends.
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                           SELECT max(i) FROM n";

    #[test]
    fn a_statement_is_told_of_while_it_runs_and_ends_when_it_is_told_to() {
        let mut connection = Connection::open_in_memory().expect("memory");
        let steps = Steps::of(&mut connection).expect("a handler");
        let mut told = Vec::new();
        let mut tell = |rows| {
            told.push(rows);
            if told.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let count = || connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0));
        let ended = steps.told(&mut tell, count).expect_err("ended");
        assert_eq!(ended.sqlite_error_code(), Some(ErrorCode::OperationInterrupted));
        assert!(steps.is_ended() && told[0] < told[2], "{told:?}");
    }
}
