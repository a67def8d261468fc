//! The database that a transfer reads: read in short transactions, and fenced by a lock on the
//! tables that every write adds to.

use std::time::{Duration, Instant};

use persona_model::PersonaId;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::connection::Connection;
use super::super::{DatabaseError, Settings, labels, migrate, row};
use super::session::{BEGIN, Session};
use crate::Error;
use crate::transfer::{
    Batch, Entry, EntryOf, KeyRecord, PurgeRow, RevisionRow, Side, Source, TransferError,
};

/// Entries of one batch; none is larger than a document may be, and few are.
const BATCH_ENTRIES: i64 = 1000;
/// Bytes of texts of one batch, after which the rest of it is read again.
const BATCH_BYTES: i64 = 4 * 1024 * 1024;
/// Records of keys of one batch.
const BATCH_KEYS: i64 = 5000;
/// Personas of one batch, by their identities only.
const BATCH_ORDER: i64 = 10_000;

/// Locks all tables that any write adds to. Readers do not block the lock and are not blocked.
const FENCE: &str =
    "LOCK TABLE persona_store.personas, persona_store.changes, persona_store.idempotency,
           persona_store.tokens IN EXCLUSIVE MODE";
/// After this commit every write fails, because it adds a line to the feed, and so does every
/// change of a token.
const RETIRE: &str =
    "ALTER TABLE persona_store.changes ADD CONSTRAINT moved_away CHECK (false) NOT VALID;
     ALTER TABLE persona_store.tokens ADD CONSTRAINT moved_away CHECK (false) NOT VALID";

/// The sessions of servers in this database, by the name that they give themselves. Without the
/// right to see the sessions of other roles, a role sees its own sessions only; a server and a
/// transfer have the same role as a rule.
const SESSIONS_OF_SERVERS: &str = "
    SELECT min(application_name) FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND (application_name LIKE 'persona worker %' OR application_name = 'persona maintenance')";
/// Longest wait for sessions of a server that was just stopped, and the pause between two looks.
const ENDING_MAX: Duration = Duration::from_secs(2);
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// A row, where this is the last line of the feed in this life of the database.
const POSITION: &str = "
    SELECT value FROM persona_store.meta
    WHERE key = 'epoch' AND value = $2 AND (SELECT coalesce(max(sequence), 0) FROM persona_store.changes) = $1";

