//! Everything that a write changes, in one statement: all of it, or nothing.
//!
//! The expected revision is in the condition, and so is the version of the schema: what a newer
//! version of this program keeps beside a persona, this one would not write. Where another process
//! was faster no row meets it, and then nothing at all is written, because every other part takes
//! its rows from the one that was.

use persona_model::{PersonaId, Revision, TextWords, Timestamp, TitleWords};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::pool::Pool;
use super::search::{Texts, Titles};
use super::{migrate, row};
use crate::checksum;
use crate::decide::Revised;
use crate::{Error, Idempotency, Outcome, Representation, Write};

/// What every change writes beside the persona.
macro_rules! record {
    () => {
        "
    kept AS (
        INSERT INTO persona_store.revisions (persona, revision, parent, base, at, author, changed, deleted, head, document, operation)
        SELECT id, $2, $3, $16, $9, $12, $17, $10::bigint IS NOT NULL, $14, $15, $18
        FROM written
    ),
    told AS (
        INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
        SELECT about.feed_offset + pg_current_xact_id()::text::bigint * 1024, written.id, $2, $19, $9
        FROM written, persona_store.about AS about
    ),
    titled AS (
        INSERT INTO persona_store.persona_titles (persona, name, tags, words)
        SELECT id, $21, $22, array_to_tsvector($23::text[])
        FROM written
        WHERE $21::text IS NOT NULL
        ON CONFLICT (persona) DO UPDATE
        SET name = excluded.name, tags = excluded.tags, words = excluded.words
    ),
    texted AS (
        INSERT INTO persona_store.persona_texts (persona, text, words)
        SELECT id, $24, array_to_tsvector($25::text[])
        FROM written
        WHERE $24::text IS NOT NULL
        ON CONFLICT (persona) DO UPDATE
        SET text = excluded.text, words = excluded.words
    )"
    };
}

