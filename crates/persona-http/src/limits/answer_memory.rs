//! The memory that the answers of one process take up until they are sent.
//!
//! A client that asks for a lot and reads nothing makes the server hold the answer in memory. So
//! memory for a large answer is reserved before the answer is built, out of a total of which each
//! client has a share. It is released when the last byte was handed to the system: the buffer that
//! is sent owns the reservation ([`Bytes::from_owner`]). The time of sending is bounded too
//! (`worker/stream.rs`). A small answer needs no reservation, because the number of connections
//! bounds their memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use persona_storage::Party;

use crate::limits::ledger::{Bounds, Ledger};
use crate::problem::{Code, Problem};

/// Largest answer that counts as small, in bytes. Nearly all answers are smaller. Each connection
/// of a worker may hold this much: 64 MiB with the 1,024 that are usual, 192 MiB with the most that
/// can be chosen.
pub(crate) const SMALL_BYTES_MAX: usize = 64 * 1024;

/// The memory that the large answers of one process may take up together.
#[derive(Clone, Debug)]
pub struct AnswerMemoryLimit(Arc<Whole>);

#[derive(Debug)]
struct Whole {
    bytes_max: usize,
    ledger: Mutex<Ledger>,
}

/// The reserved memory of one answer; empty for a small answer.
#[derive(Debug)]
pub(crate) struct Reservation(Option<Held>);

/// A part of the total memory, released when the value is dropped.
#[derive(Debug)]
struct Held {
    whole: Arc<Whole>,
    party: Option<Party>,
    bytes: usize,
}

/// An answer that is being sent, with its reserved memory.
struct Sending {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AnswerMemoryLimit {
    /// A limit of this many bytes for all answers together.
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Whole { bytes_max, ledger: Mutex::default() }))
    }

    /// Reserves memory for an answer to a request that changed nothing: to a read, or a refusal. A
    /// client may hold a quarter of the total, and a quarter is kept free for writes.
    pub(crate) fn reserve(
        &self,
        party: Option<Party>,
        bytes: usize,
    ) -> Result<Reservation, Problem> {
        if bytes <= SMALL_BYTES_MAX {
            return Ok(Reservation(None));
        }
        let bytes_max = self.0.bytes_max;
        self.hold(party, bytes, Bounds { all: bytes_max - bytes_max / 4, party: bytes_max / 4 }).ok_or_else(|| {
            let detail = format!("answers that their clients do not read take up the memory for this one of {bytes} bytes");
            Problem::new(Code::Busy, detail).hint("read every answer to its end, and ask for less at once").retry()
        })
    }

    /// Reserves memory for the answer to a write that is committed. Such a write can no longer be
    /// refused, so a client may hold half of the total for it. `None` beyond that; the answer then
    /// only names the persona.
    pub(crate) fn reserve_after_write(
        &self,
        party: Option<Party>,
        bytes: usize,
    ) -> Option<Reservation> {
        if bytes <= SMALL_BYTES_MAX {
            return Some(Reservation(None));
        }
        let bytes_max = self.0.bytes_max;
        self.hold(party, bytes, Bounds { all: bytes_max, party: bytes_max / 2 })
    }

    /// The bytes that were released since the last call of this method.
    pub fn take_given_back(&self) -> usize {
        self.0.ledger().take_given_back()
    }

    fn hold(&self, party: Option<Party>, bytes: usize, bounds: Bounds) -> Option<Reservation> {
        let mut ledger = self.0.ledger();
        if ledger.check(party, bytes, bounds).is_err() {
            // The answer was built already; its memory is freed when this function returns.
            ledger.refused(bytes);
            return None;
        }
        ledger.take(party, bytes);
        Some(Reservation(Some(Held { whole: Arc::clone(&self.0), party, bytes })))
    }

    #[cfg(test)]
    fn held_by(&self, party: Option<Party>) -> usize {
        self.0.ledger().held_by(party)
    }
}

