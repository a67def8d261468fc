//! The facts about a database on a server.

use persona_storage::Status;

/// The result of a look at the database.
pub struct DatabaseFacts {
    /// The status that the database reports; or why it cannot be used, and a hint if there is one.
    pub looked: Result<Status, (String, Option<String>)>,
}
