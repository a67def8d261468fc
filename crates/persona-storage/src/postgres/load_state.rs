//! Reads the state that a write needs for its decision, in one statement; also for several writes.

use std::sync::Arc;

use persona_model::{
    ContentHash, Document, Persona, PersonaId, Revision, Timestamp, UnknownWord, ValidationErrors,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::dropped::changed;
use super::error::damaged;
use super::{migrate, row};
use crate::{Error, Outcome, Representation, Write};

/// The columns of the persona itself.
macro_rules! persona {
    () => {
        "
    SELECT p.revision, p.deleted_at IS NOT NULL, p.head, p.document,
           p.created_at, p.updated_at, p.deleted_at, p.created_by, p.updated_by, p.content_hash,"
    };
}

/// The persona, the earlier revision that the write names, the answer stored under its key, the
/// revision that the write itself made in an earlier attempt without an answer, and for a write
/// that squashes what the rules need of the revision that it replaces. Each row is looked up by
/// itself, however small the tables were when this was planned: as a join, all revisions could be
/// read, because `about`, of which no statistics are ever made, counts as 1,000 rows.
const LOOK: &str = concat!(
    persona!(),
    "
           CASE WHEN b.revision = $2 AND b.head <> '' THEN b.document END,
           i.key IS NOT NULL, i.fingerprint, i.outcome, i.persona, i.at, i.operation,
           r.revision, r.deleted, r.head, r.document,
           o.revision, o.deleted, o.head, o.document,
           about.schema_version, p.owner,
           coalesce(b.head = '' AND coalesce(b.base, b.revision) <= $2, false),
           p.autosaved_since, s.parent, s.changed,
           $6 AND EXISTS (SELECT 1 FROM persona_store.label_moves WHERE persona = $1 AND revision = p.revision),
           k.owner
    FROM (SELECT * FROM persona_store.about LIMIT 1) AS about
    LEFT JOIN LATERAL (
        SELECT * FROM persona_store.personas WHERE id = $1 LIMIT 1
    ) AS p ON true
    LEFT JOIN LATERAL (
        SELECT revision, base, head, document
        FROM persona_store.revisions
        WHERE persona = $1 AND revision >= $2
        ORDER BY revision
        LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT parent, changed
        FROM persona_store.revisions
        WHERE $6 AND persona = p.id AND revision = p.revision
        LIMIT 1
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT * FROM persona_store.idempotency WHERE key = $3 LIMIT 1
    ) AS i ON true
    LEFT JOIN LATERAL (
        SELECT owner FROM persona_store.personas WHERE id = i.persona LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT revision, deleted, head, document
        FROM persona_store.revisions
        WHERE persona = i.persona AND revision = i.revision
        LIMIT 1
    ) AS r ON true
    LEFT JOIN LATERAL (
        SELECT revision, deleted, head, document
        FROM persona_store.revisions
        WHERE persona = $1 AND revision >= $4 AND operation = $5
        LIMIT 1
    ) AS o ON true"
);

/// The same for the first attempt of a write without base and key, as most are: only the persona.
/// Setting up the other joins would take the server longer than reading the persona.
const LOOK_AT_PERSONA: &str = concat!(
    persona!(),
    "
           NULL::text,
           false, NULL::bytea, NULL::text, NULL::uuid, NULL::bigint, NULL::uuid,
           NULL::bigint, NULL::boolean, NULL::text, NULL::text,
           NULL::bigint, NULL::boolean, NULL::text, NULL::text,
           about.schema_version, p.owner,
           false, NULL::bigint, NULL::bigint, NULL::text, false,
           NULL::text
    FROM (SELECT * FROM persona_store.about LIMIT 1) AS about
    LEFT JOIN persona_store.personas AS p ON p.id = $1"
);

/// The persona of each of several writes, and whether there is a record of its key. Each row is
/// looked up by itself, however small the tables were when this was planned, and the lists are
/// behind a `SELECT` so that it is planned once (`write_sql.rs`). A large document stays with the
/// server.
const LOOK_AT_SEVERAL: &str = "
    SELECT p.revision, p.deleted_at IS NOT NULL, p.head, CASE WHEN octet_length(p.document) <= $3 THEN p.document END,
           p.created_at, p.updated_at, p.deleted_at, p.created_by, p.updated_by, p.content_hash,
           octet_length(p.document)::bigint, i.key IS NOT NULL, about.schema_version, p.owner
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::text[])) WITH ORDINALITY AS wanted (id, key, position)
    CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
    LEFT JOIN LATERAL (
        SELECT * FROM persona_store.personas WHERE id = wanted.id LIMIT 1
    ) AS p ON true
    LEFT JOIN LATERAL (
        SELECT key FROM persona_store.idempotency WHERE key = wanted.key LIMIT 1
    ) AS i ON true
    ORDER BY wanted.position";

