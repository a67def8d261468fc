//! Transfers everything from one backend to the other: personas with their identities, revisions,
//! their labels, the handles that they gave up, the feed, tags, the words of searches, and the
//! records of repeated requests.
//!
//! What lives here: the order of things, what is compared, and when the source stops. What must
//! not: SQL, which is in `sqlite/transfer/` and `postgres/transfer/`.
//!
//! The feed is the plan of a transfer. Each of its lines stands for exactly one revision, for one
//! move of a label, or for a purge; of a purged persona nothing is left but its lines. So copying
//! line after line copies everything, in an order in which every prefix is a state that the source
//! once had. The place in the feed is kept in the target, in the transaction that writes the lines:
//! a transfer that was killed goes on from there, and nothing is done twice. A source that goes on
//! being written to only has more lines in the end.
//!
//! Start reading at [`transfer`] (`run.rs`). Why it is done this way: ADR 0016.

mod beside;
mod chase;
mod copied_keys;
mod endpoint;
mod error;
mod live;
mod rows;
mod run;
mod side;
mod verify;

pub use endpoint::{Endpoint, EndpointError};
pub use error::TransferError;
pub use run::{Plan, TransferReport, transfer};
pub use side::Counts;

pub(crate) use rows::{
    Entry, EntryOf, KeyRecord, Line, PersonaDigest, PersonaRow, PurgeRow, RevisionRow, line_digest,
    newest_kept, persona_digest,
};
pub(crate) use side::{Batch, Side, Source, Start, Target};
