//! What is read of a database, whichever side it is.

use persona_model::PersonaId;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::connection::Parameter;
use super::super::{migrate, row, token_row};
use super::digest;
use super::session::Session;
use crate::handle::{FormerHandle, Handle};
use crate::transfer::{Counts, KeyRecord, Line, PersonaDigest, Side, TransferError};
use crate::{Error, Token};

/// The first revision of a purged persona, which is kept without its content, does not count.
const COUNTS: &str = "
    SELECT (SELECT count(*) FROM persona_store.personas),
           (SELECT count(*) FROM persona_store.revisions) - (SELECT count(*) FROM persona_store.purged),
           (SELECT count(*) FROM persona_store.changes)";
/// The same of a schema from before purges.
const COUNTS_BEFORE: &str = "
    SELECT (SELECT count(*) FROM persona_store.personas),
           (SELECT count(*) FROM persona_store.revisions),
           (SELECT count(*) FROM persona_store.changes)";
/// Where one transaction takes what another one is giving up, a row can stay that leads nowhere:
/// the persona that has the handle is found before it.
const FORMER_HANDLES: &str = "
    SELECT handle, owner, persona
    FROM persona_store.former_handles AS f
    WHERE (handle, owner) > ($1, $2)
          AND NOT EXISTS (
              SELECT 1 FROM persona_store.personas AS p
              WHERE p.handle = f.handle AND p.owner = f.owner AND p.deleted_at IS NULL
          )
    ORDER BY handle, owner
    LIMIT $3";
const KEY: &str =
    "SELECT key, fingerprint, outcome, persona, revision, at, moves FROM persona_store.idempotency";

impl Side for Session {
    fn place(&self) -> String {
        self.settings.place()
    }

    fn counts(&mut self) -> Result<Counts, TransferError> {
        let has_purges = self.version_by_content()? >= migrate::PURGES_SINCE;
        let rows = self.read(if has_purges { COUNTS } else { COUNTS_BEFORE }, &[])?;
        let number =
            |column| row::number(&rows[0], column).map_err(|error| self.unreadable(&error));
        Ok(Counts { personas: number(0)?, revisions: number(1)?, changes: number(2)? })
    }

    fn lines(&mut self, after: i64, limit: i64) -> Result<Vec<Line>, TransferError> {
        let sql = format!(
            "SELECT c.sequence, c.persona, c.revision, {}, coalesce(x.sequence <> c.sequence, false),
                    x.sequence IS NULL AND coalesce(r.head = '', false)
             FROM (SELECT * FROM persona_store.changes WHERE sequence > $1 ORDER BY sequence LIMIT $2) AS c
             LEFT JOIN persona_store.revisions AS r
                 ON c.label IS NULL AND r.persona = c.persona AND r.revision = c.revision
             LEFT JOIN persona_store.label_moves AS m ON c.label IS NOT NULL AND m.sequence = c.sequence
             LEFT JOIN persona_store.purged AS x ON x.persona = c.persona
             ORDER BY c.sequence",
            digest::LINE
        );
        let rows = self.read(&sql, &[(&after, Type::INT8), (&limit, Type::INT8)])?;
        self.each(&rows, |found| {
            Ok(Line {
                sequence: row::value(found, 0)?,
                persona: row::id(found, 1)?,
                revision: row::value(found, 2)?,
                digest: row::value(found, 3)?,
                is_gone: row::value(found, 4)?,
                is_dropped: row::value(found, 5)?,
            })
        })
    }

    fn personas_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaDigest>, TransferError> {
        let after = after.map(row::uuid);
        let sql = self.persona_sql("WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2")?;
        let rows = self.read(&sql, &[(&after, Type::UUID), (&limit, Type::INT8)])?;
        self.personas(&rows)
    }