/// The state that a write has found.
pub(super) struct Current {
    /// The persona and its answer.
    pub persona: Option<(Persona, Representation)>,
    /// The earlier revision that the write names.
    pub base: Base,
    /// What a write that squashes needs to know of the revision that it replaces.
    pub replaced: Option<Replaced>,
    /// What is kept under the write's key.
    pub earlier: Option<Earlier>,
    /// The revision that this write made itself, if an earlier attempt was done and its answer was
    /// lost.
    pub own: Option<Representation>,
    /// Version of the schema.
    pub schema_version: i32,
}

/// The state that one of several writes has found.
pub(super) enum Seen {
    /// The persona and its answer, if it is there.
    Persona(Option<(Persona, Representation)>),
    /// The persona has a document of this many bytes, more than may be read here.
    Large(usize),
    /// Something that the write must look at alone: an answer under its key, another schema, or a
    /// row that cannot be read.
    Special,
}

/// The record of a request with the same key.
pub(super) struct Earlier {
    fingerprint: Vec<u8>,
    /// Which write made it.
    pub operation: Uuid,
    /// The outcome of that request.
    pub outcome: Outcome,
    /// The persona of that request.
    pub persona: PersonaId,
    /// The owner that the persona has now, empty for none; `None` where it was purged.
    pub owner: Option<String>,
    /// The answer to that request; `None` where its revision is not there any more, and where the
    /// write does not reach the personas of the owner.
    pub representation: Option<Representation>,
    /// The revision of the answer, where there is still a row for it.
    pub revision: Option<Revision>,
}

impl Earlier {
    /// Whether it was the same request.
    pub(super) fn is_of(&self, fingerprint: &[u8; 32]) -> bool {
        self.fingerprint == fingerprint
    }
}

/// The earlier revision that a write names.
#[derive(Default)]
pub(super) struct Base {
    /// Its document; `None` where there is no such revision.
    pub document: Option<Document>,
    /// Whether it was dropped from the history.
    pub is_dropped: bool,
}

/// The revision that a write replaces.
pub(super) struct Replaced {
    /// When the first autosave was made of those that it stands for.
    pub autosaved_since: Option<Timestamp>,
    /// The last revision before it that is kept.
    pub previous: Option<Revision>,
    /// The fields that it changed.
    pub changed: Vec<String>,
    /// Whether a label ever pointed to it.
    pub was_labelled: bool,
}

/// Columns with the text of a document.
const DOCUMENTS: [usize; 4] = [3, 10, OF_EARLIER, 24];
/// The column with the document of the stored answer.
const OF_EARLIER: usize = 20;

/// The reason why the persona was not read.
pub(super) enum NotRead {
    /// A document has this many bytes, more than may be read here.
    Large(usize),
    /// The database has an invalid row.
    Failed(Error),
}

