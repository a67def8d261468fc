//! The statements on each table, one file a table, and what they share.
//!
//! `row.rs` turns columns into values of the model, `checksum.rs` is the checksum of a row,
//! `history.rs` says in which rows the revisions of a persona are, `dropped.rs` what is left of
//! those that were dropped, and `events.rs` reads lines of
//! the feed with the further facts for followers. `snapshot.rs` is for reads of several statements.

pub(super) mod checksum;
pub(super) mod dropped;
pub(super) mod events;
pub(super) mod feed;
pub(super) mod handles;
pub(super) mod history;
pub(super) mod idempotency;
pub(super) mod labels;
pub(super) mod meta;
pub(super) mod old_revisions;
mod persona_counts;
pub(super) mod personas;
pub(super) mod purged;
pub(super) mod revision_list;
pub(super) mod revisions;
pub(super) mod row;
mod snapshot;
pub(super) mod tokens;
