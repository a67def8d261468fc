//! Labels: what is kept of them, and what moves them.
//!
//! What lives here: pure rules, the same for all backends. What must not: SQL, which is in
//! `sqlite/tables/labels.rs` and `postgres/labels.rs`, and which labels need a right of their own,
//! which is in `persona-http`.
//!
//! - `record.rs`: a label and its moves as they are kept.
//! - `moves.rs`: moves that are asked for together.
//! - `decide.rs`: what a move comes to.
//! - `kept_answer.rs`: the answer to moves with an idempotency key, as it is kept.

mod decide;
mod kept_answer;
mod moves;
mod record;

pub(crate) use decide::{Decision, Holder, Placed};
pub use decide::{LABELS_MAX, LabelError};
pub(crate) use kept_answer::{FORGOTTEN, kept_text, mark_of, read_kept};
pub use moves::{LABEL_MOVES_MAX, LabelMove, LabelMoves, LabelTarget, MovedLabel, NoMoves};
pub use record::{Label, LabelMovePage, Labelled, LabelsOf, MoveRecord, PersonaLabels};
