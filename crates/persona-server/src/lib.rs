//! How personas are served: the supervisor, its worker processes, the HTTP API and the command line.

pub mod clock;
pub mod config;
pub mod exit_code;
pub mod http;
pub mod import;
pub mod log;
pub mod roles;
pub mod shared_page;
pub mod supervisor;
