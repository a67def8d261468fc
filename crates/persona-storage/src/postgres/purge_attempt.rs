//! Purges: again and again until they are settled.
//!
//! An attempt is a transaction of its own. It first locks the row of the persona, so that what is
//! then read and decided stays true until it ends, and so that an earlier attempt, of which the
//! commit was sent on a connection that broke, has ended.

use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::doubt::{limit_of, told_in_doubt};
use super::error::{Meaning, from_driver};
use super::settle::pause;
use super::write_attempt::Failure;
use super::writer::{AWAY_MAX, Shared};
use super::{migrate, purge, row, write_statement};
use crate::purge::{Found, check, of_missing};
use crate::{Error, Purge, Tombstone};

/// The persona that is to be purged.
const LOOK: &str = "
    SELECT revision, deleted_at IS NOT NULL, head, document, updated_at, owner, handle
    FROM persona_store.personas
    WHERE id = $1";

/// Removes everything of a persona (its row is locked), and adds a line to the feed and a
/// tombstone. The first revision stays without its content (`purge.rs`).
const PURGE: &str = "
    WITH gone AS (
        DELETE FROM persona_store.personas AS p
        USING (SELECT * FROM persona_store.about LIMIT 1) AS about
        WHERE p.id = $1 AND about.schema_version = $6
        RETURNING p.id, p.revision, p.owner,
                  about.feed_offset + pg_current_xact_id()::text::bigint * 1024 AS sequence
    ),
    untagged AS (
        DELETE FROM persona_store.persona_tags AS t USING gone WHERE t.persona = gone.id
    ),
    untitled AS (
        DELETE FROM persona_store.persona_titles AS t USING gone WHERE t.persona = gone.id
    ),
    untexted AS (
        DELETE FROM persona_store.persona_texts AS t USING gone WHERE t.persona = gone.id
    ),
    unlabelled AS (
        DELETE FROM persona_store.labels AS l USING gone WHERE l.persona = gone.id
    ),
    unmoved AS (
        DELETE FROM persona_store.label_moves AS m USING gone WHERE m.persona = gone.id
    ),
    unnamed AS (
        DELETE FROM persona_store.former_handles AS f USING gone WHERE f.persona = gone.id
    ),
    unanswered AS (
        UPDATE persona_store.idempotency AS i
        SET moves = '[]'
        FROM gone
        WHERE strpos(i.moves, ('[\"' || gone.id::text || '\",') COLLATE \"C\") > 0
            AND EXISTS (SELECT 1 FROM persona_store.label_moves AS m WHERE m.persona = gone.id)
    ),
    forgotten AS (
        DELETE FROM persona_store.revisions AS r USING gone WHERE r.persona = gone.id AND r.revision > 1
    ),
    emptied AS (
        UPDATE persona_store.revisions AS r
        SET base = NULL, author = NULL, note = NULL, changed = '[]', head = '', document = '', operation = $5
        FROM gone
        WHERE r.persona = gone.id AND r.revision = 1
    ),
    told AS (
        INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
        SELECT sequence, id, revision, $4, $2 FROM gone
    ),
    kept AS (
        INSERT INTO persona_store.purged (persona, sequence, revision, owner, at, author, operation)
        SELECT id, sequence, revision, owner, $2, $3, $5 FROM gone
    )
    SELECT 1 FROM gone";

/// The purge that a certain request made.
const IS_DONE: &str = "SELECT 1 FROM persona_store.purged WHERE persona = $1 AND operation = $2";

/// Changes nothing and commits that, where commits wait for standbys. The WAL is replicated in
/// order, so what was seen before has reached the standbys too.
const WAIT_FOR_STANDBYS: &str = "
    UPDATE persona_store.purged SET operation = operation
    WHERE persona = $1 AND current_setting('synchronous_standby_names') <> ''";

/// A purge that has its turn.
pub(super) struct Purging {
    shared: Arc<Shared>,
    purge: Purge,
    /// The identity of the purge in the database.
    operation: Uuid,
    /// The tombstone of an attempt of which the commit was sent.
    sent: Option<Tombstone>,
    /// Since when it is unknown whether that attempt was kept.
    doubt: Option<Instant>,
    failures: u32,
}

impl Purging {
    pub(super) fn new(shared: Arc<Shared>, purge: Purge) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Backend(Box::new(error)))?;
        let operation = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(Self { shared, purge, operation, sent: None, doubt: None, failures: 0 })
    }

    /// Tries the purge until it is made, refused, or given up. While the outcome of an earlier
    /// attempt is unknown, only a proved outcome is answered.
    pub(super) async fn settle(mut self, connection: Connection) -> Result<Tombstone, Error> {
        let began = Instant::now();
        let mut connection = Some(connection);
        loop {
            let held = match connection.take() {
                Some(held) => held,
                None => self.connection(began).await?,
            };
            let unreplicated = self.shared.pool.unreplicated();
            match self.attempt(&held).await {
                // The server stopped waiting for a standby meanwhile.
                Ok(_) if self.shared.pool.unreplicated() != unreplicated => {
                    return Err(Error::OutcomeUnknown);
                }
                Ok(tombstone) => {
                    self.shared.observer.committed(began.elapsed(), 1);
                    self.shared.common.note(tombstone.at);
                    return Ok(tombstone);
                }
                Err(failure) => {
                    if matches!(failure, Failure::Driver(_)) {
                        // The connection is in the middle of a transaction, or broken.
                        held.discard();
                    }
                    self.go_on_after(failure)?;
                }
            }
            self.failures += 1;
            if Instant::now() >= limit_of(self.purge.deadline, self.doubt) {
                let error = self.shared.gave_up("its turn to write");
                return Err(told_in_doubt(error, self.doubt.is_some()));
            }
            pause(self.failures, self.operation.as_u64_pair().1).await;
        }
    }

    /// One attempt. Without an error of the driver the connection is in no transaction afterwards.
    async fn attempt(&mut self, connection: &Connection) -> Result<Tombstone, Failure> {
        connection.execute("BEGIN").await?;
        match self.within_transaction(connection).await {
            Ok(tombstone) => {
                connection.execute("COMMIT").await?;
                Ok(tombstone)
            }
            Err(failure) => {
                if !matches!(failure, Failure::Driver(_)) {
                    connection.execute("ROLLBACK").await?;
                }
                Err(failure)
            }
        }
    }

    async fn within_transaction(&mut self, connection: &Connection) -> Result<Tombstone, Failure> {
        let id = row::uuid(self.purge.id);
        write_statement::lock(connection, &[id]).await?;
        let of_id: [Parameter<'_>; 1] = [(&id, Type::UUID)];
        if let Some(sent) = self.sent.take() {
            let of_operation = [(&id as _, Type::UUID), (&self.operation as _, Type::UUID)];
            if !connection.rows(Statement::Kept(IS_DONE), &of_operation).await?.is_empty() {
                connection.rows(Statement::Kept(WAIT_FOR_STANDBYS), &of_id).await?;
                self.sent = Some(sent.clone());
                return Ok(sent);
            }
            self.doubt = None;
        }
        let rows = connection.rows(Statement::Kept(LOOK), &of_id).await?;
        let Some(found) = rows.first() else {
            let tombstone = purge::find_on(connection, &[id]).await?.pop();
            let tombstone = of_missing(&self.purge, tombstone)?;
            connection.rows(Statement::Kept(WAIT_FOR_STANDBYS), &of_id).await?;
            return Ok(tombstone);
        };
        let answer = row::representation(found, 0, self.purge.id)?;
        let (updated_at, owner, handle) =
            (row::time(found, 4)?, row::value(found, 5)?, row::value(found, 6)?);
        check(&self.purge, &Found { tag: answer.tag(), updated_at, owner, handle })?;
        let tombstone = Tombstone {
            id: self.purge.id,
            revision: answer.revision,
            owner: owner.to_owned(),
            at: self.shared.common.after_all([Some(updated_at)]),
            author: self.purge.author.clone(),
        };
        let parameters: [Parameter<'_>; 6] = [
            (&id, Type::UUID),
            (&tombstone.at.as_micros(), Type::INT8),
            (&tombstone.author, Type::TEXT),
            (&persona_model::ChangeKind::Purged.as_str(), Type::TEXT),
            (&self.operation, Type::UUID),
            (&migrate::stored_version(), Type::INT4),
        ];
        if connection.rows(Statement::Kept(PURGE), &parameters).await?.is_empty() {
            return Err(Failure::OtherSchema);
        }
        self.sent = Some(tombstone.clone());
        Ok(tombstone)
    }

    /// Fails when another attempt would be useless.
    fn go_on_after(&mut self, failure: Failure) -> Result<(), Error> {
        let error = match failure {
            Failure::OtherSchema => {
                self.shared.other_schema.send_replace(true);
                Error::Closed("the schema has another version")
            }
            Failure::Refused(error) => error,
            Failure::Driver(error) => match Meaning::of(&error) {
                Meaning::Again | Meaning::Taken => return Ok(()),
                Meaning::Away => {
                    if self.sent.is_some() {
                        self.doubt.get_or_insert_with(Instant::now);
                    }
                    return Ok(());
                }
                Meaning::Full | Meaning::Sessions | Meaning::Other => from_driver(error),
            },
        };
        Err(told_in_doubt(error, self.doubt.is_some()))
    }

    async fn connection(&self, began: Instant) -> Result<Connection, Error> {
        let limit = limit_of(self.purge.deadline, self.doubt);
        let patience = if self.doubt.is_some() { limit } else { began + AWAY_MAX };
        let made = self.shared.connection(limit, patience).await;
        made.map_err(|error| told_in_doubt(error, self.doubt.is_some()))
    }
}
