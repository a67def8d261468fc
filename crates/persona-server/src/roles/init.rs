//! Makes the file ready for several processes, tells the supervisor what it found, and ends.

use persona_storage::sqlite::{initialise, library_version};

use super::Error;
use crate::supervisor::{Handover, Message, Prepared, say};

pub(super) fn run(handover: &Handover) -> Result<(), Error> {
    let report = initialise(&handover.config.store_settings())?;
    if let Some(backup) = &report.backup {
        tracing::info!(backup = %backup.display(), "copied the old file before changing it");
    }
    if let Some(version) = report.migrated_from {
        tracing::info!(from = version, to = report.schema_version, "database schema brought up to date");
    }
    if report.journal_mode == "wal" {
        // Operators and scripts look for exactly these words.
        tracing::info!(
            converted_from = report.converted_from,
            file_system = report.file_system,
            sqlite_version = library_version(),
            "SQLite WAL mode enabled for improved concurrency"
        );
    }
    let prepared = Prepared {
        sqlite_version: library_version().into(),
        journal_mode: report.journal_mode,
        file_system: report.file_system,
        created: report.created,
        database_bytes: report.database_bytes,
        personas: report.personas,
    };
    Ok(say(&handover.channel, &Message::Prepared(prepared))?)
}
