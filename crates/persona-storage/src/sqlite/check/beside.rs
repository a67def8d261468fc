//! The check of a file that this process has open already.

use std::sync::Arc;

use super::report::CheckReport;
use super::run::{Scope, examine};
use crate::NoObserver;
use crate::progress::Watcher;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::{DatabaseError, Settings};

/// Checks the whole file over a connection of its own, while this and other processes go on. Unlike
/// [`check`](super::check) it makes no plain file call, which would drop the locks of this process.
///
/// # Errors
///
/// [`DatabaseError`] says why the file could not be read, or that the watcher ended the check.
pub fn check_beside(
    settings: &Settings,
    watcher: &mut Watcher<'_>,
) -> Result<CheckReport, DatabaseError> {
    let mut connection = connection::open(settings, Purpose::Read, Arc::new(NoObserver))?;
    examine(&settings.path, &mut connection, false, Scope::WithWords, watcher)
}
