//! The PostgreSQL backend: one database, any number of processes on any number of machines.
//!
//! What lives here: every SQL statement for PostgreSQL, its connections, and what its errors mean.
//! What must not: HTTP, configuration, formatting of answers, and any state that decides who may
//! write: the database alone does that.
//!
//! Start reading at [`PostgresStore`] (`store.rs`). A write goes `store.rs` -> `writer.rs` (whose
//! turn it is, and again until it is settled) -> `attempt.rs` (read, decide, write) -> `current.rs`
//! (one statement that reads) and `change.rs` (one statement that writes). A short read goes
//! `store.rs` -> `lane.rs` -> one statement, a longer one `store.rs` -> `lease.rs` -> one
//! statement.
//!
//! Invariant: whatever changes a persona is one statement, and the revision that it expects is in
//! its condition. So no sequence of failures can apply half of a write, and a pooler that knows no
//! sessions may stand in between.

mod attempt;
mod cancel;
mod change;
mod changes;
mod current;
mod error;
mod export;
mod found_by;
mod home;
mod hosts;
mod keeper;
mod lane;
mod lease;
mod left_behind;
mod list;
mod migrate;
mod pool;
mod quota;
mod readiness;
mod row;
mod search;
mod settings;
mod shares;
mod start;
mod status;
mod store;
mod tls;
pub(crate) mod transfer;
mod writer;

pub use error::DatabaseError;
pub use keeper::Keeper;
pub use settings::{Settings, SettingsError, TlsMode};
pub use start::{InitReport, RESERVED_CONNECTIONS, initialise};
pub use store::PostgresStore;
