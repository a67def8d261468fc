//! The contract with clients, as data: no request is handled here, and no HTTP framework is known.
//!
//! - `operations/`: the table of operations; start there. `operation.rs` is what a row says.
//! - `parameters.rs`, `change_parameters.rs`, `count_parameters.rs`, `event_parameters.rs`,
//!   `handle_parameters.rs`, `token_parameters.rs`: query parameters, and how their values are
//!   read; `headers.rs`: headers.
//! - `problems.rs`: the problem codes; their table is in `problem_table.rs` and `failure_table.rs`.
//! - `problem_body.rs`, `page.rs`, `counts.rs`, `history.rs`, `events.rs`, `import.rs`,
//!   `session.rs`, `status.rs`, `health.rs`, `tasks.rs`, `findings.rs`: bodies of answers, as
//!   types.
//! - `schema.rs`: how these types become schemas of the OpenAPI document.
//! - `labels.rs`, `tokens.rs`: bodies that are about labels and tokens, of requests and of answers.
//! - `batch.rs`: the body of `POST /api/v1/personas/batch` and of its answer.
//! - `idempotency_key.rs`: the form of an idempotency key.
//! - `managed_members.rs`: the members of a persona that the store manages.
//! - `limits.rs`: limits of a request that its sender can know.

pub mod batch;
mod change_parameters;
mod count_parameters;
pub mod counts;
mod event_parameters;
pub mod events;
mod failure_table;
pub mod findings;
mod handle_parameters;
pub mod headers;
pub mod health;
pub mod history;
pub(crate) mod idempotency_key;
pub mod import;
pub mod labels;
pub mod limits;
pub(crate) mod managed_members;
mod operation;
mod operations;
pub mod page;
pub mod parameters;
pub mod problem_body;
mod problem_table;
pub mod problems;
pub mod schema;
pub mod session;
pub mod status;
pub mod tasks;
mod time;
mod token_parameters;
pub mod tokens;

pub use operation::{Answer, Body, Content, Method, OperationRow, RateClass, Scope, StoreUse, Tag};
pub use operations::{OPERATIONS, OperationId, PREFIX};
pub use time::Time;
