//! The list of a persona's revisions, the newest first, without those that were dropped. Each names
//! the last one before it that is kept, so a page costs the same however many were dropped.

use persona_model::{PersonaId, Revision};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{Parameter, Statement};
use super::dropped::changed;
use super::lease::Leases;
use super::row;
use super::shares::Kind;
use crate::{Error, RevisionPage, RevisionSummary};

/// The newest revisions of a persona before one, without their content. The server knows the size
/// of a document without reading it.
///
/// Only a revision to begin with that was dropped itself is searched for. `LIMIT` has each step of
/// the walk look at one row; as a join, a step could look at all revisions of the persona.
const REVISIONS: &str = "
    WITH RECURSIVE walk AS (
        SELECT r.*, 1::bigint AS place
        FROM (SELECT CASE
                  WHEN revision < $2 THEN revision
                  ELSE coalesce(
                      (SELECT parent FROM persona_store.revisions
                       WHERE persona = $1 AND revision = $2 AND head <> ''),
                      (SELECT revision FROM persona_store.revisions
                       WHERE persona = $1 AND revision < $2 AND head <> ''
                       ORDER BY revision DESC
                       LIMIT 1))
                  END AS revision
              FROM persona_store.personas
              WHERE id = $1) AS start
        CROSS JOIN LATERAL (
            SELECT revision, parent, at, author, note, changed, base, deleted,
                   octet_length(document)::bigint AS bytes
            FROM persona_store.revisions
            WHERE persona = $1 AND revision = start.revision AND head <> ''
            LIMIT 1
        ) AS r
        UNION ALL
        SELECT r.*, walk.place + 1
        FROM walk
        CROSS JOIN LATERAL (
            SELECT revision, parent, at, author, note, changed, base, deleted,
                   octet_length(document)::bigint AS bytes
            FROM persona_store.revisions
            WHERE persona = $1 AND revision = walk.parent AND revision < walk.revision AND head <> ''
            LIMIT 1
        ) AS r
        WHERE walk.place < $3
    )
    SELECT revision, at, author, note, changed, base, deleted, bytes
    FROM walk
    ORDER BY revision DESC";

/// The revisions before one, or the newest, at most so many; none where there is no such persona.
pub(super) async fn page(
    leases: &Leases,
    id: PersonaId,
    before: Option<Revision>,
    limit: usize,
) -> Result<RevisionPage, Error> {
    let before = before.map_or(i64::MAX, |before| row::stored(before.number()));
    // One more tells whether there are more.
    let count = row::stored(limit as u64 + 1);
    let parameters: &[Parameter<'_>] =
        &[(&row::uuid(id), Type::UUID), (&before, Type::INT8), (&count, Type::INT8)];
    let rows = leases.read(Kind::List, Statement::Kept(REVISIONS), parameters).await?;
    let items = rows.iter().take(limit).map(summary_from).collect::<Result<Vec<_>, _>>()?;
    Ok(RevisionPage { has_more: rows.len() > limit, items })
}

fn summary_from(found: &Row) -> Result<RevisionSummary, Error> {
    Ok(RevisionSummary {
        revision: row::revision(found, 0)?,
        at: row::time(found, 1)?,
        author: row::value(found, 2)?,
        note: row::value(found, 3)?,
        changed: changed(found, 4)?,
        base: row::optional_revision(found, 5)?,
        deleted: row::value(found, 6)?,
        document_bytes: row::number(found, 7)?,
    })
}
