//! The check of a whole file.

use std::path::Path;

use rusqlite::Connection;

use super::chain;
use super::feed::Feed;
use super::labels;
use super::persona::next_after;
use super::report::CheckReport;
use super::source_file::SourceFile;
use super::steps::Steps;
use super::table_rows;
use super::words::Words;
use crate::progress::{Progress, Step, Watcher};
use crate::sqlite::DatabaseError;
use crate::sqlite::connection;
use crate::sqlite::start::{library, migrate};
use crate::sqlite::tables::{self, meta, tokens};

/// Personas between two calls of the watcher: a few milliseconds.
const TELL_EVERY: u64 = 64;

/// Checks a file of ours: of a running server, of a stopped one, or a backup.
///
/// The file is only read. Damage is part of the report; an error means that there was nothing to
/// check: no file, a file of another application, no permission. Must be called before anything
/// else in this process opens the file, because it reads the first page with plain file calls, and
/// closing those would drop the locks of the whole process.
///
/// # Errors
///
/// [`DatabaseError`] says why there was nothing to check, or that the watcher ended it.
pub fn check(path: &Path, watcher: &mut Watcher<'_>) -> Result<CheckReport, DatabaseError> {
    library::check_library()?;
    let mut source = SourceFile::open(path)?;
    let alone = source.alone;
    examine(path, source.connection(), alone, Scope::WithWords, watcher)
}

/// Checks a file that no other process has open, such as a backup that was just made.
pub(crate) fn check_alone(
    path: &Path,
    watcher: &mut Watcher<'_>,
) -> Result<CheckReport, DatabaseError> {
    examine(path, &mut connection::open_alone(path)?, true, Scope::WithoutWords, watcher)
}

/// The extent of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Everything but the words of the full-text indexes: of a copy, which has them as the original
    /// does.
    WithoutWords,
    /// Everything.
    WithWords,
}

/// Checks what a connection sees; `alone` when no server can be using the file.
pub(crate) fn examine(
    path: &Path,
    connection: &mut Connection,
    alone: bool,
    scope: Scope,
    watcher: &mut Watcher<'_>,
) -> Result<CheckReport, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let steps = Steps::of(connection).map_err(failed)?;
    let connection = &*connection;
    let mut report = CheckReport {
        schema_version: migrate::version_of(connection).map_err(failed)?,
        ..CheckReport::default()
    };
    let (report_to, at_once) = (&mut report, chain::AT_ONCE);
    let mut examination =
        Examination { path, connection, steps, report: report_to, watcher, at_once };
    examination.structure(alone)?;
    examination.rows(scope)?;
    Ok(report)
}

/// A statement that finds inconsistencies between rows, one row for each.
struct Finding {
    /// The first version of the schema with these tables.
    since: u32,
    sql: &'static str,
}

const FINDINGS: [Finding; 3] = [
    Finding {
        since: 1,
        sql: "SELECT 'row ' || coalesce(rowid, '') || ' of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there'
              FROM pragma_foreign_key_check",
    },
    // The owner is read from the documents, because earlier files have no column for it.
    Finding {
        since: 1,
        sql: "SELECT 'the handle ' || handle || ' belongs to ' || count(*) || ' living personas'
              FROM personas NOT INDEXED
              WHERE handle IS NOT NULL AND deleted_at IS NULL
              GROUP BY handle, CASE WHEN document LIKE '{\"owner\":\"%' THEN substr(document, 11, instr(substr(document, 11, 129), '\"')) END
              HAVING count(*) > 1",
    },
    Finding {
        since: migrate::CHAINED_SINCE,
        sql: "SELECT 'row ' || r.sequence || ' of the revisions has no line in the feed'
              FROM revisions AS r
              LEFT JOIN changes AS c ON c.sequence = r.sequence
              WHERE c.sequence IS NULL",
    },
];

/// What is wrong with some tables, one line for each fault.
type Faults<'a> = dyn Fn(&Connection) -> rusqlite::Result<Vec<String>> + 'a;

struct Examination<'a, 'w> {
    path: &'a Path,
    connection: &'a Connection,
    steps: Steps,
    report: &'a mut CheckReport,
    watcher: &'a mut Watcher<'w>,
    /// Most revisions that are read in one snapshot.
    at_once: u64,
}

impl Examination<'_, '_> {
    fn tell(&mut self, step: Step, done: u64, total: u64) -> Result<(), DatabaseError> {
        (self.watcher)(Progress { step, done, total })
            .continue_value()
            .ok_or_else(|| self.interrupted())
    }

