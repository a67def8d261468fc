//! The table of operations: one row for each method at each path.
//!
//! Everything that has to know the routes is derived from it: the router, `Allow`, the nearest path
//! of a 404, the OpenAPI document, the series of the metrics, and the paths of clients.
//!
//! - `table.rs`: every operation in one list; start there.
//! - `personas.rs`, `history.rs`, `labels.rs`, `events.rs`, `server.rs`, `maintenance.rs`,
//!   `sessions.rs`, `tokens.rs`, `documentation.rs`: the rows.
//! - `row.rs`: what rows are made of.

mod documentation;
mod events;
mod history;
mod labels;
mod maintenance;
mod personas;
mod row;
mod server;
mod sessions;
mod table;
mod tokens;

pub use table::{OPERATIONS, OperationId, PREFIX};
