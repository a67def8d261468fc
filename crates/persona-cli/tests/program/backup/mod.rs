//! Backups of a server that is at work, its own backups, restores, and files that go missing under
//! it.

mod load;
mod lost;
mod program;
mod schedule;
mod tags;
