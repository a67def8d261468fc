//! The progress of a connection. The task of the connection writes it, and the table of places
//! reads it to decide whether the connection may stay.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use crate::clock::{Millis, coarse_millis};
use persona_http::Refusal;

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// No byte has arrived yet.
    Fresh,
    /// The head of a request has begun and is not complete.
    HeadBegun,
    /// A request is being answered, or it is not known yet whether one has arrived.
    Busy,
    /// All requests are answered, and no byte has arrived since.
    Idle,
}

/// The progress of a connection. Only the task of the connection writes it, except for the demands
/// of the table of places. The table may read values that are a moment old.
#[derive(Debug)]
pub struct Progress {
    clock: Millis,
    /// Whether the task has found the socket empty at least once. Until then bytes may be waiting
    /// to be read.
    was_empty: AtomicBool,
    /// Number of heads that were complete or refused.
    heads: AtomicU32,
    answered: AtomicU32,
    /// Number of bodies of answers without a length that are being sent.
    streams: AtomicU32,
    is_head_begun: AtomicBool,
    /// Whether bytes of an answer wait for the client to read.
    is_blocked: AtomicBool,
    /// Whether the connection waits for the rest of a body.
    is_body_awaited: AtomicBool,
    /// When the current or last stage other than [`Stage::Busy`] began, in milliseconds of the
    /// clock.
    since: AtomicU64,
    /// When a connection that has not been idle since was first made to wait, in milliseconds of
    /// the clock; 0 where it was not.
    busy_since: AtomicU64,
    /// The number of the request that is answered with a refusal, and the refusal.
    refused: OnceLock<(u32, Refusal)>,
    is_too_slow: AtomicBool,
}

impl Default for Progress {
    /// The progress of a new connection, with the clock of the machine.
    fn default() -> Self {
        Self::new(coarse_millis)
    }
}

impl Progress {
    /// The progress of a new connection.
    pub fn new(clock: Millis) -> Self {
        Self {
            clock,
            was_empty: AtomicBool::new(false),
            heads: AtomicU32::new(0),
            answered: AtomicU32::new(0),
            streams: AtomicU32::new(0),
            is_head_begun: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            is_body_awaited: AtomicBool::new(false),
            since: AtomicU64::new(clock()),
            busy_since: AtomicU64::new(0),
            refused: OnceLock::new(),
            is_too_slow: AtomicBool::new(false),
        }
    }

    /// What it is doing.
    pub fn stage(&self) -> Stage {
        let heads = self.heads.load(Relaxed);
        if heads != self.answered.load(Relaxed)
            || self.streams.load(Relaxed) > 0
            || self.is_blocked.load(Relaxed)
        {
            Stage::Busy
        } else if self.is_head_begun.load(Relaxed) {
            Stage::HeadBegun
        } else if heads == 0 {
            if self.was_empty.load(Relaxed) { Stage::Fresh } else { Stage::Busy }
        } else {
            Stage::Idle
        }
    }

    /// How long the connection has been in its stage, in milliseconds; for a busy connection, the
    /// time since the previous stage began.
    pub fn lasts_ms(&self, now: u64) -> u64 {
        now.saturating_sub(self.since.load(Relaxed))
    }

    /// How long the connection has been busy without a pause, in milliseconds, counted from its
    /// first wait for the client or for the work. A request that is answered without a wait counts
    /// as 0, and no clock is read for it.
    pub fn busy_ms(&self, now: u64) -> u64 {
        match self.busy_since.load(Relaxed) {
            0 => 0,
            since => now.saturating_sub(since),
        }
    }

    /// Starts the busy time of a connection that never waits, because its client sends one request
    /// after the other.
    pub fn look(&self) {
        if self.stage() == Stage::Busy {
            self.note_wait();
        }
    }

    /// Whether the connection waits for its client: to send the rest of a body, or to read an
    /// answer.
    pub fn waits_for_client(&self) -> bool {
        self.is_blocked.load(Relaxed) || self.is_body_awaited.load(Relaxed)
    }

    /// Number of requests that were answered.
    pub fn answered(&self) -> u32 {
        self.answered.load(Relaxed)
    }

    /// Marks the head of the current request as too slow. It takes effect when the connection's
    /// task is woken, and only if the head is not complete by then.
    pub fn say_too_slow(&self) {
        self.is_too_slow.store(true, Relaxed);
    }

    // ---- by the task of the connection
    // ---------------------------------------------------------------------------------

    pub(super) fn is_too_slow(&self) -> bool {
        self.is_too_slow.load(Relaxed)
    }

    fn note_wait(&self) {
        if self.busy_since.load(Relaxed) == 0 {
            self.busy_since.store((self.clock)(), Relaxed);
        }
    }

    /// Notes that the connection waits for its client, before it can have a head.
    pub fn wait_for_handshake(&self) {
        self.nothing_came();
    }

    /// Notes that heads can arrive from now on.
    pub fn handshake_is_over(&self) {
        self.since.store((self.clock)(), Relaxed);
    }

