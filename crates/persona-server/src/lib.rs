//! How personas are served: the supervisor, its worker processes, the HTTP API and the command
//! line.
//!
//! In reading order: the command line parses what the user wants (`cli`), with settings from flags,
//! environment and files (`config`). `persona serve` runs the `supervisor`, which starts its
//! children in one of three `roles`; a worker answers HTTP (`http`), and all processes count into
//! one page of memory (`shared_page`). `persona verify` puts a server under load like any client
//! and judges what it saw (`verify`).

pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
mod descriptors;
pub mod doctor;
pub mod exit_code;
mod file_size_limit;
pub mod heads;
mod host_name;
pub mod http;
pub mod log;
mod process_table;
pub mod roles;
pub mod shared_page;
pub mod supervisor;
pub mod top;
pub mod units;
pub mod verify;
