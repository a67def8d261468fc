//! Tokens that are bound to an owner.
//!
//! - `cast.rs`: the personas of two owners, and their tokens.
//! - `probes.rs`: requests of every operation, and whether an answer reveals a persona.
//! - `unseen.rs`: no answer reveals the personas of another owner; with controls.
//! - `own.rs`: the personas that such a token reads and changes.

mod cast;
mod own;
mod probes;
mod unseen;
