//! The damage that reads and writes of one process found. Each is reported to the observer once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Observer};

/// Most damage that is remembered, so that a persona that is asked for again and again is told
/// once.
const REMEMBERED_MAX: usize = 10_000;

/// The damage that was found so far.
pub(in crate::sqlite) struct Damage {
    observer: Arc<dyn Observer>,
    /// The descriptions of the damage, which name the persona.
    met: Mutex<HashSet<String>>,
}

impl Damage {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, met: Mutex::default() }
    }

    /// Reports an error to the observer if it is damage that was not reported before.
    pub(in crate::sqlite) fn note(&self, error: &Error) {
        let Error::Damaged(report) = error else { return };
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() < REMEMBERED_MAX && met.insert(report.clone()) {
            self.observer.damage_found();
        }
    }
}
