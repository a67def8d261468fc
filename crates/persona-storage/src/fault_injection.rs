//! Injected faults: violations that a store must never commit, so that tests can prove that
//! `persona verify` notices them.
//!
//! Exists for the positive controls only. Without the cargo feature `faults` no fault can be
//! switched on: [`is_on`] is `false` at compile time, and nothing of this is left in the program.
//! Each place with a possible fault asks in one line.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use persona_model::{Document, EntityTag, HandleName, Persona, PersonaId};
use serde_json::Value;

use crate::{
    Event, HandleLook, HandleTarget, Labelled, Operation, PersonaLabels, Representation, TokenLook,
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
/// How often faults by chance happen: one patch in this many loses a key, one read is up to date,
/// one commit is hidden, and one transaction leaves out its words.
const ONCE_IN: u32 = 16;

/// A fault that can be injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum InjectedFault {
    /// Answers go out before the transaction is committed.
    AcknowledgeBeforeCommit = 1,
    /// Reads show what the process saw a few reads ago.
    OldSnapshot,
    /// Writes change the document that they read before they waited for their turn.
    ReadOutsideTransaction,
    /// Now and then a patch loses a key.
    DropKey,
    /// Repeated requests are executed again.
    ForgetRepetitions,
    /// Lists of changes leave out the first change after the position.
    SkipChange,
    /// Now and then a commit is reported as not kept and is invisible, but appears when the WAL is
    /// recovered.
    HideCommit,
    /// An entity tag names the revision only.
    TagOfRevision,
    /// Lists of changes accept any position, even one from before a restore.
    TrustPositions,
    /// Now and then a transaction leaves out the rows of the search indexes.
    LeaveOutWords,
    /// The cache of reads takes a new header without dropping the changed personas.
    SkipSynchronisation,
    /// The cache of reads takes the header after it has read the changes.
    HeaderAfterChanges,
    /// The cache of reads does not drop one of the changed personas.
    LeaveOutOneId,
    /// The cache of reads takes a commit of another program for one of this program.
    OverlookForeignCommit,
    /// An atomic batch is applied in two transactions.
    SplitBatch,
    /// A process never reads a token again after its first read.
    BelieveOldTokens,
    /// No token is ever found, as if there were none.
    OverlookTokens,
    /// Clients that are bound to an owner read the personas of all owners.
    OverlookOwners,
    /// Clients that are bound to an owner change the personas of all owners.
    OverlookOwnersOfWrites,
    /// The idempotency keys of all tokens are the same.
    ShareKeys,
    /// Each worker has separate budgets of clients.
    #[cfg(feature = "faults")]
    OwnRateCells,
    /// Now and then a follower of the feed does not get a change.
    DropEvent,
    /// Labels are read as the process saw them a few reads ago.
    OldLabels,
    /// A handle leads where the process saw it lead first.
    OldHandles,
}

#[cfg(feature = "faults")]
impl InjectedFault {
    /// Every fault.
    pub const ALL: [Self; 24] = [
        Self::AcknowledgeBeforeCommit,
        Self::OldSnapshot,
        Self::ReadOutsideTransaction,
        Self::DropKey,
        Self::ForgetRepetitions,
        Self::SkipChange,
        Self::HideCommit,
        Self::TagOfRevision,
        Self::TrustPositions,
        Self::LeaveOutWords,
        Self::SkipSynchronisation,
        Self::HeaderAfterChanges,
        Self::LeaveOutOneId,
        Self::OverlookForeignCommit,
        Self::SplitBatch,
        Self::BelieveOldTokens,
        Self::OverlookTokens,
        Self::OverlookOwners,
        Self::OverlookOwnersOfWrites,
        Self::ShareKeys,
        Self::OwnRateCells,
        Self::DropEvent,
        Self::OldLabels,
        Self::OldHandles,
    ];

