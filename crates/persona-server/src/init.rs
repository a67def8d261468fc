//! Makes the database ready for several processes, tells the supervisor what it found, and ends.

use crate::backend;
use crate::child::Error;
use crate::supervisor::{Handover, Message, say};

/// Makes the database ready.
///
/// # Errors
///
/// The database cannot be used, or the supervisor is gone.
pub fn run(handover: &Handover) -> Result<(), Error> {
    let prepared = backend::initialise(&handover.config, true)?;
    Ok(say(&handover.channel, &Message::Prepared(prepared))?)
}
