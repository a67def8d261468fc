//! The thread on which connections live, with its own runtime.
//!
//! A task reads and writes each connection, and a task finishes each write that was begun, even if
//! its request is dropped. Both must outlive the runtimes of the requests, which come and go.

use std::io;
use std::sync::Mutex;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::Error;

/// The thread, which ends when the value is dropped.
pub(super) struct IoThread {
    handle: Handle,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl IoThread {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("postgres".into()).spawn(move || {
            // The thread ends, whether it was told to or every sender was dropped.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, running: Some((end, thread)).into() })
    }

    /// The handle for tasks on this thread.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs work on this thread, and blocks the calling thread until it is done. Can be called from
    /// within another runtime.
    pub(super) fn wait_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // The caller waits, so it is there to receive.
            let _ = sender.send(work.await);
        });
        receiver.recv().map_err(|_| Error::Closed("its thread ended"))
    }

    /// Ends the thread, and with it every connection.
    pub(super) fn end(&self) {
        let running = self.running.lock().ok().and_then(|mut running| running.take());
        if let Some((end, thread)) = running {
            drop(end);
            // A panic of the thread was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.end();
    }
}
