//! The server that a worker belongs to, as its router sees it: the scoreboard, and the way to the
//! supervisor.

use std::io;
use std::os::unix::net::UnixStream;

use persona_http::{Restart, ServerFigures, ServerState};
use persona_model::Timestamp;

use crate::clock::monotonic_micros;
use crate::scoreboard::{NoRestart, ProcessEntry};
use crate::supervisor::{Message, say};

/// See the module.
pub(super) struct ThisServer {
    entry: ProcessEntry,
    /// The worker's end of its socket to the supervisor.
    supervisor: UnixStream,
}

impl ThisServer {
    /// The server of the worker with this entry and this socket.
    ///
    /// # Errors
    ///
    /// There is no room for another descriptor.
    pub(super) fn new(entry: &ProcessEntry, supervisor: &UnixStream) -> io::Result<Self> {
        Ok(Self { entry: entry.clone(), supervisor: supervisor.try_clone()? })
    }
}

impl ServerState for ThisServer {
    fn slot(&self) -> u16 {
        ServerState::slot(&self.entry)
    }

    fn figures(&self, now: Timestamp) -> ServerFigures {
        self.entry.figures(now)
    }

    fn metrics_text(&self) -> String {
        self.entry.metrics_text()
    }

    fn restart(&self) -> Restart {
        match self.entry.scoreboard().claim_restart(monotonic_micros()) {
            Err(NoRestart::UnderWay) => Restart::UnderWay,
            Err(NoRestart::TooSoon(wait)) => Restart::TooSoon(wait),
            Ok(()) if say(&self.supervisor, &Message::Restart).is_ok() => Restart::Begun,
            Ok(()) => Restart::Impossible,
        }
    }
}
