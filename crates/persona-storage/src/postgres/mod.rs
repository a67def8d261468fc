//! The PostgreSQL backend: one database, any number of processes on any number of machines.
//!
//! What lives here: every SQL statement for PostgreSQL, its connections, and what its errors mean.
//! What must not: HTTP, configuration, formatting of answers, and any state that decides which
//! process may write: the database alone does that.
//!
//! Start reading at [`PostgresStore`] (`store.rs`). A write goes `store.rs` -> `writer.rs` (waits
//! for its turn) -> `group.rs` (reads, decides and writes together with others) or `settle.rs`
//! (alone, and repeats `write_attempt.rs` until the outcome is known) -> `load_state.rs` (one
//! statement that reads) and `write_statement.rs` (one statement that writes). A short read goes
//! `store.rs` -> `shared_reader.rs` -> one statement, a longer one `store.rs` -> `lease.rs` -> one
//! statement. Labels are moved in a transaction that locks their personas (`label_attempt.rs`).
//!
//! Invariant: whatever changes a persona is one statement, and the revision that it expects is in
//! its condition. So no sequence of failures can apply half of a write, and a pooler that knows no
//! sessions may stand in between.

mod abandoned;
mod cancel;
mod connection;
mod connection_manager;
mod counts;
mod doubt;
mod driver_error;
mod dropped;
mod error;
mod events;
mod export;
mod feed;
mod found_by;
mod group;
mod handles;
mod hosts;
mod io_thread;
mod label_attempt;
mod label_keys;
mod label_sql;
mod labels;
mod lease;
mod libpq_environment;
mod list;
mod load_state;
mod maintenance;
mod migrate;
mod new_row;
mod persona_turns;
mod pool;
mod purge;
mod purge_attempt;
mod quota;
mod readiness;
mod retention;
mod revision_list;
mod rounds;
mod row;
mod search;
mod settings;
mod settle;
mod settle_all;
mod shared_reader;
mod shares;
mod start;
mod status;
mod store;
mod tls;
mod together_attempt;
mod token_lease;
mod token_row;
mod tokens;
pub(crate) mod transfer;
mod url_parameters;
mod write_attempt;
mod write_queue;
mod write_sql;
mod write_statement;
mod writer;

pub use error::DatabaseError;
pub use maintenance::{Maintenance, prunable};
pub use settings::{Settings, SettingsError};
pub use start::{InitReport, RESERVED_CONNECTIONS, initialise, valid_tokens};
pub use store::PostgresStore;
pub use url_parameters::TlsMode;