impl From<Error> for NotRead {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads it. `tried_from` is the first revision that an earlier attempt of the same write can have
/// made. A document of more than `bytes_max` bytes is not read, because that would hold up the
/// thread that all connections live on.
pub(super) async fn look(
    connection: &Connection,
    write: &Write,
    operation: Uuid,
    tried_from: Option<Revision>,
    bytes_max: usize,
) -> Result<Result<Current, NotRead>, DriverError> {
    let id = write.operation.id();
    let base = write.operation.looks_back_to().map(|base| row::stored(base.number()));
    let key = write.idempotency.as_ref().map(|wanted| wanted.key.as_str());
    let tried_from = tried_from.map(|revision| row::stored(revision.number()));
    let squashes = write.squash.is_some();
    let is_plain = base.is_none() && key.is_none() && tried_from.is_none() && !squashes;
    let rows = connection
        .rows(
            Statement::Kept(if is_plain { LOOK_AT_PERSONA } else { LOOK }),
            &[
                (&row::uuid(id), Type::UUID),
                (&base, Type::INT8),
                (&key, Type::TEXT),
                (&tried_from, Type::INT8),
                (&operation, Type::UUID),
                (&squashes, Type::BOOL),
            ],
        )
        .await?;
    Ok(rows
        .first()
        .ok_or_else(|| damaged(&"a row that is always there is missing").into())
        .and_then(|found| {
            let is_hidden = is_hidden(found, 26, write)?;
            let bytes = largest_document(found, is_hidden)?;
            if bytes > bytes_max {
                return Err(NotRead::Large(bytes));
            }
            Ok(current_from(found, write, is_hidden)?)
        }))
}

/// Reads the personas of several writes without a base, none of which was tried before. See
/// [`look`] for `bytes_max`.
pub(super) async fn look_at_several(
    connection: &Connection,
    writes: &[Arc<Write>],
    bytes_max: usize,
) -> Result<Vec<Seen>, DriverError> {
    let ids: Vec<Uuid> = writes.iter().map(|write| row::uuid(write.operation.id())).collect();
    let keys: Vec<Option<&str>> = writes
        .iter()
        .map(|write| write.idempotency.as_ref().map(|wanted| wanted.key.as_str()))
        .collect();
    let parameters = [
        (&ids as _, Type::UUID_ARRAY),
        (&keys as _, Type::TEXT_ARRAY),
        (&row::stored(bytes_max as u64) as _, Type::INT8),
    ];
    let rows = connection.rows(Statement::Kept(LOOK_AT_SEVERAL), &parameters).await?;
    let seen = rows
        .iter()
        .zip(writes)
        .map(|(found, write)| seen_from(found, write, bytes_max).unwrap_or(Seen::Special));
    Ok(seen.collect())
}

fn seen_from(found: &Row, write: &Write, bytes_max: usize) -> Result<Seen, Error> {
    let (has_earlier, version): (bool, i32) = (row::value(found, 11)?, row::value(found, 12)?);
    if has_earlier || version != migrate::stored_version() {
        return Ok(Seen::Special);
    }
    if is_hidden(found, 13, write)? {
        return Ok(Seen::Persona(None));
    }
    let bytes = row::value::<Option<i64>>(found, 10)?;
    Ok(match bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)) {
        None => Seen::Persona(None),
        Some(bytes) if bytes > bytes_max => Seen::Large(bytes),
        Some(_) => Seen::Persona(Some(persona_from(found, write.operation.id())?)),
    })
}

/// Whether a column has the owner of a persona that the write may not change; such a persona counts
/// as missing.
fn is_hidden(found: &Row, column: usize, write: &Write) -> Result<bool, Error> {
    let owner: Option<&str> = row::value(found, column)?;
    Ok(owner.is_some_and(|owner| write.overlooks(owner)))
}

/// Bytes of the largest document of a row. Of a persona that is not there only what was answered
/// earlier counts.
fn largest_document(found: &Row, is_hidden: bool) -> Result<usize, Error> {
    let mut largest = 0;
    let columns = if is_hidden { &[OF_EARLIER][..] } else { &DOCUMENTS };
    for &column in columns {
        largest = largest.max(row::value::<Option<&str>>(found, column)?.map_or(0, str::len));
    }
    Ok(largest)
}

