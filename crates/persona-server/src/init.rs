//! The init process: makes the database ready for several processes, tells the supervisor what it
//! found, and ends.

use crate::backend;
use crate::child::Error;
use crate::config::{FIRST_TOKEN, UnixSocket};
use crate::supervisor::{ChildInput, Message, say};

/// Makes the database ready.
///
/// # Errors
///
/// The database cannot be used, the server would be open to other machines without a token, or the
/// supervisor has ended.
pub fn run(input: &ChildInput) -> Result<(), Error> {
    let config = &input.config;
    let database = &config.database;
    if let Some(address) = config.exposed.filter(|_| !config.allow_open) {
        // A start that is refused must leave no new database, and must not bring an older one up to
        // date: the program that it belongs to could not use it any more.
        let tokens = backend::valid_tokens(config)?;
        if tokens.unwrap_or_default() == 0 {
            let database = database.clone();
            return Err(Error::NoToken { address, database, is_new: tokens.is_none() });
        }
    }
    let prepared = backend::initialise(config, true)?;
    if let Some(address) = config.exposed {
        if prepared.tokens == 0 && !config.allow_open {
            let database = database.clone();
            return Err(Error::NoToken { address, database, is_new: false });
        }
        if prepared.tokens_kept == 0 {
            tracing::warn!(
                host = %address,
                "everyone who can reach the port is served, because there is no access token; \
                 make one with: {}",
                database.in_command(FIRST_TOKEN)
            );
        }
    }
    let is_for_others = |socket: &UnixSocket| socket.mode & 0o077 != 0;
    if config.uds.as_ref().is_some_and(is_for_others) && prepared.tokens_kept == 0 {
        tracing::warn!(
            "everyone who can open the unix socket is served, and so is everyone whom a proxy lets \
             in over it, because there is no access token; make one with: {}",
            database.in_command(FIRST_TOKEN)
        );
    }
    Ok(say(&input.channel, &Message::Prepared(prepared))?)
}
