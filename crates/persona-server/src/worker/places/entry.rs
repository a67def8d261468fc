//! One connection as the table of places sees it: its client and token, its progress, and whether
//! it was told to close.

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use persona_storage::Party;
use tokio::sync::Notify;

use crate::clock::Millis;
use crate::heads::{Progress, Stage};

/// A connection that was used less than this time ago is closed with its next answer and not at
/// once, because a request may be under way.
const USED_MS: u64 = 50;

/// How long a connection that was told to close with its next answer may wait for it.
const NEXT_ANSWER_MS_MAX: u64 = 1_000;

/// How long a connection may take for its first bytes. After that it is the first to make room.
/// Until then it is the last, because its first head is probably on the way, unless half of all
/// connections are in this state.
pub(super) const HEAD_GRACE_MS: u64 = 1_000;

/// How long a request may run before it can be broken off. Nearly all requests are answered by
/// then, so their connections make room without a loss.
pub(super) const BUSY_MS_MIN: u64 = 250;

/// Longest life of a connection, so that connections spread over new and idle workers. Each gets up
/// to a tenth less, so that connections that were opened together do not end together.
const AGE_MS_MAX: u64 = 3_600_000;

/// Most requests on one connection, so that busy connections spread over workers too. A load
/// generator with 16 connections makes this many requests on each in about a minute.
const REQUESTS_MAX: u32 = 100_000;

/// One connection.
pub(in crate::worker) struct Entry {
    pub(super) client: IpAddr,
    pub(super) is_proxy: bool,
    /// The token of the newest request that was let in by one; changed under the lock of the table.
    token: Mutex<Option<Party>>,
    /// Whether the connection has a place of the reserve; changed under the lock of the table.
    pub(super) is_reserved: AtomicBool,
    /// The progress of its requests.
    pub progress: Arc<Progress>,
    opened: u64,
    age_max: u64,
    asked: AtomicU8,
    wake: Notify,
    /// Whether the connection has given up its place; changed under the lock of the table.
    pub(super) has_left: AtomicBool,
    /// When the connection was told to make room, in milliseconds of the clock.
    left_at: AtomicU64,
}

/// The demands on a connection, in growing strength: stay, close with the next answer, close as
/// soon as no request is being answered, close at once.
const STAY: u8 = 0;
const CLOSE_WITH_ANSWER: u8 = 1;
const CLOSE: u8 = 2;
const CUT_OFF: u8 = 3;

impl Entry {
    /// Makes the entry of a connection that begins now. `number` spreads the ends of connections
    /// that began together.
    pub(super) fn new(
        client: IpAddr,
        is_proxy: bool,
        is_reserved: bool,
        number: usize,
        clock: Millis,
    ) -> Self {
        Self {
            client,
            is_proxy,
            token: Mutex::default(),
            is_reserved: AtomicBool::new(is_reserved),
            progress: Arc::new(Progress::new(clock)),
            opened: clock(),
            age_max: AGE_MS_MAX - AGE_MS_MAX / 10 * (number as u64 % 16) / 16,
            asked: AtomicU8::new(STAY),
            wake: Notify::new(),
            has_left: AtomicBool::new(false),
            left_at: AtomicU64::new(0),
        }
    }

    /// The token of the newest request that was let in by one.
    pub(super) fn token(&self) -> Option<Party> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_token(&self, token: Party) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// What an ordinary place of the connection counts for: its address, and its token. The place
    /// of a proxy counts for neither, because it serves many clients.
    pub(super) fn parties(&self) -> impl Iterator<Item = Party> {
        let parties = [Some(Party::Address(self.client)), self.token()].into_iter().flatten();
        parties.filter(|_| !self.is_proxy)
    }

    /// Whether the connection has a place of the reserve.
    pub fn is_reserved(&self) -> bool {
        self.is_reserved.load(Relaxed)
    }

    /// The client; `None` for a proxy, because its connections serve many clients.
    pub fn client_alone(&self) -> Option<IpAddr> {
        (!self.is_proxy).then_some(self.client)
    }

    /// Waits for a demand on the connection.
    pub async fn asked(&self) {
        self.wake.notified().await;
    }

    /// Whether the connection must close as soon as no request is being answered.
    pub fn is_to_close(&self) -> bool {
        self.asked.load(Relaxed) >= CLOSE
    }

    /// Whether the connection must close at once, even during a request.
    pub fn is_cut_off(&self) -> bool {
        self.asked.load(Relaxed) == CUT_OFF
    }

    /// Whether the next answer is the last on the connection.
    pub fn closes_with_answer(&self) -> bool {
        self.is_reserved()
            || self.asked.load(Relaxed) != STAY
            || self.progress.answered() >= REQUESTS_MAX - 1
    }

    /// Whether there is no demand on the connection.
    pub(super) fn may_stay(&self) -> bool {
        self.asked.load(Relaxed) == STAY
    }

    /// Whether the connection has a place and was not told to give it up.
    pub(super) fn has_place(&self) -> bool {
        !self.has_left.load(Relaxed)
    }

    /// Records that the connection gives up its place from now on.
    pub(super) fn note_left(&self, now: u64) {
        self.left_at.store(now, Relaxed);
        self.has_left.store(true, Relaxed);
    }

    /// How long ago the connection was told to make room, in milliseconds; `None` while it has a
    /// place.
    pub(super) fn left_ms(&self, now: u64) -> Option<u64> {
        (!self.has_place()).then(|| now.saturating_sub(self.left_at.load(Relaxed)))
    }

    pub(super) fn close_with_answer(&self) {
        self.ask(CLOSE_WITH_ANSWER);
    }

    pub(super) fn close(&self) {
        self.ask(CLOSE);
    }

    pub(super) fn cut_off(&self) {
        self.ask(CUT_OFF);
    }

    fn ask(&self, what: u8) {
        if self.asked.fetch_max(what, Relaxed) < what && what >= CLOSE {
            self.wake.notify_one();
        }
    }

    /// Whether the first head of the connection is late, or a later head makes no progress.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        matches!(self.progress.stage(), Stage::Fresh | Stage::HeadBegun)
            && self.progress.lasts_ms(now) >= HEAD_GRACE_MS
    }

    /// Whether the connection has been busy for so long that its request may be broken off, if its
    /// client holds more than its share.
    pub(super) fn is_long_busy(&self, now: u64) -> bool {
        self.progress.stage() == Stage::Busy && self.progress.busy_ms(now) >= BUSY_MS_MIN
    }

    /// Tells the connection to make room, in the way that disturbs least at its stage.
    pub(super) fn close_gently(&self, now: u64) {
        let stage = self.progress.stage();
        let is_in_use =
            stage == Stage::Busy || (stage == Stage::Idle && self.progress.lasts_ms(now) < USED_MS);
        if is_in_use { self.close_with_answer() } else { self.close() }
    }

    /// Closes the connection if it is too old, idle for too long, or its head is too slow. Both
    /// limits are in milliseconds.
    pub(super) fn look(&self, now: u64, idle_max: u64, head_max: u64) {
        let lasts = self.progress.lasts_ms(now);
        self.progress.look();
        if now.saturating_sub(self.opened) >= self.age_max {
            self.close_with_answer();
        }
        match self.progress.stage() {
            Stage::HeadBegun if lasts >= head_max => {
                self.progress.say_too_slow();
                self.wake.notify_one();
            }
            Stage::Fresh | Stage::Idle if lasts >= idle_max => self.close(),
            Stage::Idle if lasts >= NEXT_ANSWER_MS_MAX && !self.may_stay() => self.close(),
            _ => {}
        }
    }
}
