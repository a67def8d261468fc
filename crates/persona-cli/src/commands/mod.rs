//! The commands of the program, one file each.
//!
//! What lives here: flags and arguments in, requests of the HTTP API out, answers printed. What
//! must not: rules of personas. A command on personas speaks HTTP, either to a server (`--server`)
//! or to the same router in this process (`--database`), so that every rule exists once, in
//! `persona-http`. A command on the file as a whole (`backup`, `restore`, `check`, `move`) and
//! one on access tokens (`token`) call the storage.
//!
//! Start reading at `entry.rs`, which parses the command line and dispatches. `target.rs` decides
//! which store a command works on, `../client/` reaches it, `../terminal/` prints.

mod arguments;
mod author;
mod backup;
mod bench;
mod by_handle;
mod check;
mod completions;
mod config;
mod create;
mod delete;
mod diff;
mod diff_view;
mod doctor;
mod edit;
mod edit_draft;
mod edit_save;
mod entry;
mod existing_database;
mod export;
mod folder;
mod form;
mod health;
mod history;
mod import;
mod label;
mod list;
mod new_database;
mod paging;
mod prune;
mod resolve;
mod restore;
mod revert;
pub mod serve;
mod show;
mod target;
mod token;
mod token_link;
mod top;
mod transfer;
mod typed;
mod undelete;
mod update;
mod usage;
mod verify;
mod version;
mod watch;
mod work;

pub use entry::main;
