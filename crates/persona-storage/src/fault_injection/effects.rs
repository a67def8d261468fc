//! What faults do, each in the place where it is asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use persona_model::{Document, EntityTag, HandleName, Persona, PersonaId};
use serde_json::Value;

use super::{InjectedFault, ONCE_IN, is_on};
use crate::{
    Event, HandleLook, HandleTarget, Labelled, Operation, PersonaLabels, Representation, Token,
    TokenLook, TokenScope,
};

/// How long a fault stays visible: long compared to a request, short compared to a test.
const WINDOW: Duration = Duration::from_millis(2);
/// How long a fault stays visible between two halves of a batch, in which a client must read. Long
/// compared to the pause between two lists.
const WIDE_WINDOW: Duration = Duration::from_millis(25);
/// How long a read waits for the commit of another worker, between reading the changes and the
/// header: longer than `persona verify` waits between two changes (`verify/overtaken.rs`).
const COMMIT_WAIT_MAX: Duration = Duration::from_millis(250);
/// Pause between two looks whether there was a commit.
const COMMIT_WAIT_PAUSE: Duration = Duration::from_millis(1);

/// [`InjectedFault::OverlookTokens`], [`InjectedFault::OverlookScopes`]: replaces the result of a
/// look for a token.
pub(crate) fn token_look(look: TokenLook) -> TokenLook {
    match look {
        _ if is_on(InjectedFault::OverlookTokens) => TokenLook::NoneKept,
        TokenLook::Known(token) if is_on(InjectedFault::OverlookScopes) => {
            let scope = TokenScope::Admin;
            TokenLook::Known(Arc::new(Token { scope, ..Token::clone(&token) }))
        }
        look => look,
    }
}

/// [`InjectedFault::OwnRateCells`]: a number that separates the budgets of one worker from those of
/// others.
#[cfg(feature = "faults")]
pub fn own_rate_cells(slot: u16) -> u64 {
    if is_on(InjectedFault::OwnRateCells) { slot.into() } else { 0 }
}

/// [`InjectedFault::DropEvent`]: removes an event from those for followers.
pub(crate) fn without_an_event(mut events: Vec<Event>) -> Vec<Event> {
    static PAGES: AtomicU32 = AtomicU32::new(0);
    // The last one stays, because the follower goes on from there.
    if is_on(InjectedFault::DropEvent)
        && events.len() > 1
        && PAGES.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN)
    {
        events.remove(0);
    }
    events
}

/// Waits, so that clients can see the fault.
pub(crate) fn pause() {
    std::thread::sleep(WINDOW);
}

/// What the process saw of each persona, and how many reads ago.
type Snapshot<T> = LazyLock<Mutex<HashMap<PersonaId, (u32, Option<T>)>>>;

/// What a read of this persona saw a few reads ago, in place of what it sees now.
fn seen_before<T: Clone>(snapshot: &Snapshot<T>, id: PersonaId, now: Option<T>) -> Option<T> {
    let mut snapshot = snapshot.lock().unwrap_or_else(PoisonError::into_inner);
    let (age, kept) = snapshot.entry(id).or_insert((0, None));
    if age.is_multiple_of(ONCE_IN) {
        *kept = now;
    }
    *age += 1;
    kept.clone()
}

/// [`InjectedFault::OldSnapshot`]: replaces the answer of a read.
pub(crate) fn answer(id: PersonaId, answer: Option<Representation>) -> Option<Representation> {
    static SNAPSHOT: Snapshot<Representation> = LazyLock::new(Mutex::default);
    if is_on(InjectedFault::OldSnapshot) { seen_before(&SNAPSHOT, id, answer) } else { answer }
}

/// [`InjectedFault::OldLabels`]: replaces what a read of labels finds.
pub(crate) fn labels(id: PersonaId, labels: Option<PersonaLabels>) -> Option<PersonaLabels> {
    static SNAPSHOT: Snapshot<PersonaLabels> = LazyLock::new(Mutex::default);
    if is_on(InjectedFault::OldLabels) { seen_before(&SNAPSHOT, id, labels) } else { labels }
}

/// [`InjectedFault::OldLabels`]: replaces what a read by a label finds.
pub(crate) fn labelled(id: PersonaId, found: Option<Arc<Labelled>>) -> Option<Arc<Labelled>> {
    static SNAPSHOT: Snapshot<Arc<Labelled>> = LazyLock::new(Mutex::default);
    if is_on(InjectedFault::OldLabels) { seen_before(&SNAPSHOT, id, found) } else { found }
}