/// Lines with their revisions or moves of labels, up to so many bytes, and at least one. While
/// writers are at work, only those below the oldest transaction that still runs: nothing can come
/// to lie before them. Of a persona that was purged above that, no line is taken before the line of
/// the purge can be: the revisions that it is about are gone, and the target would miss them.
const ENTRIES: &str = "
    WITH settled AS (
        SELECT feed_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint * 1024 AS below
        FROM persona_store.about
    ), before_purges AS (
        SELECT min((SELECT min(line.sequence) FROM persona_store.changes AS line
                    WHERE line.persona = later.persona AND line.sequence > $1)) AS below
        FROM persona_store.purged AS later
        WHERE later.sequence >= (SELECT below FROM settled)
    )
    SELECT c.sequence, c.persona, c.revision, c.kind, c.at, p.created_at, p.created_by,
           r.parent, r.base, r.at, r.author, r.note, r.changed, r.deleted, r.head, r.document,
           c.label, m.version, m.revision, m.at, m.author, x.sequence, x.owner, x.author
    FROM (
        SELECT line.*, sum(sized.bytes) OVER (ORDER BY line.sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
        FROM (
            SELECT * FROM persona_store.changes
            WHERE sequence > $1
              AND ($4 OR sequence < least((SELECT below FROM settled), (SELECT below FROM before_purges)))
            ORDER BY sequence
            LIMIT $2
        ) AS line
        LEFT JOIN LATERAL (
            SELECT octet_length(head) + octet_length(document) AS bytes
            FROM persona_store.revisions
            WHERE line.label IS NULL AND persona = line.persona AND revision = line.revision
        ) AS sized ON true
    ) AS c
    LEFT JOIN persona_store.personas AS p ON p.id = c.persona
    LEFT JOIN persona_store.revisions AS r ON c.label IS NULL AND r.persona = c.persona AND r.revision = c.revision
    LEFT JOIN persona_store.label_moves AS m
        ON m.sequence = c.sequence AND m.persona = c.persona AND m.label = c.label
    LEFT JOIN persona_store.purged AS x ON x.persona = c.persona
    WHERE coalesce(c.bytes_before, 0) < $3
    ORDER BY c.sequence";

/// The database on a server that a transfer reads.
pub(crate) struct ServerSource {
    session: Session,
    /// The connection that holds the fence.
    fence: Option<Connection>,
    /// Whether the database is retired, because an earlier transfer was killed at its end. No
    /// process can write to it any more.
    is_retired: bool,
    /// The life of the database that the transfer began in; empty until it is asked for.
    epoch: String,
}

impl ServerSource {
    /// Connects to the source. A database that a server uses is refused, unless the transfer is
    /// live.
    pub(crate) fn open(settings: &Settings, is_live: bool) -> Result<Self, TransferError> {
        let mut session = Session::open(settings)?;
        let found = session.find()?;
        let place = settings.place();
        if found.is_being_filled {
            return Err(DatabaseError::BeingFilled { place }.into());
        }
        if found.version != migrate::VERSION {
            return Err(DatabaseError::OlderSchema {
                place,
                found: found.version,
                known: migrate::VERSION,
            }
            .into());
        }
        if !is_live && !found.is_retired {
            refuse_in_use(&mut session)?;
        }
        Ok(Self { session, fence: None, is_retired: found.is_retired, epoch: String::new() })
    }

    fn damaged(&self, what: String) -> TransferError {
        TransferError::DamagedSource { place: self.session.settings.place(), what }
    }
}

/// Refuses while a server has sessions in the database, by the names that its processes give
/// themselves. Those that are just ending have a moment.
fn refuse_in_use(session: &mut Session) -> Result<(), TransferError> {
    let began = Instant::now();
    loop {
        let rows = session.read(SESSIONS_OF_SERVERS, &[])?;
        let process = rows.first().map(|found| row::value::<Option<String>>(found, 0)).transpose();
        let Some(process) = process.map_err(|error| session.unreadable(&error))?.flatten() else {
            return Ok(());
        };
        if began.elapsed() >= ENDING_MAX {
            return Err(TransferError::SourceInUse { place: session.place(), process });
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

impl Source for ServerSource {
    fn side(&mut self) -> &mut dyn Side {
        &mut self.session
    }

    fn origin(&mut self) -> Result<String, TransferError> {
        let sql = "SELECT (SELECT value FROM persona_store.meta WHERE key = 'epoch'),
                          (SELECT sequence || ' ' || persona || ' ' || at FROM persona_store.changes ORDER BY sequence LIMIT 1)";
        let rows = self.session.read(sql, &[])?;
        let found = rows.first().ok_or_else(|| self.damaged("it has no epoch".into()))?;
        let text = |column| {
            row::value::<Option<String>>(found, column)
                .map_err(|error| self.session.unreadable(&error))
        };
        let epoch = text(0)?.ok_or_else(|| self.damaged("it has no epoch".into()))?;
        let first = text(1)?.unwrap_or_default();
        self.epoch.clone_from(&epoch);
        Ok(format!("postgres {epoch} {first}"))
    }

    fn batch(&mut self, after: i64) -> Result<Batch, TransferError> {
        let is_quiet = self.is_retired || self.fence.is_some();
        let parameters = [
            (&after as &(dyn tokio_postgres::types::ToSql + Sync), Type::INT8),
            (&BATCH_ENTRIES, Type::INT8),
            (&BATCH_BYTES, Type::INT8),
            (&is_quiet, Type::BOOL),
        ];
        let rows = self.session.read(ENTRIES, &parameters)?;
        let mut entries = Vec::with_capacity(rows.len());
        for found in &rows {
            match entry(found).map_err(|error| self.session.unreadable(&error))? {
                Ok(entry) => entries.push(entry),
                Err(what) => return Err(self.damaged(what)),
            }
        }
        let bytes: u64 = entries.iter().map(|entry| entry.bytes() as u64).sum();
        let is_last = bytes < BATCH_BYTES.unsigned_abs()
            && (entries.len() as u64) < BATCH_ENTRIES.unsigned_abs();
        Ok(Batch { entries, is_last })
    }

    fn keys(&mut self, after: &(i64, String)) -> Result<Vec<KeyRecord>, TransferError> {
        self.session.keys_after(after, BATCH_KEYS)
    }

    fn order(
        &mut self,
        each: &mut dyn FnMut(PersonaId) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let (mut at, mut id) = (i64::MIN, uuid::Uuid::nil());
        loop {
            let sql = "SELECT created_at, id FROM persona_store.personas WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3";
            let rows = self
                .session
                .read(sql, &[(&at, Type::INT8), (&id, Type::UUID), (&BATCH_ORDER, Type::INT8)])?;
            for found in &rows {
                at = row::value(found, 0).map_err(|error| self.session.unreadable(&error))?;
                id = row::value(found, 1).map_err(|error| self.session.unreadable(&error))?;
                each(PersonaId::from_bytes(id.into_bytes()))?;
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    fn fence(&mut self) -> Result<(), TransferError> {
        if !self.is_retired {
            let connection =
                self.session.second(&format!("{BEGIN}; SET LOCAL lock_timeout = '5s'; {FENCE}"))?;
            self.fence = Some(connection);
        }
        Ok(())
    }

    fn unfence(&mut self) -> Result<(), TransferError> {
        match self.fence.take() {
            Some(connection) => self.session.execute_on(&connection, "COMMIT"),
            None => Ok(()),
        }
    }

    fn retire(&mut self, target: &str, position: i64) -> Result<bool, TransferError> {
        let Some(connection) = self.fence.take() else { return Ok(true) };
        // In the transaction that holds the fence: there is no moment in between.
        let rows = self.session.rows_on(
            &connection,
            POSITION,
            &[(&position, Type::INT8), (&self.epoch, Type::TEXT)],
        )?;
        if rows.is_empty() {
            self.fence = Some(connection);
            return Ok(false);
        }
        tracing::info!(target, "the database was moved and takes no more writes");
        self.session.execute_on(&connection, &format!("{RETIRE}; COMMIT"))?;
        Ok(true)
    }
}

/// A line with what it stands for, or what is wrong with it.
fn entry(found: &Row) -> Result<Result<Entry, String>, Error> {
    let (sequence, persona): (i64, PersonaId) = (row::value(found, 0)?, row::id(found, 1)?);
    let revision: i64 = row::value(found, 2)?;
    let is_about_label = row::value::<Option<&str>>(found, 16)?.is_some();
    let of = match row::value::<Option<i64>>(found, 21)? {
        Some(line) if line == sequence => {
            let (owner, author) = (row::value(found, 22)?, row::value(found, 23)?);
            Some(EntryOf::Purge(PurgeRow { owner, author }))
        }
        Some(_) if is_about_label => Some(EntryOf::Gone(Some(labels::name_in(found, 16)?))),
        Some(_) => Some(EntryOf::Gone(None)),
        None if is_about_label => label_move(found)?,
        None => past(found)?,
    };
    let Some(of) = of else {
        return Ok(Err(format!(
            "change {sequence} is about revision {revision} of persona {persona}, which is not there"
        )));
    };
    let (kind, at) = (row::value(found, 3)?, row::value(found, 4)?);
    Ok(Ok(Entry { sequence, persona, revision, kind, at, of }))
}

/// The move of a label; `None` where it is missing.
fn label_move(found: &Row) -> Result<Option<EntryOf>, Error> {
    if row::value::<Option<i64>>(found, 17)?.is_none() {
        return Ok(None);
    }
    Ok(Some(EntryOf::Label(labels::name_in(found, 16)?, labels::record_in(found, 17)?)))
}

/// The revision; `None` where it is missing.
fn past(found: &Row) -> Result<Option<EntryOf>, Error> {
    let Some(metadata) = row::value::<Option<String>>(found, 14)? else { return Ok(None) };
    let Some(created_at) = row::value::<Option<i64>>(found, 5)? else { return Ok(None) };
    Ok(Some(EntryOf::Revision(Box::new(RevisionRow {
        created_at,
        created_by: row::value(found, 6)?,
        parent: row::value(found, 7)?,
        base: row::value(found, 8)?,
        made_at: row::value(found, 9)?,
        author: row::value(found, 10)?,
        note: row::value(found, 11)?,
        changed: row::value(found, 12)?,
        deleted: row::value(found, 13)?,
        metadata,
        document: row::value(found, 15)?,
    }))))
}