/// What some write besides: other tags, and an answer that can be replayed.
macro_rules! rarer {
    () => {
        ",
    untagged AS (
        DELETE FROM persona_store.persona_tags AS t
        USING written
        WHERE t.persona = written.id AND t.tag <> ALL ($20::text[])
    ),
    tagged AS (
        INSERT INTO persona_store.persona_tags (tag, persona)
        SELECT DISTINCT tag, written.id
        FROM written, unnest($20::text[]) AS tag
        ON CONFLICT (tag, persona) DO NOTHING
    ),
    replayable AS (
        INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, at)
        SELECT $26, $27, $28, id, $2, $18, coalesce((SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'), $9)
        FROM written
        WHERE $26::text IS NOT NULL
    )"
    };
}

/// Tells whether anything was written at all.
macro_rules! whether {
    () => {
        "
    SELECT id FROM written"
    };
}

/// The next revision is written over the one that the writer saw, and over no other.
macro_rules! update {
    () => {
        "
    WITH written AS (
        UPDATE persona_store.personas
        SET revision = $2, name = $4, kind = $5, handle = $6, is_active = $7,
            updated_at = $9, deleted_at = $10, updated_by = $12,
            content_hash = $13, head = $14, document = $15
        FROM persona_store.about AS about
        WHERE id = $1 AND revision = $3 AND about.schema_version = $29
        RETURNING id
    ),"
    };
}

/// A persona comes into being, unless there is one with this identity.
const CREATE: &str = concat!(
    "
    WITH written AS (
        INSERT INTO persona_store.personas (id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                                            created_by, updated_by, content_hash, head, document)
        SELECT $1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
        FROM persona_store.about
        WHERE schema_version = $29
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ),",
    record!(),
    rarer!(),
    whether!()
);

/// See `update`, with everything that a change may bring about.
const UPDATE: &str = concat!(update!(), record!(), rarer!(), whether!());

/// The same where tags stay as they are and no answer is to be replayed, as in most changes: each
/// part takes the server time, also one that writes nothing.
const UPDATE_PLAIN: &str = concat!(update!(), record!(), whether!());

/// Keeps the answer to a request that changed nothing.
const KEEP_ANSWER: &str = "
    INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, at)
    VALUES ($1, $2, $3, $4, $5, $6, coalesce((SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'), $7))";

/// Changes nothing and commits that, where commits wait for standbys. The WAL is kept in order, so
/// what was seen before is then kept there too.
const WAIT_FOR_STANDBYS: &str = "
    UPDATE persona_store.revisions SET operation = operation
    WHERE persona = $1 AND revision = $2 AND current_setting('synchronous_standby_names') <> ''";

/// The other persona that has a handle, among those that are not deleted.
const HOLDER: &str =
    "SELECT id FROM persona_store.personas WHERE handle = $1 AND deleted_at IS NULL AND id <> $2";

/// Writes a new revision, and tells its answer; `None` when the persona is not, or not any more, as
/// it was seen.
pub(super) async fn apply(
    connection: &Connection,
    write: &Write,
    operation: Uuid,
    revised: &Revised,
) -> Result<Option<Representation>, DriverError> {
    let persona = &revised.persona;
    let (metadata, document) = (persona_model::metadata_text(persona), persona.document.text());
    let (id, revision) = (row::uuid(persona.id), row::stored(persona.revision.number()));
    let parent = (persona.revision != Revision::FIRST).then_some(revision - 1);
    let deleted_at = persona.deleted_at.map(Timestamp::as_micros);
    let base = revised.base.map(|base| row::stored(base.number()));
    let changed = serde_json::to_string(&revised.changed).expect("a list of words is JSON");
    let tags: Option<Vec<String>> = revised
        .changed
        .contains(&"tags")
        .then(|| persona.document.folded_tags().into_iter().collect());
    let touches = |part: fn(&str) -> bool| {
        parent.is_none() || revised.changed.iter().any(|field| part(field))
    };
    let titles = touches(TitleWords::come_from).then(|| Titles::of(&persona.document));
    let texts = touches(TextWords::come_from).then(|| Texts::of(&persona.document));
    let (titles, texts) = (titles.as_ref(), texts.as_ref());
    let fingerprint = write.idempotency.as_ref().map(|wanted| &wanted.fingerprint[..]);
    let parameters: [Parameter<'_>; 29] = [
        (&id, Type::UUID),
        (&revision, Type::INT8),
        (&parent, Type::INT8),
        (&persona.document.name(), Type::TEXT),
        (&persona.document.kind().as_str(), Type::TEXT),
        (&persona.document.handle(), Type::TEXT),
        (&persona.document.is_active(), Type::BOOL),
        (&persona.created_at.as_micros(), Type::INT8),
        (&persona.updated_at.as_micros(), Type::INT8),
        (&deleted_at, Type::INT8),
        (&persona.created_by, Type::TEXT),
        (&persona.updated_by, Type::TEXT),
        (&&persona.content_hash.as_bytes()[..], Type::BYTEA),
        (&metadata, Type::TEXT),
        (&document, Type::TEXT),
        (&base, Type::INT8),
        (&changed, Type::TEXT),
        (&operation, Type::UUID),
        (&revised.kind.as_str(), Type::TEXT),
        (&tags, Type::TEXT_ARRAY),
        (&titles.map(|words| &words.name), Type::TEXT),
        (&titles.map(|words| &words.tags), Type::TEXT),
        (&titles.and_then(|words| words.beginnings.as_ref()), Type::TEXT_ARRAY),
        (&texts.map(|words| &words.text), Type::TEXT),
        (&texts.and_then(|words| words.beginnings.as_ref()), Type::TEXT_ARRAY),
        (&write.idempotency.as_ref().map(|wanted| &wanted.key), Type::TEXT),
        (&fingerprint, Type::BYTEA),
        (&revised.outcome.as_str(), Type::TEXT),
        (&migrate::stored_version(), Type::INT4),
    ];
    let is_plain = tags.is_none() && write.idempotency.is_none();
    let statement = match parent {
        None => CREATE,
        Some(_) if is_plain => UPDATE_PLAIN,
        Some(_) => UPDATE,
    };
    if connection.rows(Statement::Kept(statement), &parameters).await?.is_empty() {
        return Ok(None);
    }
    let deleted = deleted_at.is_some();
    let checksum =
        checksum::of(persona.id, persona.revision.number(), deleted, &metadata, document);
    let body = persona_model::join_representation(&metadata, document).into();
    Ok(Some(Representation { id: persona.id, revision: persona.revision, checksum, deleted, body }))
}

/// Keeps the answer to a request that changed nothing.
pub(super) async fn keep_answer(
    connection: &Connection,
    wanted: &Idempotency,
    operation: Uuid,
    answer: &Representation,
    now: Timestamp,
) -> Result<(), DriverError> {
    let parameters: [Parameter<'_>; 7] = [
        (&wanted.key, Type::TEXT),
        (&&wanted.fingerprint[..], Type::BYTEA),
        (&Outcome::Unchanged.as_str(), Type::TEXT),
        (&row::uuid(answer.id), Type::UUID),
        (&row::stored(answer.revision.number()), Type::INT8),
        (&operation, Type::UUID),
        (&now.as_micros(), Type::INT8),
    ];
    connection.rows(Statement::Kept(KEEP_ANSWER), &parameters).await.map(drop)
}

/// Waits until an answer that another connection made is as durable as a new answer would be. A
/// visible commit need not be durable yet: its wait for a standby may have been cancelled, or may
/// have ended with the connection.
pub(super) async fn wait_for_standbys(
    connection: &Connection,
    found: &Representation,
) -> Result<(), DriverError> {
    let parameters = [
        (&row::uuid(found.id) as _, Type::UUID),
        (&row::stored(found.revision.number()) as _, Type::INT8),
    ];
    connection.rows(Statement::Kept(WAIT_FOR_STANDBYS), &parameters).await.map(drop)
}

/// The other persona that has a handle, among those that are not deleted.
pub(super) async fn holder_of(
    pool: &Pool,
    handle: &str,
    except: PersonaId,
) -> Result<Option<PersonaId>, Error> {
    let rows = pool
        .read(Statement::Kept(HOLDER), &[(&handle, Type::TEXT), (&row::uuid(except), Type::UUID)])
        .await?;
    rows.first().map(|found| row::id(found, 0)).transpose()
}

/// Makes every other write of a persona wait, until the end of the transaction.
pub(super) async fn lock(connection: &Connection, id: PersonaId) -> Result<(), DriverError> {
    let sql = "SELECT 1 FROM persona_store.personas WHERE id = $1 FOR UPDATE";
    connection.rows(Statement::Kept(sql), &[(&row::uuid(id), Type::UUID)]).await.map(drop)
}