/// [`InjectedFault::OldHandles`]: where a handle leads instead.
pub(crate) fn handle_look(name: &HandleName, look: HandleLook) -> HandleLook {
    static SEEN: LazyLock<Mutex<HashMap<HandleName, HandleLook>>> = LazyLock::new(Mutex::default);
    if !is_on(InjectedFault::OldHandles) || look.target == HandleTarget::Nothing {
        return look;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.entry(name.clone()).or_insert(look).clone()
}

/// [`InjectedFault::ReadOutsideTransaction`]: gives other writes the time to change what was seen.
pub(crate) fn pause_after_looking_outside() {
    if is_on(InjectedFault::ReadOutsideTransaction) {
        pause();
    }
}

/// [`InjectedFault::ReadOutsideTransaction`]: lets the write change the document that was read
/// before its turn, although the persona changed since. Only the document is replaced: with a stale
/// revision the UPDATE statement would refuse the write, because its condition checks the revision
/// again.
pub(crate) fn use_what_was_seen_outside(current: &mut Persona, seen: Option<Document>) {
    if let Some(document) = seen.filter(|_| is_on(InjectedFault::ReadOutsideTransaction)) {
        current.document = document;
    }
}

/// [`InjectedFault::LeaveOutWords`]: whether this transaction leaves out its words.
pub(crate) fn leaves_out_words() -> bool {
    static TRANSACTIONS: AtomicU32 = AtomicU32::new(0);
    is_on(InjectedFault::LeaveOutWords)
        && TRANSACTIONS.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN)
}

/// [`InjectedFault::SplitBatch`]: splits the items of an atomic batch into the transactions in
/// which they are applied; normally all in one.
pub(crate) fn parts_of_batch(count: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let middle = if is_on(InjectedFault::SplitBatch) { count / 2 } else { 0 };
    [0..middle, middle..count].into_iter().filter(|part| !part.is_empty())
}

/// [`InjectedFault::SplitBatch`]: waits, so that clients can see a part of a batch.
pub(crate) fn pause_between_parts() {
    std::thread::sleep(WIDE_WINDOW);
}

/// [`InjectedFault::HeaderAfterChanges`]: chooses the header that a cache stores: the one from
/// before the changes were read, or with the fault the one after the next commit.
pub(crate) fn header_after_changes<T: PartialEq>(before: T, now: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    while is_on(InjectedFault::HeaderAfterChanges) && began.elapsed() < COMMIT_WAIT_MAX {
        if let Some(header) = now().filter(|header| *header != before) {
            return header;
        }
        std::thread::sleep(COMMIT_WAIT_PAUSE);
    }
    before
}

/// [`InjectedFault::LeaveOutOneId`]: removes one of the personas that a cache must drop.
pub(crate) fn leave_out_one(mut changed: Vec<PersonaId>) -> Vec<PersonaId> {
    if is_on(InjectedFault::LeaveOutOneId) {
        changed.pop();
    }
    changed
}

/// [`InjectedFault::SkipChange`]: moves the place after which changes are listed.
pub(crate) fn followed_from(sequence: u64) -> u64 {
    sequence.saturating_add(u64::from(is_on(InjectedFault::SkipChange)))
}

/// [`InjectedFault::TagOfRevision`]: replaces the checksum of an entity tag.
pub(crate) fn tag(tag: EntityTag) -> EntityTag {
    if is_on(InjectedFault::TagOfRevision) { EntityTag { checksum: 0, ..tag } } else { tag }
}

/// [`InjectedFault::DropKey`]: removes the last key from the result of a patch.
pub(crate) fn drop_key(operation: &Operation, persona: &mut Persona) {
    static PATCHES: AtomicU32 = AtomicU32::new(0);
    if !is_on(InjectedFault::DropKey) || !matches!(operation, Operation::Patch { .. }) {
        return;
    }
    let mut document = persona.document.to_json();
    let last = document["extensions"].as_object().and_then(|keys| keys.keys().next_back().cloned());
    if let Some(last) =
        last.filter(|_| PATCHES.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN))
    {
        document["extensions"]
            .as_object_mut()
            .map(|keys: &mut serde_json::Map<String, Value>| keys.remove(&last));
        persona.document = Document::from_stored(&document.to_string())
            .expect("a document without one of its keys is one");
        persona.content_hash = persona.document.content_hash();
    }
}
