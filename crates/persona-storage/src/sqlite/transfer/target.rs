//! The file that a transfer fills: made under an unfinished name, and given its own when everything
//! in it was compared.
//!
//! Killed at any instruction, the unfinished file stays, and SQLite's own journal takes it back to
//! the last batch. The next attempt goes on there. Two tables exist in it only until then:
//! `move_state`, which says what comes from where, and `move_order`, the rows that personas are to
//! have where the feed has another order than that of their creation.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::order;
use super::put::{advance_persona, put_entries, put_persona};
use super::read::File;
use crate::Token;
use crate::handle::{FormerHandle, Handle};
use crate::sqlite::DatabaseError;
use crate::sqlite::FileSystem;
use crate::sqlite::files::atomic_file::AtomicFile;
use crate::sqlite::files::paths;
use crate::sqlite::journal_mode::to_wal_mode;
use crate::sqlite::start::{library, migrate};
use crate::sqlite::tables::{handles, row, tokens};
use crate::transfer::{Entry, KeyRecord, Side, Source, Start, Target, TransferError, newest_kept};

/// Page cache in KiB: rows come in no order of most indexes.
const CACHE_KIB: i64 = 64 * 1024;
/// The index that a prefix of the feed of another database may break: there, a handle that was
/// given up and taken again within a moment can be told of in the other order.
const HANDLES: &str = "personas_by_handle";