    fn interrupted(&self) -> DatabaseError {
        DatabaseError::Interrupted { path: self.path.into() }
    }

    /// Adds an error as a problem if it is damage, or fails with it.
    fn found<T>(&mut self, result: rusqlite::Result<T>) -> Result<Option<T>, DatabaseError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.report
                    .add_damage(None, error)
                    .map_err(|error| DatabaseError::from_driver(self.path, error))?;
                Ok(None)
            }
        }
    }

    /// Checks the structure with SQLite, and compares the schema with that of the version.
    ///
    /// The file of a server is looked at table by table, so that no snapshot is held longer than
    /// the largest one takes.
    fn structure(&mut self, alone: bool) -> Result<(), DatabaseError> {
        let tables = self.found(texts(
            self.connection,
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
            &[],
        ))?;
        let tables: Vec<(Option<String>, u64)> = {
            let all = tables
                .into_iter()
                .flatten()
                .map(|table| (table_rows::about(self.connection, &table), table));
            if alone {
                vec![(None, all.map(|(rows, _)| rows).sum())]
            } else {
                all.map(|(rows, table)| (Some(table), rows)).collect()
            }
        };
        let total = tables.iter().map(|(_, rows)| rows).sum();
        let mut done = 0;
        for (table, rows) in &tables {
            self.tell(Step::Structure, done, total)?;
            let lines = self.integrity_of(table.as_ref(), &mut |looked_at| {
                let done = done + looked_at.min(*rows);
                Progress { step: Step::Structure, done, total }
            });
            if self.steps.is_ended() {
                return Err(self.interrupted());
            }
            done += rows;
            for line in self.found(lines)?.into_iter().flatten().filter(|line| line != "ok") {
                self.report.add(None, line);
            }
        }
        for finding in FINDINGS {
            if self.report.schema_version >= finding.since {
                let lines = texts(self.connection, finding.sql, &[]);
                for line in self.found(lines)?.into_iter().flatten() {
                    self.report.add(None, line);
                }
            }
        }
        let schema = migrate::schema_of(self.connection);
        let expected = migrate::schema_of_version(self.report.schema_version)
            .map_err(|error| DatabaseError::from_driver(self.path, error))?;
        if self.found(schema)?.is_some_and(|schema| schema != expected) {
            self.report.add(
                None,
                format!(
                    "its tables and indexes are not those of schema version {}",
                    self.report.schema_version
                ),
            );
        }
        self.tables()
    }

    /// What the tables say beside those of personas and their revisions.
    fn tables(&mut self) -> Result<(), DatabaseError> {
        let (connection, version) = (self.connection, self.report.schema_version);
        let epoch = |connection: &Connection| {
            Ok(meta::fault_of_epoch(connection)?.into_iter().map(String::from).collect())
        };
        let labels = |connection: &Connection| labels::faults(connection, version);
        let checks: [(u32, &Faults<'_>); 5] = [
            (meta::EPOCH_SINCE, &epoch),
            (tokens::TOKENS_SINCE, &tokens::faults),
            (tables::labels::LABELS_SINCE, &labels),
            (migrate::ADDRESSES_SINCE, &tables::handles::faults),
            (migrate::PURGES_SINCE, &tables::purged::faults),
        ];
        for (_, faults) in checks.into_iter().filter(|(since, _)| version >= *since) {
            for fault in self.found(faults(connection))?.into_iter().flatten() {
                self.report.add(None, fault);
            }
        }
        if version >= tokens::TOKENS_SINCE {
            let counts = self.found(tokens::counts(connection))?.unwrap_or_default();
            (self.report.tokens, self.report.tokens_kept) = counts;
        }
        Ok(())
    }

    /// Runs SQLite's integrity check on a table, or on everything. Meanwhile the watcher gets what
    /// `progress` makes of the number of rows that SQLite has checked.
    fn integrity_of(
        &mut self,
        table: Option<&String>,
        progress: &mut (dyn FnMut(u64) -> Progress + Send),
    ) -> rusqlite::Result<Vec<String>> {
        let (connection, watcher) = (self.connection, &mut *self.watcher);
        self.steps.told(&mut |rows| watcher(progress(rows)), || match table {
            Some(table) => {
                let sql = "SELECT integrity_check FROM pragma_integrity_check(?1)";
                texts(connection, sql, &[table])
            }
            None => texts(connection, "SELECT integrity_check FROM pragma_integrity_check", &[]),
        })
    }

    /// Checks the feed first, then the personas, each in one snapshot with the lines that the feed
    /// got meanwhile.
    fn rows(&mut self, scope: Scope) -> Result<(), DatabaseError> {
        let mut feed = Feed::default();
        let mut words = None;
        if scope == Scope::WithWords && self.report.schema_version >= migrate::TWO_INDEXES_SINCE {
            words = self.found(Words::read(self.connection))?;
        }
        let count = |sql| {
            self.connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap_or_default()
                .unsigned_abs()
        };
        let changes = count("SELECT max(sequence) FROM changes");
        let personas = count("SELECT count(*) FROM personas");
        while self
            .follow(&mut feed)
            .map_err(|error| DatabaseError::from_driver(self.path, error))?
        {
            self.tell(Step::Changes, feed.sequence(), changes)?;
        }
        let mut row_id = i64::MIN;
        loop {
            let done = self.report.personas + self.report.deleted;
            if done.is_multiple_of(TELL_EVERY) {
                self.tell(Step::Personas, done, personas)?;
            }
            let checked = self.persona_after(row_id, &mut feed, words.as_mut());
            match self.found(checked)? {
                Some(Some(checked)) => row_id = checked,
                Some(None) => break,
                // An unreadable page has several rows; the rows behind it are still checked.
                None => match self.found(row_after(self.connection, row_id))?.flatten() {
                    Some(next) => row_id = next,
                    None => break,
                },
            }
        }
        feed.finish(self.report);
        let left = words.map_or(Ok(0), |words| words.left(self.connection));
        let left = self.found(left)?.unwrap_or_default();
        if left > 0 && self.report.is_sound() {
            self.report.add(None, format!("the words of {left} rows belong to no persona"));
        }
        Ok(())
    }

    /// Reads the next lines of the feed; returns whether there may be more. Damage ends the
    /// reading.
    fn follow(&mut self, feed: &mut Feed) -> rusqlite::Result<bool> {
        feed.follow(self.connection, self.report).or_else(|error| {
            feed.give_up();
            self.report.add_damage(None, error).map(|()| false)
        })
    }

    /// Checks the next persona and returns its row; `None` after the last one.
    fn persona_after(
        &mut self,
        row_id: i64,
        feed: &mut Feed,
        words: Option<&mut Words>,
    ) -> rusqlite::Result<Option<i64>> {
        let version = self.report.schema_version;
        let snapshot = self.connection.unchecked_transaction()?;
        while self.follow(feed)? {}
        let Some(current) = next_after(self.connection, row_id, version)? else { return Ok(None) };
        // Later files have no index to ask; their revisions are found from the persona.
        let last = (version < migrate::CHAINED_SINCE)
            .then(|| chain::last_kept(self.connection, current.row_id))
            .transpose()?;
        match &current.stored {
            Some(stored) if stored.persona.deleted_at.is_some() => self.report.deleted += 1,
            _ => self.report.personas += 1,
        }
        for fault in current.faults {
            self.report.add(current.id, fault);
        }
        if let Some(stored) = &current.stored {
            let persona = &stored.persona;
            feed.compare(
                persona.id,
                persona.revision.number(),
                persona.deleted_at.is_some(),
                self.report,
            );
            if let Some(last) = last
                && last.is_none_or(|last| last.unsigned_abs() != persona.revision.number())
            {
                self.report.add(
                    current.id,
                    format!(
                        "it is at revision {}, and its last kept one is {last:?}",
                        persona.revision
                    ),
                );
            }
            if let Some(words) = words {
                let (connection, document) = (self.connection, &persona.document);
                let fault = words.fault_of(connection, current.row_id, persona.id, document)?;
                if let Some(fault) = fault {
                    self.report.add(current.id, fault);
                }
            }
            let of = chain::Compared { row_id: current.row_id, current: stored, version };
            of.compare(self.connection, snapshot, self.at_once, self.report)?;
        }
        Ok(Some(current.row_id))
    }
}

fn texts(
    connection: &Connection,
    sql: &str,
    parameters: &[&String],
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
    rows.collect()
}

/// The row of the next persona, found without reading the persona itself.
pub(crate) fn row_after(connection: &Connection, row_id: i64) -> rusqlite::Result<Option<i64>> {
    let next: Option<i64> = connection.query_row(
        "SELECT min(row_id) FROM personas WHERE row_id > ?1",
        [row_id],
        |row| row.get(0),
    )?;
    Ok(next.filter(|next| *next > row_id))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
