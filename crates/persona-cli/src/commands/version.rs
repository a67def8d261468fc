//! `persona version`: the versions of the program and of SQLite.

use persona_storage::sqlite::library_version;
use serde_json::json;

use crate::failure::Failure;
use crate::terminal::Output;

/// The version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints the version of the program and of SQLite.
pub fn run(output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(
            &json!({ "version": VERSION, "sqlite_version": library_version(), "features": [] }),
        );
    }
    output.result(&format!("persona {VERSION} (SQLite {})", library_version()))
}
