//! Long work beside the thread that serves, which has other clients to answer meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::{JoinHandle, spawn_blocking};

/// The system gives the process no thread; the work has not begun.
pub(crate) struct NoThread;

/// Does long work on a blocking thread.
///
/// # Errors
///
/// [`NoThread`]. The runtime panics then, and that must not end a request of which a part may be
/// committed already.
pub(crate) fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, NoThread> {
    catch_unwind(AssertUnwindSafe(|| spawn_blocking(work))).map_err(|_| NoThread)
}
