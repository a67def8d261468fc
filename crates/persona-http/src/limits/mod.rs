//! What one client may hold of a worker: memory, turns and time.
//!
//! What all of these count for is a [`Party`](persona_storage::Party): the token of a request, or
//! else the address of its client, which `client_address.rs` finds with the ranges of `network.rs`.
//! `token_note.rs` tells the connection of a request which token it has.
//! `ledger.rs` counts memory by client, for bodies (`body_memory.rs`) and for answers
//! (`answer_memory.rs`). `client_limit.rs` hands out turns, also those of `heavy.rs`;
//! `batch_turns.rs` those of items of batches. `patience.rs` is the least rate of a client.

pub mod answer_memory;
pub mod batch_turns;
pub mod body_memory;
pub mod client_address;
pub mod client_limit;
pub mod heavy;
pub mod ledger;
pub mod network;
pub mod patience;
pub mod token_note;