impl Whole {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A poisoned lock can be used: no code panics while the ledger is inconsistent.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Makes a body that holds the reservation until its last byte was sent, or its connection
    /// ended.
    pub fn body(self, bytes: impl Into<Bytes>) -> Body {
        Body::from(self.hold(bytes.into()))
    }

    /// Makes a part of a body that holds the reservation.
    pub fn hold(self, bytes: Bytes) -> Bytes {
        match self.0 {
            Some(mut held) if bytes.len() > SMALL_BYTES_MAX => {
                held.shrink_to(bytes.len());
                Bytes::from_owner(Sending { bytes, _held: held })
            }
            _ => bytes,
        }
    }
}

impl Held {
    /// Releases what was reserved beyond the real size of the answer.
    fn shrink_to(&mut self, bytes: usize) {
        if let Some(less) = self.bytes.checked_sub(bytes) {
            self.whole.ledger().give_back(self.party, less);
            self.bytes = bytes;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.whole.ledger().give_back(self.party, self.bytes);
    }
}

#[cfg(test)]
mod tests {

    use http_body_util::BodyExt;

    use super::{AnswerMemoryLimit, SMALL_BYTES_MAX};
    use crate::problem::Code;
    use persona_storage::Party;

    const MIB: usize = 1024 * 1024;

    fn client(number: u8) -> Party {
        Party::Address([10, 0, 0, number].into())
    }

    #[tokio::test]
    async fn memory_is_held_until_the_last_slice_is_dropped() {
        let limit = AnswerMemoryLimit::new(32 * MIB);
        let reservation = limit.reserve(Some(client(1)), 4 * MIB).expect("memory");
        assert_eq!(limit.held_by(Some(client(1))), 4 * MIB);
        let mut body = reservation.body(vec![0; MIB]);
        assert_eq!(limit.held_by(Some(client(1))), MIB, "it became less");
        let mut data =
            body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
        drop(body);
        // hyper splits the buffer like this while the system takes the bytes: the last part still
        // holds the whole buffer.
        let last = data.split_off(MIB - 1);
        drop(data);
        assert_eq!(limit.held_by(Some(client(1))), MIB);
        drop(last);
        assert_eq!(limit.held_by(Some(client(1))), 0);
    }

    #[test]
    fn what_was_refused_counts_as_freed() {
        let limit = AnswerMemoryLimit::new(32 * MIB);
        let held = limit.reserve(Some(client(1)), 8 * MIB).expect("a quarter");
        assert_eq!(limit.take_given_back(), 0);
        limit.reserve(Some(client(1)), 3 * MIB).expect_err("more than a quarter");
        assert_eq!(limit.take_given_back(), 3 * MIB);
        drop(held);
        assert_eq!(limit.take_given_back(), 8 * MIB);
    }

    #[test]
    fn a_client_has_a_quarter_and_half_for_what_was_written() {
        let limit = AnswerMemoryLimit::new(32 * MIB);
        let held = limit.reserve(Some(client(1)), 8 * MIB).expect("a quarter");
        assert_eq!(
            limit.reserve(Some(client(1)), MIB).expect_err("more than a quarter").code(),
            Code::Busy
        );
        let written = limit.reserve_after_write(Some(client(1)), 8 * MIB).expect("half");
        assert!(limit.reserve_after_write(Some(client(1)), MIB).is_none(), "more than half");
        let other = limit.reserve(Some(client(2)), 8 * MIB).expect("a quarter for another");
        assert_eq!(
            limit.reserve(Some(client(3)), MIB).expect_err("the last quarter is for writes").code(),
            Code::Busy
        );
        let last = limit.reserve_after_write(Some(client(3)), 8 * MIB).expect("the last quarter");
        for party in [Some(client(1)), Some(client(3))] {
            limit.reserve(party, SMALL_BYTES_MAX).expect("small answers need none");
        }
        drop((held, written, other, last));
        assert_eq!((1..4).map(|number| limit.held_by(Some(client(number)))).sum::<usize>(), 0);
    }
}
