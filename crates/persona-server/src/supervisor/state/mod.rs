//! Every decision of the supervisor, as a pure function of events: what happened goes in, what is
//! to be done comes out.
//!
//! What lives here: which process runs when, and when it ends (`machine.rs`), and what an operator
//! asks for (`operator.rs`). What must not: anything that touches a process, a clock or a file.
//! Time comes in as the time since the supervisor started.
//!
//! The state holds what is *wanted* (the phase, the number of workers, the slots still to be
//! renewed) and what *is* (the processes). Each event changes one of the two, and then
//! `State::reconcile` takes the next steps from what is to what is wanted. So an event that comes
//! at an odd moment needs no case of its own.

mod machine;
mod operator;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub(super) use machine::State;
