//! The promise over PostgreSQL: the tests of `program/acceptance`, as far as they do not look into
//! the file.

#[path = "../../program/acceptance/contention.rs"]
mod contention;
#[path = "../../program/acceptance/crashes.rs"]
mod crashes;
#[path = "../../program/acceptance/persistence.rs"]
mod persistence;
#[path = "../../program/acceptance/visibility.rs"]
mod visibility;
