//! The handles of `personas`, and rows of `former_handles`.

use std::sync::LazyLock;

use persona_model::{HandleName, Persona, PersonaId, Reach};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row;
use crate::handle::{
    FormerHandle, Handle, HandleLook, HandleRow, HandleTarget, NAMESAKES_MAX, choose,
    first_owner_of, owners_of,
};

/// The columns of a persona as `row::glance` takes them.
const GLANCE: &str = "p.revision, p.deleted_at IS NOT NULL, p.head, p.document, p.checksum, octet_length(p.document)";

/// The living persona of an owner that has a handle.
static OF_OWNER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT p.id, {GLANCE}
         FROM personas AS p
         WHERE p.owner = ?1 AND p.handle = ?2 AND p.deleted_at IS NULL"
    )
});

/// What a handle leads a client to, with the persona itself.
pub(crate) fn look(
    connection: &Connection,
    name: &HandleName,
    reach: &Reach,
) -> rusqlite::Result<HandleLook> {
    // A living persona of the first owner comes before every other row, and costs about as much as
    // a look at an identity.
    let first = |found: &Row<'_>| {
        let id = row::id(found, 0)?;
        Ok(HandleLook { target: HandleTarget::Persona(id), glance: row::glance(found, 1, id)? })
    };
    let first = connection
        .prepare_cached(&OF_OWNER)?
        .query_row([first_owner_of(reach), name.as_str()], first)
        .optional()?;
    first.map_or_else(|| look_at_all(connection, name, reach), Ok)
}

/// The same of all rows of a handle. One statement, and so of one snapshot.
///
/// The first of the owners is the first in the order of the index where it is none.
fn look_at_all(
    connection: &Connection,
    name: &HandleName,
    reach: &Reach,
) -> rusqlite::Result<HandleLook> {
    let owners = owners_of(reach);
    // A persona that was given away is not read for the owner that it had.
    let [of_living, of_former] = match owners {
        Some(_) => ["AND p.owner IN (?2, ?3)", "AND f.owner IN (?2, ?3) AND p.owner IN (?2, ?3)"],
        None => ["AND ?2 IS ?3"; 2],
    };
    let sql = format!(
        "SELECT * FROM (
             SELECT 0, p.owner, p.owner, 0, p.id, {GLANCE}
             FROM personas AS p
             WHERE p.handle = ?1 AND p.deleted_at IS NULL {of_living}
             ORDER BY p.owner
             LIMIT {NAMESAKES_MAX}
         )
         UNION ALL
         SELECT * FROM (
             SELECT 1, f.owner, p.owner, p.deleted_at IS NOT NULL AND p.handle IS f.handle AND p.owner = f.owner, p.id, {GLANCE}
             FROM former_handles AS f
             JOIN personas AS p ON p.id = f.persona
             WHERE f.handle = ?1 {of_former}
             ORDER BY f.owner
             LIMIT {NAMESAKES_MAX}
         )"
    );
    let [first, second] = owners.unwrap_or_default();
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![name.as_str(), first, second], handle_row)?;
    Ok(choose(reach, rows.collect::<rusqlite::Result<_>>()?))
}

fn handle_row(found: &Row<'_>) -> rusqlite::Result<HandleRow> {
    let persona = row::id(found, 4)?;
    Ok(HandleRow {
        is_former: found.get(0)?,
        owner: found.get(1)?,
        owner_now: found.get(2)?,
        is_of_deleted: found.get(3)?,
        persona,
        glance: row::glance(found, 5, persona)?,
    })
}

/// Keeps what a change of a persona does to handles: what it gives up leads to it from then on, and
/// what it takes leads to no other persona any more.
pub(crate) fn keep(
    connection: &Connection,
    before: Option<&Persona>,
    after: &Persona,
) -> rusqlite::Result<()> {
    let (had, has) = (before.and_then(Handle::of), Handle::of(after));
    if had == has {
        return Ok(());
    }
    if let Some(Handle { owner, handle }) = &had {
        put(connection, handle, owner, after.id)?;
    }
    if let Some(Handle { owner, handle }) = &has {
        connection
            .prepare_cached("DELETE FROM former_handles WHERE handle = ?1 AND owner = ?2")?
            .execute([handle, owner])?;
    }
    Ok(())
}

/// From now on a handle that no living persona has leads to this persona.
pub(crate) fn put(
    connection: &Connection,
    handle: &str,
    owner: &str,
    persona: PersonaId,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO former_handles (handle, owner, persona)
             VALUES (?1, ?2, ?3)
             ON CONFLICT (handle, owner) DO UPDATE
             SET persona = excluded.persona",
        )?
        .execute(params![handle, owner, persona.as_bytes()])
        .map(drop)
}

/// The next handles that were given up, in the order of handle and owner.
pub(crate) fn former_after(
    connection: &Connection,
    after: Option<&Handle>,
    limit: i64,
) -> rusqlite::Result<Vec<FormerHandle>> {
    let mut statement = connection.prepare_cached(
        "SELECT handle, owner, persona
         FROM former_handles
         WHERE (handle, owner) > (?1, ?2)
         ORDER BY handle, owner
         LIMIT ?3",
    )?;
    // No handle is empty, so this is before the first.
    let (handle, owner) =
        after.map_or(("", ""), |after| (after.handle.as_str(), after.owner.as_str()));
    let found = statement.query_map(params![handle, owner, limit], |found| {
        let handle = Handle { handle: found.get(0)?, owner: found.get(1)? };
        Ok(FormerHandle { handle, persona: row::id(found, 2)? })
    })?;
    found.collect()
}

/// What is wrong with former handles, one line for each.
pub(crate) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT f.handle, p.id IS NULL
         FROM former_handles AS f
         LEFT JOIN personas AS p ON p.id = f.persona
         WHERE p.id IS NULL
               OR EXISTS (SELECT 1 FROM personas AS h WHERE h.handle = f.handle AND h.owner = f.owner AND h.deleted_at IS NULL)
         ORDER BY f.handle, f.owner",
    )?;
    let faults = statement.query_map([], |found| {
        let what = if found.get(1)? {
            "leads to a persona that is not there"
        } else {
            "is kept as one that was given up, and a persona has it"
        };
        Ok(format!("the handle {} {what}", found.get::<_, String>(0)?))
    })?;
    faults.collect()
}
