//! Labels: what is kept of them, and what moves them.
//!
//! What lives here: pure rules, the same for all backends. What must not: SQL, which is in
//! `sqlite/tables/labels.rs` and `postgres/labels.rs`, and which labels need a right of their own,
//! which is in `persona-http`.
//!
//! - `record.rs`: a label and its moves as they are kept.
//! - `moves.rs`: moves that are asked for together.
//! - `decide.rs`: what a move comes to.

mod decide;
mod moves;
mod record;

pub(crate) use decide::{Decision, Holder, Placed};
pub use decide::{LABELS_MAX, LabelError};
pub use moves::{LABEL_MOVES_MAX, LabelMove, LabelMoves, LabelTarget, MovedLabel, NoMoves};
pub use record::{Label, LabelMovePage, MoveRecord, PersonaLabels};
