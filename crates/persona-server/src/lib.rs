//! How personas are served: the supervisor, its worker processes and the HTTP API.
//!
//! In reading order: settings come from flags, environment and files (`config`). The `supervisor`
//! starts its children in one of three `roles`; a worker answers HTTP (`persona_http`), and all
//! processes count into one `scoreboard` in shared memory. The command line is the crate
//! `persona-cli`.

pub mod backend;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod exit_code;
pub mod file_size_limit;
pub mod heads;
pub mod host_name;
pub mod log;
pub mod process_table;
pub mod roles;
pub mod scoreboard;
pub mod supervisor;
pub mod units;
