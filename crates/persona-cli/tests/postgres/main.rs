//! The built program over PostgreSQL: the same tests as over SQLite as far as they can be the same,
//! and what is different there: any number of workers, and a database that can be away.

#[path = "../common/mod.rs"]
mod common;

mod acceptance;
mod away;
mod commands;
mod contrib;
mod faults;
mod figures;
mod http;
mod transfer;
mod unusable;
mod verified;
