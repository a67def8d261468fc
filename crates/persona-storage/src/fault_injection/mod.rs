//! Injected faults: violations that a store must never commit, so that tests can prove that
//! `persona verify` notices them.
//!
//! Exists for the positive controls only. Without the cargo feature `faults` no fault can be
//! switched on: [`is_on`] is `false` at compile time, and nothing of this is left in the program.
//! Each place with a possible fault asks in one line.
//!
//! - `fault.rs`: the faults, and which of them is on.
//! - `effects.rs`: what they do. `hidden_commit.rs`: the one that changes the index of the WAL.

mod effects;
mod fault;
mod hidden_commit;

pub use self::fault::InjectedFault;
#[cfg(feature = "faults")]
pub use self::{effects::own_rate_cells, fault::switch_on};

pub(crate) use self::effects::{
    answer, drop_key, followed_from, handle_look, header_after_changes, labelled, labels,
    leave_out_one, leaves_out_words, parts_of_batch, pause, pause_after_looking_outside,
    pause_between_parts, tag, token_look, use_what_was_seen_outside, without_an_event,
};
pub(crate) use self::fault::is_on;
pub(crate) use self::hidden_commit::Hidden;

/// How often faults by chance happen: one patch in this many loses a key, one read is up to date,
/// one commit is hidden, and one transaction leaves out its words.
const ONCE_IN: u32 = 16;
