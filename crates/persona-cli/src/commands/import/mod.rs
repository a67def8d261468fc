//! `persona import`: files to personas, many at a time, and a second run changes nothing.
//!
//! Start reading at `command.rs`. `reader.rs` reads the items of a file in a separate thread,
//! `order.rs` decides which item may be sent when, `send.rs` sends one item to the API,
//! `batches.rs` sends new personas together; `report.rs` reports the results, `progress.rs` shows
//! the progress.

mod batches;
mod command;
mod order;
mod progress;
mod reader;
mod report;
mod send;

pub use command::run;