    fn personas_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaDigest>, TransferError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| row::uuid(*id)).collect();
        let sql = self.persona_sql("WHERE id = ANY ($1)")?;
        let rows = self.read(&sql, &[(&ids, Type::UUID_ARRAY)])?;
        self.personas(&rows)
    }

    fn purged_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaId>, TransferError> {
        let after = after.map(row::uuid);
        let sql = "SELECT persona FROM persona_store.purged
                   WHERE $1::uuid IS NULL OR persona > $1 ORDER BY persona LIMIT $2";
        let rows = self.read(sql, &[(&after, Type::UUID), (&limit, Type::INT8)])?;
        self.each(&rows, |found| row::id(found, 0))
    }

    fn purged_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaId>, TransferError> {
        if self.version_by_content()? < migrate::PURGES_SINCE {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| row::uuid(*id)).collect();
        let sql = "SELECT persona FROM persona_store.purged WHERE persona = ANY ($1)";
        let rows = self.read(sql, &[(&ids, Type::UUID_ARRAY)])?;
        self.each(&rows, |found| row::id(found, 0))
    }

    fn keys_named(&mut self, keys: &[String]) -> Result<Vec<KeyRecord>, TransferError> {
        let keys = keys.to_vec();
        let rows =
            self.read(&format!("{KEY} WHERE key = ANY ($1)"), &[(&keys, Type::TEXT_ARRAY)])?;
        self.keys(&rows)
    }

    fn tokens(&mut self) -> Result<Vec<Token>, TransferError> {
        let sql = format!("SELECT {} FROM persona_store.tokens ORDER BY name", token_row::COLUMNS);
        let rows = self.read(&sql, &[])?;
        self.each(&rows, |found| token_row::token(found, 0))
    }

    fn former_handles(
        &mut self,
        after: Option<&Handle>,
        limit: i64,
    ) -> Result<Vec<FormerHandle>, TransferError> {
        // No handle is empty, so this is before the first.
        let (handle, owner) =
            after.map_or(("", ""), |after| (after.handle.as_str(), after.owner.as_str()));
        let parameters: [Parameter<'_>; 3] =
            [(&handle, Type::TEXT), (&owner, Type::TEXT), (&limit, Type::INT8)];
        let rows = self.read(FORMER_HANDLES, &parameters)?;
        self.each(&rows, |found| {
            let handle = Handle { handle: row::value(found, 0)?, owner: row::value(found, 1)? };
            Ok(FormerHandle { handle, persona: row::id(found, 2)? })
        })
    }

    fn labels(&mut self) -> Result<Vec<u8>, TransferError> {
        let sql = "SELECT sha256(convert_to(coalesce(
                              string_agg(concat(persona, ' ', label, ' ', version, E'\\n'), '' ORDER BY persona, label), ''), 'UTF8'))
                   FROM persona_store.labels";
        let rows = self.read(sql, &[])?;
        let digest = rows.first().map_or(Ok(Vec::new()), |found| row::value(found, 0));
        digest.map_err(|error| self.unreadable(&error))
    }
}

impl Session {
    pub(super) fn keys_after(
        &mut self,
        after: &(i64, String),
        limit: i64,
    ) -> Result<Vec<KeyRecord>, TransferError> {
        let sql =
            format!("{KEY} WHERE at >= $1 AND (at > $1 OR key > $2) ORDER BY at, key LIMIT $3");
        let rows = self
            .read(&sql, &[(&after.0, Type::INT8), (&after.1, Type::TEXT), (&limit, Type::INT8)])?;
        self.keys(&rows)
    }

    fn keys(&self, rows: &[Row]) -> Result<Vec<KeyRecord>, TransferError> {
        self.each(rows, |found| {
            Ok(KeyRecord {
                key: row::value(found, 0)?,
                fingerprint: row::value(found, 1)?,
                outcome: row::value(found, 2)?,
                persona: row::id(found, 3)?,
                revision: row::value(found, 4)?,
                at: row::value(found, 5)?,
                moves: row::value(found, 6)?,
            })
        })
    }

    fn personas(&self, rows: &[Row]) -> Result<Vec<PersonaDigest>, TransferError> {
        self.each(rows, |found| {
            Ok(PersonaDigest {
                id: row::id(found, 0)?,
                revision: row::value(found, 1)?,
                handle: match row::value::<Option<String>>(found, 2)? {
                    Some(handle) => Some(Handle { owner: row::value(found, 4)?, handle }),
                    None => None,
                },
                digest: row::value(found, 3)?,
            })
        })
    }

    /// What each row says.
    pub(super) fn each<T>(
        &self,
        rows: &[Row],
        read: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, TransferError> {
        rows.iter().map(|found| read(found).map_err(|error| self.unreadable(&error))).collect()
    }

    /// Reads personas with digests. A target of an earlier version, which is looked at before it is
    /// brought up to date, has the words of titles and texts in one table, and no owners.
    fn persona_sql(&mut self, which: &str) -> Result<String, TransferError> {
        let version = self.version_by_content()?;
        let [titles, texts] = if version >= migrate::TWO_INDEXES_SINCE {
            ["persona_titles", "persona_texts"]
        } else {
            ["persona_search"; 2]
        };
        let owner = if version >= migrate::OWNERS_SINCE { "" } else { ", '' AS owner" };
        Ok(format!(
            "SELECT p.id, p.revision, CASE WHEN p.deleted_at IS NULL THEN p.handle END, {}, p.owner
             FROM (SELECT *{owner} FROM persona_store.personas {which}) AS p
             LEFT JOIN persona_store.{titles} AS titles ON titles.persona = p.id
             LEFT JOIN persona_store.{texts} AS texts ON texts.persona = p.id
             CROSS JOIN LATERAL (
                 SELECT string_agg(tag, E'\\n' ORDER BY tag) AS tags FROM persona_store.persona_tags WHERE persona = p.id
             ) AS t
             ORDER BY p.id",
            digest::PERSONA
        ))
    }
}