/// What a row holds for a write. Of a hidden persona nothing is read, so that damage of it is not
/// told either; a revision that this write made itself is its answer.
fn current_from(found: &Row, write: &Write, is_hidden: bool) -> Result<Current, Error> {
    let id = write.operation.id();
    let exists =
        |column: usize| row::value::<Option<i64>>(found, column).map(|revision| revision.is_some());
    let base = if is_hidden { Base::default() } else { base_from(found)? };
    if row::value::<Option<&str>>(found, 23)? == Some("") {
        // The write was done, and a later one dropped what it made.
        return Err(Error::RevisionDropped { revision: row::revision(found, 21)? });
    }
    let is_there = exists(0)? && !is_hidden;
    Ok(Current {
        persona: if is_there { Some(persona_from(found, id)?) } else { None },
        base,
        replaced: if is_hidden { None } else { replaced_from(found)? },
        earlier: if row::value(found, 11)? { Some(earlier_from(found, write)?) } else { None },
        own: if exists(21)? { Some(row::representation(found, 21, id)?) } else { None },
        schema_version: row::value(found, 25)?,
    })
}

fn base_from(found: &Row) -> Result<Base, Error> {
    let document = |text: &str| {
        Document::from_stored(text).map_err(|invalid: ValidationErrors| damaged(&invalid))
    };
    Ok(Base {
        document: row::value::<Option<&str>>(found, 10)?.map(document).transpose()?,
        is_dropped: row::value(found, 27)?,
    })
}

fn replaced_from(found: &Row) -> Result<Option<Replaced>, Error> {
    if row::value::<Option<&str>>(found, 30)?.is_none() {
        return Ok(None);
    }
    let since = row::value::<Option<i64>>(found, 28)?;
    Ok(Some(Replaced {
        autosaved_since: since.map(Timestamp::from_micros),
        previous: row::optional_revision(found, 29)?,
        changed: changed(found, 30)?,
        was_labelled: row::value(found, 31)?,
    }))
}

fn persona_from(found: &Row, id: PersonaId) -> Result<(Persona, Representation), Error> {
    let hash: &[u8] = row::value(found, 9)?;
    let persona = Persona {
        id,
        revision: row::revision(found, 0)?,
        created_at: row::time(found, 4)?,
        updated_at: row::time(found, 5)?,
        deleted_at: row::value::<Option<i64>>(found, 6)?.map(Timestamp::from_micros),
        created_by: row::value(found, 7)?,
        updated_by: row::value(found, 8)?,
        content_hash: ContentHash::from_bytes(
            hash.try_into().map_err(|_| damaged(&"a hash has another length"))?,
        ),
        document: Document::from_stored(row::value(found, 3)?)
            .map_err(|invalid| damaged(&invalid))?,
    };
    Ok((persona, row::representation(found, 0, id)?))
}

fn earlier_from(found: &Row, write: &Write) -> Result<Earlier, Error> {
    let word: &str = row::value(found, 13)?;
    let persona = row::id(found, 14)?;
    let owner: Option<String> = row::value(found, 32)?;
    let is_hidden = owner.as_ref().is_some_and(|owner| write.hides(owner));
    let is_there =
        !is_hidden && row::value::<Option<&str>>(found, 19)?.is_some_and(|head| !head.is_empty());
    Ok(Earlier {
        persona,
        owner,
        fingerprint: row::value(found, 12)?,
        operation: row::value(found, 16)?,
        outcome: word.parse().map_err(|UnknownWord| damaged(&"an outcome has an unknown word"))?,
        representation: is_there.then(|| row::representation(found, 17, persona)).transpose()?,
        revision: row::optional_revision(found, 17)?,
    })
}
