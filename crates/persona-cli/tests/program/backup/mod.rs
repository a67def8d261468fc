//! Backups of a working server, scheduled backups, restores, and files that disappear under a
//! server.

mod cached;
mod load;
mod lost;
mod program;
mod schedule;
mod tags;
mod tokens;
