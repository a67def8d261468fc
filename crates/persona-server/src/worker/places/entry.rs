//! One connection as the table of places sees it: its client, how far it has come, and whether it
//! was told to close.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

use tokio::sync::Notify;

use crate::clock::Millis;
use crate::heads::{Progress, Stage};

/// A connection that was used this short a time ago is closed with its next answer rather than at
/// once, which would break off a request that is under way.
const USED_MS: u64 = 50;

/// How long such a connection may wait for that answer.
const NEXT_ANSWER_MS_MAX: u64 = 1_000;

/// How long a connection may take for its first bytes. After that it is the first to make room.
/// Until then it is the last, because its head is on the way; except where half of all connections
/// are of this kind.
pub(super) const HEAD_GRACE_MS: u64 = 1_000;

/// How long a request may run in any case: nearly all requests are answered by then, and their
/// connections make room without being broken off.
pub(super) const BUSY_MS_MIN: u64 = 250;

/// How long a connection may last, so that connections move on to workers that are new or have less
/// to do. Each has up to a tenth less, so that connections that were opened together do not end
/// together.
const AGE_MS_MAX: u64 = 3_600_000;

/// Most requests on one connection, for the same reason. A load generator that keeps 16 connections
/// busy needs a minute for them.
const REQUESTS_MAX: u32 = 100_000;

/// One connection.
pub(in crate::worker) struct Entry {
    pub(super) client: IpAddr,
    pub(super) is_proxy: bool,
    /// Whether it takes a place of the reserve; changed under the lock of the table.
    pub(super) is_reserved: AtomicBool,
    /// How far its requests have come.
    pub progress: Arc<Progress>,
    opened: u64,
    age_max: u64,
    asked: AtomicU8,
    wake: Notify,
    /// Whether it has made room; changed under the lock of the table.
    pub(super) has_left: AtomicBool,
    /// When it was told to make room, in milliseconds of the clock.
    left_at: AtomicU64,
}

/// What a connection was told: to stay, to close with its next answer, to close as soon as no
/// request is being answered, or to close whatever is under way.
const STAY: u8 = 0;
const CLOSE_WITH_ANSWER: u8 = 1;
const CLOSE: u8 = 2;
const CUT_OFF: u8 = 3;

impl Entry {
    /// A connection of this client that begins now. `number` spreads the ends of those that began
    /// together.
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

    /// Whether it takes a place of the reserve.
    pub fn is_reserved(&self) -> bool {
        self.is_reserved.load(Relaxed)
    }

    /// The client; `None` for a proxy, which connects for many.
    pub fn client_alone(&self) -> Option<IpAddr> {
        (!self.is_proxy).then_some(self.client)
    }

    /// Waits until the connection is to look at what it is asked.
    pub async fn asked(&self) {
        self.wake.notified().await;
    }

    /// Whether it is to be closed as soon as nothing is being answered.
    pub fn is_to_close(&self) -> bool {
        self.asked.load(Relaxed) >= CLOSE
    }

    /// Whether it is to be closed at once, with what is under way on it.
    pub fn is_cut_off(&self) -> bool {
        self.asked.load(Relaxed) == CUT_OFF
    }

    /// Whether the answer that is about to be given is the last of the connection.
    pub fn closes_with_answer(&self) -> bool {
        self.is_reserved()
            || self.asked.load(Relaxed) != STAY
            || self.progress.answered() >= REQUESTS_MAX - 1
    }

    /// Whether nothing was asked of it.
    pub(super) fn may_stay(&self) -> bool {
        self.asked.load(Relaxed) == STAY
    }

    /// Whether it takes a place, and was not told to make room.
    pub(super) fn has_place(&self) -> bool {
        !self.has_left.load(Relaxed)
    }

    /// Notes that it makes room from now on.
    pub(super) fn note_left(&self, now: u64) {
        self.left_at.store(now, Relaxed);
        self.has_left.store(true, Relaxed);
    }

    /// How long ago it was told to make room, in milliseconds; `None` while it has a place.
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

    /// Whether its first head is late, or a later head makes no progress.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        matches!(self.progress.stage(), Stage::Fresh | Stage::HeadBegun)
            && self.progress.lasts_ms(now) >= HEAD_GRACE_MS
    }

    /// Whether it has been busy for so long that its request is broken off where its client holds
    /// more than its share.
    pub(super) fn is_long_busy(&self, now: u64) -> bool {
        self.progress.stage() == Stage::Busy && self.progress.busy_ms(now) >= BUSY_MS_MIN
    }

    /// Tells the connection to make room, in the way that breaks off least in its stage.
    pub(super) fn close_gently(&self, now: u64) {
        let stage = self.progress.stage();
        let is_in_use =
            stage == Stage::Busy || (stage == Stage::Idle && self.progress.lasts_ms(now) < USED_MS);
        if is_in_use { self.close_with_answer() } else { self.close() }
    }

    /// Closes it where its age, or its time without a request, says so. Both bounds are in
    /// milliseconds.
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
