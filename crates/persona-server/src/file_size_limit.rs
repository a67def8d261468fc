//! Turns a limit on the size of files (`ulimit -f`) into an error of the write, instead of the end
//! of the program.

use tokio::signal::unix::{SignalKind, signal};

/// `SIGXFSZ` on every architecture of Linux that Rust runs on except MIPS.
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Lets a write beyond the limit fail with `EFBIG`. Without a handler the kernel ends the process
/// with `SIGXFSZ` instead (`setrlimit(2)`), while it may be serving other clients.
///
/// The handler is set through tokio, because that needs no unsafe code. It stays after the runtime,
/// which is made only for this, has ended.
pub fn report_as_error() {
    let installed =
        tokio::runtime::Builder::new_current_thread().enable_io().build().and_then(|runtime| {
            let _entered = runtime.enter();
            signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED)).map(drop)
        });
    if let Err(error) = installed {
        tracing::warn!(error = %error, "a limit on the size of files would end this process");
    }
}
