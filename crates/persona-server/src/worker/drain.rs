//! How a worker stops without failing a request.
//!
//! HTTP/1.1 gives a server no way to say "no more requests" on a connection that is idle: it can
//! only answer the next one with `Connection: close`, or close and hope that none is under way. So
//! a draining worker first stops accepting, and answers further requests with `Connection: close`.
//! Connections that are still idle are closed only after a grace period. So a client that sends
//! requests from time to time never meets a closed connection.

use std::time::Duration;

use tokio::sync::watch;

/// How long idle connections stay open after a worker began to drain. Long enough for every busy
/// client to send another request.
pub(super) const IDLE_GRACE: Duration = Duration::from_secs(2);

/// How long idle connections stay open when the whole server stops: long enough for a request that
/// is under way or waits on a connection in the listener's queue, and too short for a user to
/// notice.
pub(super) const LAST_GRACE: Duration = Duration::from_millis(250);

/// The stage of a drain.
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
    /// Makes a drain that has not begun, and the side that can begin it.
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

    /// Waits until idle connections must be closed.
    pub(super) async fn closing(&mut self) {
        self.reached(Stage::Closing).await;
    }

    async fn reached(&mut self, stage: Stage) {
        // An error means that the sender was dropped, so the worker ends too.
        let _ = self.stage.wait_for(|now| *now >= stage).await;
    }
}

impl Drainer {
    /// Begins the drain: no new connections, and each answer is the last on its connection.
    pub(super) fn begin(&self) {
        self.raise(Stage::Draining);
    }

    /// Ends the grace period: idle connections are closed.
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
