//! The promise, on the built program over PostgreSQL: the same tests as over SQLite, as far as they
//! do not look into the file, and what is different there: any number of workers, and a database
//! that can be away.

#[path = "../common/mod.rs"]
mod common;
#[path = "../origin/contention.rs"]
mod contention;
#[path = "../origin/crashes.rs"]
mod crashes;
#[path = "../origin/persistence.rs"]
mod persistence;
#[path = "../origin/personas.rs"]
mod personas;
#[path = "../cli/runner.rs"]
mod runner;
#[path = "../origin/visibility.rs"]
mod visibility;

mod away;
mod commands;
mod figures;
mod moving;
mod unusable;
mod verified;
