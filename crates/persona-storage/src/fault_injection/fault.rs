//! The faults, and which of them is on.

#[cfg(feature = "faults")]
use std::sync::atomic::Ordering;

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
    /// Every token that is found has the scope admin.
    OverlookScopes,
    /// Clients that are bound to an owner read the personas of all owners.
    OverlookOwners,
    /// Clients that are bound to an owner change the personas of all owners.
    OverlookOwnersOfWrites,
    /// Clients that are bound to an owner are told the places of the feed with their proofs.
    UnsealPlaces,
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
    /// The cache of reads keeps what was read by the labels of a persona that was changed.
    KeepCachedLabels,
    /// The cache of reads keeps what was read by the handle of a persona that was changed.
    KeepCachedHandles,
    /// The cache of reads keeps what was read of a persona that was purged.
    KeepCachedPurged,
    /// An autosave drops the one before it also where a label points to that one.
    DropLabelled,
}

#[cfg(feature = "faults")]
impl InjectedFault {
    /// Every fault.
    pub const ALL: [Self; 30] = [
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
        Self::OverlookScopes,
        Self::OverlookOwners,
        Self::OverlookOwnersOfWrites,
        Self::UnsealPlaces,
        Self::ShareKeys,
        Self::OwnRateCells,
        Self::DropEvent,
        Self::OldLabels,
        Self::OldHandles,
        Self::KeepCachedLabels,
        Self::KeepCachedHandles,
        Self::KeepCachedPurged,
        Self::DropLabelled,
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
            Self::OverlookScopes => "overlook-scopes",
            Self::OverlookOwners => "overlook-owners",
            Self::OverlookOwnersOfWrites => "overlook-owners-of-writes",
            Self::UnsealPlaces => "unseal-places",
            Self::ShareKeys => "share-keys",
            Self::OwnRateCells => "own-rate-cells",
            Self::DropEvent => "drop-event",
            Self::OldLabels => "old-labels",
            Self::OldHandles => "old-handles",
            Self::KeepCachedLabels => "keep-cached-labels",
            Self::KeepCachedHandles => "keep-cached-handles",
            Self::KeepCachedPurged => "keep-cached-purged",
            Self::DropLabelled => "drop-labelled",
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
