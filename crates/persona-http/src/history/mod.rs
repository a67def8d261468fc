//! The history of a persona: one file per route below `/api/v1/personas/{id}/revisions`, except for
//! the revision itself, which is read like a persona (`personas/get_revision.rs`), and what differs
//! between revisions.

pub mod diff;
pub mod list_revisions;
pub mod revert;
