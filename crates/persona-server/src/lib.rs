//! How personas are served: the supervisor, its worker processes and the HTTP API.
//!
//! In reading order: settings come from flags, environment and files (`config`). The `supervisor`
//! starts its children (`run_role`): `init` makes the database ready, `maintenance` maintains it,
//! and each `worker` answers HTTP (`persona_http`). All processes count into one `scoreboard` in
//! shared memory. The command line is the crate `persona-cli`.

pub mod backend;
mod backend_maintenance;
mod child;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod exit_code;
pub mod file_size_limit;
pub mod findings;
pub mod heads;
pub mod host_name;
mod init;
pub mod listen;
pub mod log;
mod maintenance;
pub mod process_table;
pub mod run_role;
pub mod scoreboard;
pub mod secrets;
pub mod shell;
pub mod supervisor;
pub mod tls;
pub mod units;
mod worker;
