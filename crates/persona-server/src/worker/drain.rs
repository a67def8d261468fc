//! How a worker stops without failing a request.
//!
//! HTTP/1.1 gives a server no way to say "no more requests" on a connection that is idle: it can
//! only answer the next one with `Connection: close`, or close and hope that none is under way. So
//! a draining worker first stops accepting and answers what comes with `Connection: close`; only
//! after a grace it closes what is still idle. A client that sends a request now and then never
//! meets a closed connection.

use std::time::Duration;

use tokio::sync::watch;

/// How long idle connections stay open after a worker began to drain. Long enough for any busy
/// client to come by.
pub(super) const IDLE_GRACE: Duration = Duration::from_secs(2);

/// The same where the whole server stops, and no other worker goes on: long enough for a request
/// that is under way, or that waits on a connection from the listener's queue, and too short to be
/// noticed.
pub(super) const LAST_GRACE: Duration = Duration::from_millis(250);

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Serving,
    Draining,
    Closing,
}

/// Tells all parts of a worker that it is about to end.
#[derive(Clone, Debug)]
pub struct Drain {
    stage: watch::Receiver<Stage>,
}

/// The side that begins a drain.
#[derive(Debug)]
pub(super) struct Drainer {
    stage: watch::Sender<Stage>,
}

impl Drain {
    /// A drain that has not begun, and the side that may begin it.
    pub(super) fn new() -> (Drainer, Self) {
        let (sender, receiver) = watch::channel(Stage::Serving);
        (Drainer { stage: sender }, Self { stage: receiver })
    }

    /// Whether the worker is about to end.
    pub fn has_begun(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Waits until the worker is about to end.
    pub async fn begun(&mut self) {
        self.reached(Stage::Draining).await;
    }

    /// Waits until idle connections are to be closed.
    pub(super) async fn closing(&mut self) {
        self.reached(Stage::Closing).await;
    }

    async fn reached(&mut self, stage: Stage) {
        // The wait fails when the sender is gone, which means that the worker ends as well.
        let _ = self.stage.wait_for(|now| *now >= stage).await;
    }
}

impl Drainer {
    /// Begins: no new connections, and each answer is the last on its connection.
    pub(super) fn begin(&self) {
        self.raise(Stage::Draining);
    }

    /// The grace is over: idle connections are closed.
    pub(super) fn close(&self) {
        self.raise(Stage::Closing);
    }

    fn raise(&self, to: Stage) {
        self.stage.send_if_modified(|now| {
            let raised = *now < to;
            *now = to.max(*now);
            raised
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Drain;

    #[tokio::test(flavor = "current_thread")]
    async fn a_drain_begins_then_closes_and_never_goes_back() {
        let (drainer, mut drain) = Drain::new();
        assert!(!drain.has_begun());
        drainer.close();
        drainer.begin();
        drain.begun().await;
        drain.closing().await;
        assert!(drain.has_begun());
    }
}
