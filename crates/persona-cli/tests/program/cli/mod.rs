//! The command line as its users see it: the built program, a folder of its own, and what it
//! prints.

mod at_rest;
mod bench;
mod config;
mod damaged;
mod edit;
mod edit_conflicts;
mod exit_codes;
mod export;
mod handles;
mod help;
mod history;
mod import;
mod labels;
mod personas;
mod prune;
mod purge;
mod readme;
mod secrets;
mod server;
mod tokens;
mod transport;
mod watch;
mod which_store;
