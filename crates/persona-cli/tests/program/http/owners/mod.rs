//! Tokens that are bound to an owner.
//!
//! - `cast.rs`: the personas of two owners, and their tokens.
//! - `probes.rs`: requests of every operation, and whether an answer tells that a persona is there.
//! - `unseen.rs`: no answer tells of the personas of another owner; with its controls.
//! - `damaged.rs`: nor is it told that one of them is damaged.
//! - `handles.rs`: no handle leads to a persona of another owner.
//! - `places.rs`: no place in the feed tells of a change of another owner.
//! - `own.rs`: what such a token reads and changes.
//! - `tokens.rs`: no answer tells of the tokens of another owner.

mod cast;
mod damaged;
mod handles;
mod own;
mod places;
mod probes;
mod tokens;
mod unseen;
