//! Decides whether a request is applied or withdrawn, when writer and request may want it at the
//! same moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Decides once about a request, and holds the prepared result. A withdrawal drops that result at
/// once, not only when the writer comes to the request.
pub(crate) struct Claim<T>(Arc<Inner<T>>);

struct Inner<T> {
    is_taken: AtomicBool,
    prepared: Mutex<Option<T>>,
}

/// The request was decided about before.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Decided;

impl<T> Clone for Claim<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Claim<T> {
    pub(crate) fn new(prepared: Option<T>) -> Self {
        Self(Arc::new(Inner { is_taken: AtomicBool::new(false), prepared: Mutex::new(prepared) }))
    }

    /// Claims the request in order to apply it; returns the prepared result.
    pub(crate) fn apply(&self) -> Result<Option<T>, Decided> {
        if self.is_first() { Ok(self.prepared()) } else { Err(Decided) }
    }

    /// Claims the request in order to withdraw it; returns whether the caller was the first to
    /// decide.
    pub(crate) fn withdraw(&self) -> bool {
        let is_first = self.is_first();
        if is_first {
            drop(self.prepared());
        }
        is_first
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_taken.load(Ordering::Acquire)
    }

    fn is_first(&self) -> bool {
        !self.0.is_taken.swap(true, Ordering::AcqRel)
    }

    fn prepared(&self) -> Option<T> {
        // Only taken out, so nothing is left half done.
        self.0.prepared.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Withdraws the request when its future is dropped before the writer took it.
pub(crate) struct Withdrawal<T>(pub Claim<T>);

impl<T> Drop for Withdrawal<T> {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Claim, Decided, Withdrawal};

    #[test]
    fn what_was_prepared_goes_with_a_withdrawal_although_the_request_still_waits() {
        let prepared = Arc::new(());
        let in_queue = Claim::new(Some(Arc::clone(&prepared)));
        drop(Withdrawal(in_queue.clone()));
        assert_eq!(Arc::strong_count(&prepared), 1);
        assert!(in_queue.is_taken() && in_queue.apply() == Err(Decided));
    }

    #[test]
    fn what_was_prepared_is_the_writers_once_it_took_the_request() {
        let claim = Claim::new(Some(7));
        let withdrawal = Withdrawal(claim.clone());
        assert_eq!(claim.apply(), Ok(Some(7)));
        assert!(!withdrawal.0.withdraw());
    }
}