    pub(super) fn nothing_came(&self) {
        if !self.was_empty.load(Relaxed) {
            self.was_empty.store(true, Relaxed);
            self.since.store((self.clock)(), Relaxed);
        }
        if self.heads.load(Relaxed) != self.answered.load(Relaxed) {
            self.note_wait();
        }
    }

    pub(super) fn head_begun(&self) {
        if !self.is_head_begun.swap(true, Relaxed)
            && self.heads.load(Relaxed) == self.answered.load(Relaxed)
        {
            self.since.store((self.clock)(), Relaxed);
        }
    }

    pub(super) fn head_complete(&self) {
        let heads = self.heads.load(Relaxed);
        if heads == self.answered.load(Relaxed) {
            self.busy_since.store(0, Relaxed);
        }
        self.is_head_begun.store(false, Relaxed);
        self.heads.store(heads.wrapping_add(1), Relaxed);
    }

    /// Notes that the next request is answered with this refusal, whatever the client sent.
    pub(super) fn refuse(&self, refusal: Refusal) {
        // A connection ends with its first refusal.
        let _ = self.refused.set((self.heads.load(Relaxed), refusal));
        self.head_complete();
    }

    pub(super) fn set_body_awaited(&self, is_awaited: bool) {
        if self.is_body_awaited.load(Relaxed) != is_awaited {
            self.is_body_awaited.store(is_awaited, Relaxed);
        }
    }

    pub(super) fn set_blocked(&self, is_blocked: bool) {
        if self.is_blocked.load(Relaxed) != is_blocked {
            self.is_blocked.store(is_blocked, Relaxed);
            self.since.store((self.clock)(), Relaxed);
            if is_blocked {
                self.note_wait();
            }
        }
    }

    /// Why the request that is being answered is refused, if it is.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refused
            .get()
            .filter(|(number, _)| *number == self.answered.load(Relaxed))
            .map(|(_, refusal)| *refusal)
    }

    /// Notes that a request has its answer, apart from a body that is a stream.
    pub fn note_answer(&self) {
        self.since.store((self.clock)(), Relaxed);
        self.answered.store(self.answered.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Notes that the body of an answer is a stream, and that one has ended.
    pub fn note_stream(&self, is_open: bool) {
        if is_open {
            self.streams.fetch_add(1, Relaxed);
        } else {
            self.since.store((self.clock)(), Relaxed);
            self.streams.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Refusal, Stage};

    #[test]
    fn a_connection_goes_through_its_stages() {
        let progress = Progress::default();
        assert_eq!(progress.stage(), Stage::Busy, "nothing was read yet");
        progress.nothing_came();
        assert_eq!(progress.stage(), Stage::Fresh);
        progress.head_begun();
        assert_eq!(progress.stage(), Stage::HeadBegun);
        progress.head_complete();
        assert_eq!((progress.stage(), progress.refusal()), (Stage::Busy, None));
        progress.head_begun();
        progress.note_stream(true);
        progress.note_answer();
        assert_eq!(progress.stage(), Stage::Busy, "its body is being sent");
        progress.note_stream(false);
        assert_eq!(progress.stage(), Stage::HeadBegun, "the next one came meanwhile");
        progress.refuse(Refusal::TooSlow);
        assert_eq!((progress.stage(), progress.refusal()), (Stage::Busy, Some(Refusal::TooSlow)));
        progress.note_answer();
        assert_eq!((progress.stage(), progress.refusal()), (Stage::Idle, None));
        progress.set_blocked(true);
        assert_eq!(progress.stage(), Stage::Busy);
    }

    #[test]
    fn a_connection_is_busy_from_its_first_wait_on_until_it_is_idle() {
        thread_local!(static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(1) });
        let progress = Progress::new(|| NOW.get());
        progress.head_complete();
        assert_eq!(progress.busy_ms(9), 0, "it has not waited");
        progress.look();
        assert_eq!(progress.busy_ms(9), 8, "it never waits, and does not end");
        NOW.set(5);
        progress.head_complete();
        progress.note_answer();
        progress.nothing_came();
        assert_eq!(progress.busy_ms(9), 8, "the next one came before it was idle");
        progress.note_answer();
        progress.nothing_came();
        progress.head_complete();
        assert_eq!(progress.busy_ms(9), 0, "it was idle");
        progress.nothing_came();
        assert_eq!(progress.busy_ms(9), 4);
        progress.note_answer();
        progress.head_complete();
        progress.set_blocked(true);
        NOW.set(7);
        progress.set_blocked(false);
        progress.set_blocked(true);
        assert_eq!(progress.busy_ms(9), 4, "its client reads in sips");
    }

    #[test]
    fn only_the_refused_request_of_several_is_refused() {
        let progress = Progress::default();
        progress.head_complete();
        progress.refuse(Refusal::UnknownCoding);
        assert_eq!(progress.refusal(), None, "the first one is as it should be");
        progress.note_answer();
        assert_eq!(progress.refusal(), Some(Refusal::UnknownCoding));
    }
}
