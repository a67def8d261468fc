//! Long work beside the thread that serves, which has other clients to answer meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::problem::{Code, Problem};

/// Does long work on a blocking thread.
///
/// # Errors
///
/// The system gives the process no thread; the work has not begun. The runtime panics then, and
/// that must not end a request of which a part may be committed already.
pub(crate) fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Problem> {
    catch_unwind(AssertUnwindSafe(|| spawn_blocking(work)))
        .map_err(|_| Problem::new(Code::Busy, "the server has no thread left for this").retry())
}
