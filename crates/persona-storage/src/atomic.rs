//! Atomic batches: several writes of which all are applied, or none.

use std::collections::HashMap;
use std::time::Instant;

use crate::{Error, Party, Write};

/// Most writes of an atomic batch: as many as a shared transaction has at most, so that other
/// writes wait for an atomic batch no longer than for such a transaction.
pub const ATOMIC_WRITES_MAX: usize = 256;

/// Most bytes of all documents that an atomic batch brings, changes or makes, each counted as often
/// as it is used. All other writes wait for the batch: a megabyte holds the write lock about as
/// long as a heavy write, some tens of milliseconds.
pub const ATOMIC_BYTES_MAX: usize = 1024 * 1024;

/// Writes of different personas that are applied in order, all or none. Each write sees the handles
/// that the writes before it left.
///
/// Each persona occurs once. So readers can see every state that an answer names, the whole batch
/// can be worked out before the lock, and a database server can take it as one list of rows.
#[derive(Clone, PartialEq, Debug)]
pub struct AtomicBatch {
    writes: Vec<Write>,
}

/// Why some writes cannot be an [`AtomicBatch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoBatch {
    /// There is no write, or there are more than [`ATOMIC_WRITES_MAX`]; holds their number.
    #[error("an atomic batch has 1 to {ATOMIC_WRITES_MAX} writes, not {0}")]
    Count(usize),
    /// A write is about the persona of an earlier one.
    #[error("write {place} is about the persona of write {first}")]
    SamePersona {
        /// The index of the write, from 0.
        place: usize,
        /// The index of the earlier write.
        first: usize,
    },
    /// A write has the idempotency key of an earlier one.
    #[error("write {place} has the idempotency key of write {first}")]
    SameKey {
        /// The index of the write, from 0.
        place: usize,
        /// The index of the earlier write.
        first: usize,
    },
}

impl AtomicBatch {
    /// A batch of these writes, with client and deadline of the first.
    ///
    /// # Errors
    ///
    /// See [`NoBatch`].
    pub fn new(writes: Vec<Write>) -> Result<Self, NoBatch> {
        if !(1..=ATOMIC_WRITES_MAX).contains(&writes.len()) {
            return Err(NoBatch::Count(writes.len()));
        }
        let (mut personas, mut keys) = (HashMap::new(), HashMap::new());
        for (place, write) in writes.iter().enumerate() {
            if let Some(first) = personas.insert(write.operation.id(), place) {
                return Err(NoBatch::SamePersona { place, first });
            }
            let key = write.idempotency.as_ref().map(|wanted| wanted.key.as_str());
            if let Some(first) = key.and_then(|key| keys.insert(key, place)) {
                return Err(NoBatch::SameKey { place, first });
            }
        }
        drop((personas, keys));
        Ok(Self { writes })
    }

    /// The same batch with a change made to each write. The change must not touch the persona, and
    /// must keep keys different.
    pub(crate) fn each(self, change: impl Fn(Write) -> Write) -> Self {
        Self { writes: self.writes.into_iter().map(change).collect() }
    }

    /// The writes, at least one, in their order.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The writes themselves.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// The deadline of the wait for its turn.
    pub(crate) fn deadline(&self) -> Instant {
        self.writes[0].deadline
    }

    /// The client that it comes from.
    pub(crate) fn client(&self) -> Option<Party> {
        self.writes[0].client
    }

    /// Bytes of memory that the batch takes while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.writes.iter().map(|write| write.bytes.max(write.operation.document_bytes())).sum()
    }
}

/// Why nothing of an [`AtomicBatch`] was applied.
#[derive(Debug, thiserror::Error)]
#[error("nothing of the batch was applied: {error}")]
pub struct NotApplied {
    /// The index of the write that is the reason, from 0: the first one that is refused. `None` if
    /// no single write is the reason.
    pub place: Option<usize>,
    /// The reason. What the error says about a write applies to the whole batch.
    #[source]
    pub error: Error,
}

impl NotApplied {
    /// Makes the refusal of a batch because of the write at this index.
    pub(crate) fn at(place: usize) -> impl FnOnce(Error) -> Self {
        move |error| Self { place: Some(place), error }
    }
}

impl From<Error> for NotApplied {
    fn from(error: Error) -> Self {
        Self { place: None, error }
    }
}

/// The bytes that are left of [`ATOMIC_BYTES_MAX`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    /// A budget of which nothing is used.
    pub(crate) const WHOLE: Self = Self(ATOMIC_BYTES_MAX);

    /// The bytes that are left for the next document.
    pub(crate) fn left(self) -> usize {
        self.0
    }

    /// Counts a write by the larger one of its documents, before and after.
    pub(crate) fn take(&mut self, before: usize, after: usize) -> Result<(), Error> {
        self.0 = self.0.checked_sub(before.max(after)).ok_or(Self::USED_UP)?;
        Ok(())
    }

    /// The error of a write for which too little is left.
    pub(crate) const USED_UP: Error = Error::TooMuchAtOnce { max: ATOMIC_BYTES_MAX };
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use persona_model::{PersonaId, Precondition};

    use super::{ATOMIC_BYTES_MAX, ATOMIC_WRITES_MAX, AtomicBatch, Budget, NoBatch};
    use crate::{Idempotency, Operation, Write};

    fn deletion(number: usize, key: Option<&str>) -> Write {
        let id = PersonaId::from_bytes((number as u128).to_be_bytes());
        let operation = Operation::Delete { id, precondition: Precondition::Any };
        let idempotency = key.map(|key| Idempotency { key: key.into(), fingerprint: [7; 32] });
        Write { idempotency, ..Write::new(operation, Instant::now()) }
    }

    #[test]
    fn a_batch_is_bounded_and_has_each_persona_and_each_key_once() {
        let of =
            |count: usize| AtomicBatch::new((0..count).map(|one| deletion(one, None)).collect());
        assert_eq!(of(ATOMIC_WRITES_MAX).map(|batch| batch.writes().len()), Ok(ATOMIC_WRITES_MAX));
        for count in [0, ATOMIC_WRITES_MAX + 1] {
            assert_eq!(of(count), Err(NoBatch::Count(count)));
        }
        let twice = vec![deletion(7, None), deletion(8, None), deletion(7, None)];
        assert_eq!(AtomicBatch::new(twice), Err(NoBatch::SamePersona { place: 2, first: 0 }));
        let keys = vec![deletion(7, Some("k")), deletion(8, Some("k"))];
        assert_eq!(AtomicBatch::new(keys), Err(NoBatch::SameKey { place: 1, first: 0 }));
    }

    #[test]
    fn documents_count_by_the_larger_side_until_nothing_is_left() {
        let mut budget = Budget::WHOLE;
        assert!(budget.take(7, ATOMIC_BYTES_MAX - 3).is_ok());
        assert!(budget.take(4, 0).is_err());
        assert!(budget.take(3, 2).is_ok());
        assert_eq!(budget.left(), 0);
    }
}