const STATE: &str = "
    CREATE TABLE move_state (origin TEXT NOT NULL, position INTEGER NOT NULL, handles TEXT NOT NULL) STRICT;
    CREATE TABLE move_order (id BLOB PRIMARY KEY, row_id INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/// The count of elapsed time goes on from the newest record that was transferred, and not from one
/// that is made here before a maintenance process looks: a count that is behind the time of day
/// would jump otherwise, and all that was transferred be forgotten.
const BEGIN_COUNT: &str = "
    INSERT OR IGNORE INTO meta (key, value)
    SELECT 'observed_us', CAST(min(max(at), unixepoch() * 1000000) AS TEXT) FROM idempotency HAVING max(at) IS NOT NULL";

/// The file that a transfer fills.
pub(crate) struct FileTarget {
    path: PathBuf,
    start_over: bool,
    /// Closed before the lock of the unfinished file is.
    open: Option<Open>,
}

struct Open {
    side: File,
    file: AtomicFile,
    /// From which place on rows were added since they were last put in order; `None` where none
    /// were.
    unordered_from: Option<order::CreationKey>,
}

impl FileTarget {
    /// Checks the name only, without opening a file.
    pub(crate) fn new(path: &Path, start_over: bool) -> Result<Self, TransferError> {
        library::check_library()?;
        if path.symlink_metadata().is_ok() {
            return Err(TransferError::FileExists { place: path.display().to_string() });
        }
        let unreadable = |source| DatabaseError::Unreadable { path: path.into(), source };
        let file_system = FileSystem::of(paths::folder_of(path)).map_err(unreadable)?;
        if file_system.is_remote() {
            return Err(DatabaseError::RemoteFileSystem {
                path: path.into(),
                file_system: file_system.name(),
            }
            .into());
        }
        Ok(Self { path: path.into(), start_over, open: None })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn failed(&self, error: rusqlite::Error) -> TransferError {
        DatabaseError::from_driver(&self.path, error).into()
    }

    fn connection(&self) -> &Connection {
        &self.open.as_ref().expect("it was begun").side.connection
    }

    /// Makes the schema, with the order of rows where the source tells one.
    fn create(
        &self,
        connection: &Connection,
        origin: &str,
        source: &mut dyn Source,
    ) -> Result<(), TransferError> {
        let failed = |error| self.failed(error);
        connection.execute_batch("BEGIN").map_err(failed)?;
        migrate::claim(connection).map_err(failed)?;
        migrate::apply(connection, 0, migrate::VERSION).map_err(failed)?;
        connection.execute_batch(STATE).map_err(failed)?;
        let sql = "INSERT INTO move_state SELECT ?1, 0, sql FROM sqlite_schema WHERE name = ?2";
        connection.execute(sql, [origin, HANDLES]).map_err(failed)?;
        connection.execute_batch(&format!("DROP INDEX {HANDLES}")).map_err(failed)?;
        let mut row_id = 0_i64;
        source.order(&mut |id| {
            row_id += 1;
            let mut insert = connection
                .prepare_cached("INSERT INTO move_order (id, row_id) VALUES (?1, ?2)")
                .map_err(failed)?;
            insert.execute(params![id.as_bytes(), row_id]).map(drop).map_err(failed)
        })?;
        connection.execute_batch("COMMIT").map_err(failed)
    }
}

fn open_unfinished(file: &AtomicFile) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file.path(), flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    for (pragma, value) in [
        ("cache_size", -CACHE_KIB),
        ("synchronous", 1),
        ("trusted_schema", 0),
        ("mmap_size", 0),
        ("temp_store", 2),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}

/// The state in the unfinished file; `None` if the transfer has not begun.
fn state_of(connection: &Connection) -> rusqlite::Result<Option<(String, i64)>> {
    let has = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'move_state'",
        [],
        |found| found.get::<_, i64>(0),
    )?;
    if has == 0 {
        return Ok(None);
    }
    connection
        .query_row("SELECT origin, position FROM move_state", [], |found| {
            Ok((found.get(0)?, found.get(1)?))
        })
        .optional()
}

impl Target for FileTarget {
    fn side(&mut self) -> &mut dyn Side {
        &mut self.open.as_mut().expect("it was begun").side
    }

    fn clear(&mut self) -> Result<(), TransferError> {
        // An unfinished file holds nothing else, and is cleared when it is begun again.
        Ok(())
    }

    fn handles_taken(&mut self, _handles: &[Handle]) -> Result<Vec<Handle>, TransferError> {
        // The target is always a new file.
        Ok(Vec::new())
    }

    fn look(&mut self, _origin: &str) -> Result<Start, TransferError> {
        // That there is no file of this name was seen before anything else.
        Ok(Start::default())
    }

    fn begin(&mut self, origin: &str, source: &mut dyn Source) -> Result<Start, TransferError> {
        let unwritable = |error| DatabaseError::from_file(&self.path, error);
        let mut file = AtomicFile::resume(&self.path, &self.path).map_err(unwritable)?;
        let mut connection = open_unfinished(&file).map_err(|error| self.failed(error))?;
        // One that an earlier version of the program began is begun again: it has other words.
        let is_current = migrate::version_of(&connection).map_err(|error| self.failed(error))?
            == migrate::VERSION;
        let known = if self.start_over || !is_current {
            None
        } else {
            state_of(&connection).map_err(|error| self.failed(error))?
        };
        let start = match known {
            Some((known, _)) if known != origin => {
                return Err(TransferError::OtherSource { place: self.place(), source_name: known });
            }
            Some((_, position)) => {
                connection
                    .execute_batch(&format!("DROP INDEX IF EXISTS {HANDLES}"))
                    .map_err(|error| self.failed(error))?;
                Start { position, resumed: position > 0, ..Start::default() }
            }
            None => {
                drop(connection);
                file.clear().map_err(unwritable)?;
                connection = open_unfinished(&file).map_err(|error| self.failed(error))?;
                self.create(&connection, origin, source)?;
                Start::default()
            }
        };
        file.keep();
        let side = File { path: self.path.clone(), connection };
        // What an earlier attempt added is looked at too.
        self.open = Some(Open { side, file, unordered_from: Some(order::BEGINNING) });
        Ok(start)
    }

    fn put(&mut self, position: i64, entries: &[Entry]) -> Result<(), TransferError> {
        let Some(last) = entries.last() else { return Ok(()) };
        let damaged = |what| TransferError::DamagedSource { place: self.place(), what };
        let mut personas = newest_kept(entries)
            .into_iter()
            .filter_map(|entry| entry.persona_row().map_err(damaged).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let mut unordered_from = self.open.as_ref().and_then(|open| open.unordered_from);
        let mut write = || -> rusqlite::Result<usize> {
            let transaction = self.connection().unchecked_transaction()?;
            let mut histories = put_entries(&transaction, entries)?;
            for persona in &mut personas {
                // One batch is one look at the source, in which a purged persona has no revision.
                let Some(history) = histories.remove(&persona.id) else { continue };
                // Revisions behind the last kept one were dropped.
                persona.revision = row::stored(history.newest());
                if put_persona(&transaction, persona, &history)? {
                    let place = (persona.created_at, persona.id);
                    unordered_from = Some(unordered_from.map_or(place, |from| from.min(place)));
                }
            }
            for (id, history) in &histories {
                advance_persona(&transaction, *id, history)?;
            }
            let sql = "UPDATE move_state SET position = ?2 WHERE position = ?1";
            let updated = transaction.execute(sql, [position, last.sequence])?;
            transaction.commit()?;
            Ok(updated)
        };
        if write().map_err(|error| self.failed(error))? != 1 {
            return Err(TransferError::Concurrent { place: self.place() });
        }
        self.open.as_mut().expect("it was begun").unordered_from = unordered_from;
        Ok(())
    }

    fn put_keys(&mut self, records: &[KeyRecord]) -> Result<(), TransferError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.connection().unchecked_transaction()?;
            for record in records {
                let sql = "INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, at, moves)
                           VALUES (?1, ?2, ?3, ?4, ?5, 0, x'', ?6, ?7)";
                let values = params![
                    record.key,
                    record.fingerprint,
                    record.outcome,
                    record.persona.as_bytes(),
                    record.revision,
                    record.at,
                    record.moves,
                ];
                transaction.prepare_cached(sql)?.execute(values)?;
            }
            transaction.commit()
        };
        write().map_err(|error| self.failed(error))
    }

    fn put_tokens(&mut self, tokens: &[Token]) -> Result<(), TransferError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.connection().unchecked_transaction()?;
            tokens::remove_all(&transaction)?;
            tokens.iter().try_for_each(|token| tokens::put(&transaction, token))?;
            transaction.commit()
        };
        write().map_err(|error| self.failed(error))
    }

    fn clear_former_handles(&mut self) -> Result<(), TransferError> {
        let cleared = self.connection().execute("DELETE FROM former_handles", []);
        cleared.map(drop).map_err(|error| self.failed(error))
    }

    fn put_former_handles(&mut self, former: &[FormerHandle]) -> Result<(), TransferError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.connection().unchecked_transaction()?;
            for FormerHandle { handle: Handle { owner, handle }, persona } in former {
                handles::put(&transaction, handle, owner, *persona)?;
            }
            transaction.commit()
        };
        write().map_err(|error| self.failed(error))
    }

    fn tidy(&mut self) -> Result<(), TransferError> {
        let merge = "INSERT INTO persona_texts (persona_texts) VALUES ('optimize');
                     INSERT INTO persona_titles (persona_titles) VALUES ('optimize')";
        self.connection().execute_batch(merge).map_err(|error| self.failed(error))
    }

    fn put_in_order(&mut self) -> Result<(), TransferError> {
        let open = self.open.as_mut().expect("it was begun");
        if let Some(from) = open.unordered_from {
            order::put_in_order(&open.side.connection, from)
                .map_err(|error| open.side.failed(error))?;
            open.unordered_from = None;
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), TransferError> {
        self.put_in_order()?;
        let make = || -> rusqlite::Result<()> {
            let sql: String =
                self.connection()
                    .query_row("SELECT handles FROM move_state", [], |found| found.get(0))?;
            self.connection().execute_batch(&sql)
        };
        make().map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => TransferError::DamagedSource {
                place: "the source".into(),
                what: "two living personas have the same handle".into(),
            },
            _ => self.failed(error),
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), TransferError> {
        let Open { side: File { connection, .. }, file, .. } =
            self.open.take().expect("it was begun");
        let failed = |error| self.failed(error);
        connection
            .execute_batch(&format!(
                "BEGIN; DROP TABLE move_state; DROP TABLE move_order; {BEGIN_COUNT}; COMMIT"
            ))
            .map_err(failed)?;
        connection.close().map_err(|(_, error)| self.failed(error))?;
        to_wal_mode(file.path())?;
        Ok(file.finish(false).map_err(|error| DatabaseError::from_file(&self.path, error))?)
    }
}
