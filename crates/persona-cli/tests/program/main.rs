//! The built program as its users see it: over SQLite, on a machine without faults.

#[path = "../common/mod.rs"]
mod common;

mod acceptance;
mod backup;
mod cli;
mod clients;
mod doctor;
mod fuzz;
mod http;
mod long_histories;
mod monitoring;
mod scanned;
mod studio;
mod supervisor;
mod top;
mod verify;
