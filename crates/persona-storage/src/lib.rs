//! How personas are kept: one trait, [`Store`], and the backends that implement it.
//!
//! # Shape
//!
//! - [`Store`] is chosen once at start and used as `Arc<dyn Store>`.
//! - Every write is one [`Write`] and one transaction: the persona, its revision, its change and
//!   the idempotency record commit together or not at all. The check of the current revision
//!   happens inside that transaction.
//! - An [`AtomicBatch`] is several of them in one transaction.
//! - Labels are moved by [`LabelMoves`], one transaction too, with a change for each move.
//! - Absence is `Ok(None)` on reads and [`Error::NotFound`] on writes.
//! - A read that starts after a write was answered sees that write or something newer, in whatever
//!   process.
//!
//! # Adding a method
//!
//! 1. Add it to [`Store`] with its errors and guarantees.
//! 2. Implement it in `sqlite/`, `postgres/` and `memory/`, SQL only under the first two.
//! 3. Add cases to `conformance/`; they run on every backend.

mod atomic;
mod backend_status;
mod checksum;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counts;
pub mod database_url;
mod decide;
mod decide_import;
mod disk_space;
mod error;
mod event;
mod export;
#[cfg(feature = "faults")]
pub mod fault_injection;
#[cfg(not(feature = "faults"))]
mod fault_injection;
mod handle;
mod history_count;
mod label;
pub mod memory;
mod observer;
mod page;
mod party;
pub mod postgres;
mod progress;
mod purge;
mod retention;
mod revision_record;
pub mod sqlite;
mod squash;
mod store;
mod store_state;
mod time;
mod token;
pub mod transfer;
mod turns;
mod view;
mod weights;
mod write;

pub use atomic::{ATOMIC_BYTES_MAX, ATOMIC_WRITES_MAX, AtomicBatch, NoBatch, NotApplied};
pub use backend_status::{BackendDetails, Status};
pub use counts::{Count, CountBy, CountRequest};
pub use error::Error;
pub use event::{EVENTS_AT_ONCE_MAX, Event};
pub use export::{EXPORT_BYTES_MAX, Export, ExportRequest, Exported};
pub use handle::{HandleLook, HandleTarget, NAMESAKES_MAX, Namesake};
pub use label::{
    LABEL_MOVES_MAX, LABELS_MAX, Label, LabelError, LabelMove, LabelMovePage, LabelMoves,
    LabelTarget, Labelled, LabelsOf, MoveRecord, MovedLabel, NoMoves, PersonaLabels,
};
pub use observer::{CacheEvent, Checkpoint, Connected, NoObserver, Observer};
pub use page::{PAGE_BYTES_MAX, Page};
pub use party::Party;
pub use purge::{Purge, Tombstone};
pub use retention::{HISTORY_KEPT_MIN, HistoryLimits, HistoryPruned, HistorySize};
pub use revision_record::{RevisionPage, RevisionRecord, RevisionSummary};
pub use squash::{SQUASH_SECONDS_MAX, Squash, SquashWindow};
pub use store::{GLANCE_BYTES_MAX, Glance, Representation, Store};
pub use store_state::{Loss, ReadRoom};
pub use token::{
    BadSecret, TOKEN_NAME_CHARS_MAX, TOKEN_USE_EVERY, TOKENS_MAX, TOKENS_OF_OWNER_MAX, Token,
    TokenAuthority, TokenChange, TokenError, TokenHash, TokenLook, TokenPage, TokenScope,
    TokenSecret, TokenState, hide_token_secrets, is_link_name, is_session_name, is_token_name,
    link_name, session_name,
};
pub use turns::{Turn, Turns};
pub use view::{GuardedStore, Owners, Reached, View, Viewer};
pub use write::{
    IDEMPOTENCY_KEPT, IDEMPOTENCY_KEYS_MAX, Idempotency, IdentityOrigin, Operation, Outcome, Write,
    Written,
};
