//! Faults on purpose: what a store must never do, so that a test can prove that `persona verify` would notice.
//!
//! Exists for the positive controls only. Without the cargo feature `faults` no fault can be switched on: [`is_on`] is
//! `false` at compile time, and nothing of this is left in the program. Each place that can go wrong asks in one line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use persona_model::{Document, Persona, PersonaId};
use serde_json::Value;

use crate::{Answer, Operation};

/// How wide the moment is in which a fault can be seen: long against a request, short against a test.
const WINDOW: Duration = Duration::from_millis(2);
/// One patch in so many loses a key; one read in so many is of the present.
const ONCE_IN: u32 = 16;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// Answers go out before the transaction is committed.
    AcknowledgeBeforeCommit = 1,
    /// Reads show what the process saw a few reads ago.
    OldSnapshot,
    /// Writes change the document that was there before they waited for the lock.
    ReadOutsideTransaction,
    /// Now and then a patch loses a key.
    DropKey,
    /// Repeated requests are executed again.
    ForgetRepetitions,
    /// Lists of changes leave out the first change after the position.
    SkipChange,
}

#[cfg(feature = "faults")]
impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] = [
        Self::AcknowledgeBeforeCommit,
        Self::OldSnapshot,
        Self::ReadOutsideTransaction,
        Self::DropKey,
        Self::ForgetRepetitions,
        Self::SkipChange,
    ];

    /// Its name in the setting `fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeCommit => "acknowledge-before-commit",
            Self::OldSnapshot => "old-snapshot",
            Self::ReadOutsideTransaction => "read-outside-transaction",
            Self::DropKey => "drop-key",
            Self::ForgetRepetitions => "forget-repetitions",
            Self::SkipChange => "skip-change",
        }
    }
}

#[cfg(feature = "faults")]
static CURRENT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Switches the fault with this name on, for the whole process; any other name switches all off.
#[cfg(feature = "faults")]
pub fn switch_on(name: &str) {
    let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
    CURRENT.store(fault.map_or(0, |fault| fault as u8), Ordering::Release);
}

/// Whether this goes wrong in this process.
#[cfg(feature = "faults")]
pub(crate) fn is_on(fault: Fault) -> bool {
    CURRENT.load(Ordering::Acquire) == fault as u8
}

/// Whether this goes wrong in this process: never.
#[cfg(not(feature = "faults"))]
pub(crate) const fn is_on(_fault: Fault) -> bool {
    false
}

/// Gives others time to see what they should not.
pub(crate) fn pause() {
    std::thread::sleep(WINDOW);
}

/// What the process saw of each persona, and how many reads ago.
type Snapshot = HashMap<PersonaId, (u32, Option<Answer>)>;

/// [`Fault::OldSnapshot`]: what a read answers instead.
pub(crate) fn answer(id: PersonaId, answer: Option<Answer>) -> Option<Answer> {
    static SNAPSHOT: LazyLock<Mutex<Snapshot>> = LazyLock::new(Mutex::default);
    if !is_on(Fault::OldSnapshot) {
        return answer;
    }
    let mut snapshot = SNAPSHOT.lock().unwrap_or_else(PoisonError::into_inner);
    let (age, kept) = snapshot.entry(id).or_insert((0, None));
    if age.is_multiple_of(ONCE_IN) {
        *kept = answer;
    }
    *age += 1;
    kept.clone()
}

thread_local! {
    static SEEN_OUTSIDE: RefCell<Option<(PersonaId, Document)>> = const { RefCell::new(None) };
}

/// [`Fault::ReadOutsideTransaction`]: keeps what is there before the lock is waited for.
pub(crate) fn look_outside(id: PersonaId, look: impl FnOnce() -> Option<Document>) {
    if is_on(Fault::ReadOutsideTransaction) {
        SEEN_OUTSIDE.set(look().map(|document| (id, document)));
        pause();
    }
}

/// [`Fault::ReadOutsideTransaction`]: has the write change what was kept. Only the document: with a stale revision the
/// UPDATE statement would refuse, because its condition is the second line of the same defence.
pub(crate) fn use_what_was_seen_outside(current: Option<&mut Persona>) {
    if let Some(current) = current.filter(|_| is_on(Fault::ReadOutsideTransaction))
        && let Some((_, document)) = SEEN_OUTSIDE.take().filter(|(id, _)| *id == current.id)
    {
        current.document = document;
    }
}

/// [`Fault::SkipChange`]: the place after which changes are listed.
pub(crate) fn followed_from(sequence: u64) -> u64 {
    sequence.saturating_add(u64::from(is_on(Fault::SkipChange)))
}

/// [`Fault::DropKey`]: takes the last key from what a patch made.
pub(crate) fn drop_key(operation: &Operation, persona: &mut Persona) {
    static PATCHES: AtomicU32 = AtomicU32::new(0);
    if !is_on(Fault::DropKey) || !matches!(operation, Operation::Patch { .. }) {
        return;
    }
    let mut document = persona.document.to_json();
    let last = document["extensions"].as_object().and_then(|keys| keys.keys().next_back().cloned());
    if let Some(last) = last.filter(|_| PATCHES.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN)) {
        document["extensions"].as_object_mut().map(|keys: &mut serde_json::Map<String, Value>| keys.remove(&last));
        persona.document = Document::from_stored(&document.to_string()).expect("a document without one of its keys is one");
        persona.content_hash = persona.document.content_hash();
    }
}
