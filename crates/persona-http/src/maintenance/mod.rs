//! What an admin can have the server do for its database, and what the server finds of itself.
//!
//! The work is that of the maintenance process: a handler asks for it over the trait
//! [`ServerState`](crate::ServerState), answers at once, and tells later what became of it.

mod begin_task;
mod list_findings;
mod list_tasks;

pub(crate) use begin_task::{begin_backup, begin_check, begin_checkpoint};
pub(crate) use list_findings::list_findings;
pub(crate) use list_tasks::list_tasks;
