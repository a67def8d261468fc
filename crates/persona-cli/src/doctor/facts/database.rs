//! The facts about a database on a server of its own.

use persona_storage::Status;

/// What a look at the database came to.
pub struct DatabaseFacts {
    /// Its own words, or why it cannot be used and what to do about it.
    pub looked: Result<Status, (String, Option<String>)>,
}
