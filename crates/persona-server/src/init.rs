//! The init process: makes the database ready for several processes, tells the supervisor what it
//! found, and ends.

use crate::backend;
use crate::child::Error;
use crate::supervisor::{ChildInput, Message, say};

/// Makes the database ready.
///
/// # Errors
///
/// The database cannot be used, or the supervisor is gone.
pub fn run(input: &ChildInput) -> Result<(), Error> {
    let prepared = backend::initialise(&input.config, true)?;
    Ok(say(&input.channel, &Message::Prepared(prepared))?)
}
