//! Rows of `revisions`: every persona as it was, for ever.

use persona_model::{Document, PersonaId, Revision};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::checksum;
use super::personas::Texts;
use super::row;
use crate::decide::Revised;
use crate::sqlite::error::{damaged, from_driver};
use crate::{Error, Glance, RevisionRecord};

/// Keeps a new revision.
pub(crate) fn insert(
    connection: &Connection,
    row_id: i64,
    revised: &Revised,
    texts: &Texts<'_>,
) -> rusqlite::Result<()> {
    let persona = &revised.persona;
    let number = row::stored(persona.revision.number());
    connection
        .prepare_cached(
            "INSERT INTO revisions (persona, revision, parent, base, at, author, changed, deleted, head, document, checksum)
             VALUES (:persona, :revision, :parent, :base, :at, :author, :changed, :deleted, :head, :document, :checksum)",
        )?
        .execute(named_params! {
            ":persona": row_id,
            ":revision": number,
            ":parent": (persona.revision != Revision::FIRST).then_some(number - 1),
            ":base": revised.base.map(|base| row::stored(base.number())),
            ":at": persona.updated_at.as_micros(),
            ":author": persona.updated_by,
            ":changed": serde_json::to_string(&revised.changed).expect("a list of words is JSON"),
            ":deleted": persona.deleted_at.is_some(),
            ":head": texts.metadata,
            ":document": texts.document,
            ":checksum": texts.checksum,
        })
        .map(drop)
}

/// What there was of a persona at a revision, without a large document.
pub(crate) fn glance(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> rusqlite::Result<Glance> {
    connection
        .prepare_cached(
            "SELECT r.revision, r.deleted, r.head, r.document, r.checksum, octet_length(r.document)
             FROM revisions AS r
             JOIN personas AS p ON p.row_id = r.persona
             WHERE p.id = ?1 AND r.revision = ?2",
        )?
        .query_row(params![id.as_bytes(), row::stored(revision.number())], |found| {
            row::glance(found, 0, id)
        })
        .optional()
        .map(|found| found.unwrap_or(Glance::Whole(None)))
}

/// One entry of a persona's history.
pub(crate) fn find(
    connection: &Connection,
    id: PersonaId,
    revision: Revision,
) -> rusqlite::Result<Option<RevisionRecord>> {
    connection
        .prepare_cached(
            "SELECT r.revision, r.deleted, r.head, r.document, r.checksum, r.at, r.author, r.changed, r.base
             FROM revisions AS r
             JOIN personas AS p ON p.row_id = r.persona
             WHERE p.id = ?1 AND r.revision = ?2",
        )?
        .query_row(params![id.as_bytes(), row::stored(revision.number())], |found| record_from(found, id))
        .optional()
}

fn record_from(found: &Row<'_>, id: PersonaId) -> rusqlite::Result<RevisionRecord> {
    let changed: String = found.get(7)?;
    let changed = serde_json::from_str(&changed).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(7, Type::Text, Box::new(error))
    })?;
    Ok(RevisionRecord {
        representation: row::answer(found, 0, id)?,
        at: row::time(found, 5)?,
        author: found.get(6)?,
        changed,
        base: found
            .get::<_, Option<i64>>(8)?
            .and_then(|base| u64::try_from(base).ok())
            .and_then(Revision::new),
    })
}

/// The document of an older revision, the base of a three-way merge.
pub(crate) fn document(
    connection: &Connection,
    id: PersonaId,
    row_id: i64,
    revision: Revision,
) -> Result<Option<Document>, Error> {
    connection
        .prepare_cached("SELECT revision, deleted, head, document, checksum FROM revisions WHERE persona = ?1 AND revision = ?2")
        .and_then(|mut statement| {
            let text = |found: &Row<'_>| checksum::verified(found, 0, id).map(|verified| verified.document.to_owned());
            statement.query_row([row_id, row::stored(revision.number())], text).optional()
        })
        .map_err(from_driver)?
        .map(|text| Document::from_stored(&text).map_err(|invalid| damaged(&invalid)))
        .transpose()
}
