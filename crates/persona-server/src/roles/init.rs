//! Makes the database ready for several processes, tells the supervisor what it found, and ends.

use super::Error;
use crate::backend;
use crate::supervisor::{Handover, Message, say};

pub(super) fn run(handover: &Handover) -> Result<(), Error> {
    let prepared = backend::initialise(&handover.config, true)?;
    Ok(say(&handover.channel, &Message::Prepared(prepared))?)
}
