//! Every decision of the supervisor, as a pure function of events: events go in, actions come out.
//!
//! What lives here: which process runs when, and when it ends (`machine.rs`), and the requests of
//! an operator (`operator.rs`). What must not: anything that touches a process, a clock or a file.
//! Time comes in as the time since the supervisor started.
//!
//! The state holds what is *wanted* (the phase, the number of workers, the slots still to be
//! renewed) and what *is* (the processes). Each event changes one of the two, and then
//! `State::reconcile` takes the next steps that bring the processes closer to the wanted state. So
//! an event at an unusual moment needs no special case.

mod machine;
mod operator;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub(super) use machine::State;
