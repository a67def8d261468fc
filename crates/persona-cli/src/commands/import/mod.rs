//! `persona import`: files to personas, many at a time, and a second run changes nothing.
//!
//! Start reading at `command.rs`. `reader.rs` takes items out of a file in a thread of its own,
//! `order.rs` says which may be sent when, `send.rs` brings one item to the API, `batches.rs` new
//! ones together, `own.rs` those of a client that does not choose identities, and `labels.rs` sets
//! the labels of a history. `patience.rs` sends again what was not taken, `report.rs` says what
//! came of an item, and `progress.rs` shows how far the command is.

mod batches;
mod command;
mod labels;
mod order;
mod own;
mod patience;
mod progress;
mod reader;
mod report;
mod send;

pub use command::run;
