//! The command line: one file per command.
//!
//! What lives here: arguments in, requests of the HTTP API out, answers printed. What must not:
//! rules of personas; every command on data speaks HTTP, to a server (`--server`) or to the same
//! router in this process (`--database`), so every rule lives once, in `http`. Commands on the file
//! as a whole (`backup`, `restore`, `check`, `move`) call the storage.
//!
//! Results go to standard output, messages to standard error. Start reading at `entry.rs`, which
//! parses and dispatches; `api/` is how commands reach personas, `failure.rs` how they fail,
//! `output.rs` how they print.

mod api;
mod arguments;
mod author;
mod backup;
mod bench;
mod check;
mod completions;
mod config;
mod create;
mod delete;
mod doctor;
mod edit;
mod edit_draft;
mod edit_save;
mod entry;
mod export;
mod failure;
mod form;
mod health;
mod import;
mod list;
mod new_database;
mod output;
mod question;
mod relocate;
mod resolve;
mod restore;
pub mod serve;
mod show;
mod table;
mod top;
mod typed;
mod undelete;
mod update;
mod verify;
mod version;
mod work;

pub use entry::main;
