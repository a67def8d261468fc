//! The built program over PostgreSQL: the tests of the program over SQLite as far as both can be
//! the same, and tests of the differences: any number of workers, and a database that can be away.

#[path = "../common/mod.rs"]
mod common;

mod acceptance;
mod away;
mod commands;
mod commands_of_the_past;
mod contrib;
mod faults;
mod figures;
mod http;
#[path = "../program/long_histories.rs"]
mod long_histories;
#[path = "../program/backup/tokens.rs"]
mod tokens_of_backups;
mod transfer;
mod unusable;
mod verified;
