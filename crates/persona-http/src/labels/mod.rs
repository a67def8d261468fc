//! Labels: one file per route below `/api/v1/personas/{id}/labels`, and the release of many
//! (`release.rs`). How a persona is read by a label is in `read.rs`, which `personas/get.rs` calls.

pub mod get_label;
pub mod list_labels;
pub mod list_moves;
mod points;
pub(crate) mod read;
pub mod release;
pub mod remove_label;
mod responses;
pub mod set_label;

pub(crate) use points::Points;
