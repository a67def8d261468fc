//! The handles of `personas`, and rows of `former_handles`.

use persona_model::{HandleName, Reach};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::Parameter;
use super::row;
use super::shared_reader::SharedReader;
use crate::handle::{
    HandleLook, HandleRow, HandleTarget, NAMESAKES_MAX, choose, first_owner_of, owners_of,
};
use crate::{Error, GLANCE_BYTES_MAX};

/// The living persona of an owner that has a handle: a row of one index, as for a look at an
/// identity.
const OF_OWNER: &str = "
    SELECT id, revision, deleted_at IS NOT NULL, head, CASE WHEN octet_length(document) <= $3 THEN document END
    FROM persona_store.personas
    WHERE owner = $1 AND handle = $2 AND deleted_at IS NULL";

/// What a persona is called, and what was called so: for two owners, and for all of them. The first
/// columns are the same in both parts; a large document stays with the server.
macro_rules! look {
    ($living:literal, $former:literal) => {
        concat!(
            "
    (SELECT false, p.owner, p.owner, false, p.id, p.revision, p.deleted_at IS NOT NULL, p.head,
            CASE WHEN octet_length(p.document) <= $4 THEN p.document END
     FROM persona_store.personas AS p
     WHERE p.handle = $1 AND p.deleted_at IS NULL AND ",
            $living,
            "
     ORDER BY p.owner
     LIMIT $5)
    UNION ALL
    (SELECT true, f.owner, p.owner, p.deleted_at IS NOT NULL AND p.handle IS NOT DISTINCT FROM f.handle AND p.owner = f.owner,
            p.id, p.revision, p.deleted_at IS NOT NULL, p.head,
            CASE WHEN octet_length(p.document) <= $4 THEN p.document END
     FROM persona_store.former_handles AS f
     JOIN persona_store.personas AS p ON p.id = f.persona
     WHERE f.handle = $1 AND ",
            $former,
            "
     ORDER BY f.owner
     LIMIT $5)"
        )
    };
}
/// A persona that was given away is not read for the owner that it had.
const OF_OWNERS: &str = look!("p.owner IN ($2, $3)", "f.owner IN ($2, $3) AND p.owner IN ($2, $3)");
const OF_ALL: &str = look!("$2::text = $3::text", "$2::text = $3::text");

/// What a handle leads a client to, with the persona itself.
///
/// A living persona of the first owner comes before every other row, so what is found of it is the
/// whole answer. Otherwise all rows of the handle are read, in one statement and so of one moment.
pub(super) async fn look(
    reader: &SharedReader,
    name: &HandleName,
    reach: &Reach,
) -> Result<HandleLook, Error> {
    let parameters: [Parameter<'_>; 3] = [
        (&first_owner_of(reach), Type::TEXT),
        (&name.as_str(), Type::TEXT),
        (&row::stored(GLANCE_BYTES_MAX as u64), Type::INT8),
    ];
    let rows = reader.read(OF_OWNER, &parameters).await?;
    let Some(found) = rows.first() else { return look_at_all(reader, name, reach).await };
    let id = row::id(found, 0)?;
    Ok(HandleLook { target: HandleTarget::Persona(id), glance: row::glance(found, 1, id)? })
}

async fn look_at_all(
    reader: &SharedReader,
    name: &HandleName,
    reach: &Reach,
) -> Result<HandleLook, Error> {
    let owners = owners_of(reach);
    let sql = if owners.is_some() { OF_OWNERS } else { OF_ALL };
    let [first, second] = owners.unwrap_or_default();
    let parameters: [Parameter<'_>; 5] = [
        (&name.as_str(), Type::TEXT),
        (&first, Type::TEXT),
        (&second, Type::TEXT),
        (&row::stored(GLANCE_BYTES_MAX as u64), Type::INT8),
        (&row::stored(NAMESAKES_MAX as u64), Type::INT8),
    ];
    let rows = reader.read(sql, &parameters).await?;
    Ok(choose(reach, rows.iter().map(handle_row).collect::<Result<_, _>>()?))
}

fn handle_row(found: &Row) -> Result<HandleRow, Error> {
    let persona = row::id(found, 4)?;
    Ok(HandleRow {
        is_former: row::value(found, 0)?,
        owner: row::value(found, 1)?,
        owner_now: row::value(found, 2)?,
        is_of_deleted: row::value(found, 3)?,
        persona,
        glance: row::glance(found, 5, persona)?,
    })
}
