//! The promise over PostgreSQL: the tests of `program/acceptance` that do not look into the
//! database file.

#[path = "../../program/acceptance/contention.rs"]
mod contention;
#[path = "../../program/acceptance/crashes.rs"]
mod crashes;
#[path = "../../program/acceptance/persistence.rs"]
mod persistence;
#[path = "../../program/acceptance/visibility.rs"]
mod visibility;