    /// The name of the fault in the setting `fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeCommit => "acknowledge-before-commit",
            Self::OldSnapshot => "old-snapshot",
            Self::ReadOutsideTransaction => "read-outside-transaction",
            Self::DropKey => "drop-key",
            Self::ForgetRepetitions => "forget-repetitions",
            Self::SkipChange => "skip-change",
            Self::HideCommit => "hide-commit",
            Self::TagOfRevision => "tag-of-revision",
            Self::TrustPositions => "trust-positions",
            Self::LeaveOutWords => "leave-out-words",
            Self::SkipSynchronisation => "skip-synchronisation",
            Self::HeaderAfterChanges => "header-after-changes",
            Self::LeaveOutOneId => "leave-out-one-id",
            Self::OverlookForeignCommit => "overlook-foreign-commit",
            Self::SplitBatch => "split-batch",
            Self::BelieveOldTokens => "believe-old-tokens",
            Self::OverlookTokens => "overlook-tokens",
            Self::OverlookOwners => "overlook-owners",
            Self::OverlookOwnersOfWrites => "overlook-owners-of-writes",
            Self::ShareKeys => "share-keys",
            Self::OwnRateCells => "own-rate-cells",
            Self::DropEvent => "drop-event",
            Self::OldLabels => "old-labels",
            Self::OldHandles => "old-handles",
        }
    }
}

#[cfg(feature = "faults")]
static CURRENT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Switches the fault with this name on, for the whole process; any other name switches all off.
#[cfg(feature = "faults")]
pub fn switch_on(name: &str) {
    let fault = InjectedFault::ALL.into_iter().find(|fault| fault.name() == name);
    CURRENT.store(fault.map_or(0, |fault| fault as u8), Ordering::Release);
}

/// Whether this fault is on in this process.
#[cfg(feature = "faults")]
pub(crate) fn is_on(fault: InjectedFault) -> bool {
    CURRENT.load(Ordering::Acquire) == fault as u8
}

/// Whether this fault is on in this process: never, because this build has no faults.
#[cfg(not(feature = "faults"))]
pub(crate) const fn is_on(_fault: InjectedFault) -> bool {
    false
}

/// [`InjectedFault::OverlookTokens`]: replaces the result of a look for a token.
pub(crate) fn token_look(look: TokenLook) -> TokenLook {
    if is_on(InjectedFault::OverlookTokens) { TokenLook::NoneKept } else { look }
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

/// Bytes of both copies of the header of the WAL index (SQLite, "WAL-mode File Format", section
/// 2.1). Until they are written no connection sees the frames of a commit; a recovery of the WAL
/// reads the frames alone.
const INDEX_HEADER_BYTES: usize = 96;
/// The range of the header with the salt, which identifies the WAL.
const INDEX_SALT: Range<usize> = 32..40;

/// The header of the WAL index from before a commit that will be hidden.
pub(crate) struct Hidden {
    index: &'static File,
    header: [u8; INDEX_HEADER_BYTES],
}

impl Hidden {
    /// [`InjectedFault::HideCommit`]: remembers the header behind which the next commit will be
    /// hidden.
    pub(crate) fn before_a_commit(database: Option<&str>) -> Option<Self> {
        // The file is never closed, because that would drop the locks of SQLite on it in this
        // process.
        static INDEX: OnceLock<File> = OnceLock::new();
        if !is_on(InjectedFault::HideCommit) {
            return None;
        }
        let path = format!("{}-shm", database?);
        let index = INDEX.get_or_init(|| {
            File::options().read(true).write(true).open(path).expect("the WAL has an index")
        });
        let mut header = [0; INDEX_HEADER_BYTES];
        index.read_exact_at(&mut header, 0).ok()?;
        Some(Self { index, header })
    }

    /// Hides the commit that was made since, and returns whether it did. A commit that changed
    /// nothing, or that restarted the WAL, cannot be hidden.
    pub(crate) fn hide(self) -> bool {
        static COMMITS: AtomicU32 = AtomicU32::new(0);
        let mut now = [0; INDEX_HEADER_BYTES];
        let is_read = self.index.read_exact_at(&mut now, 0).is_ok();
        let can_be_hidden =
            is_read && now != self.header && now[INDEX_SALT] == self.header[INDEX_SALT];
        let is_hidden =
            can_be_hidden && COMMITS.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONCE_IN);
        is_hidden && self.index.write_all_at(&self.header, 0).is_ok()
    }
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
