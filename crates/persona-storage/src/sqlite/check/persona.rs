//! One persona against itself: its texts, hash and checksum, its columns, its tags.

use std::collections::BTreeSet;

use persona_model::{ContentHash, Document, Persona, PersonaId, is_metadata_of};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::sqlite::error::damage;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::history::History;
use crate::sqlite::tables::personas::history_from;
use crate::sqlite::tables::{checksum, row};

/// The current row of a persona, and its faults.
pub(crate) struct Current {
    pub row_id: i64,
    /// The identity; `None` when it cannot be read.
    pub id: Option<PersonaId>,
    pub faults: Vec<String>,
    /// The row with which revisions are compared; `None` when it cannot be read.
    pub(super) stored: Option<Stored>,
}

/// A row that could be read.
pub(super) struct Stored {
    pub persona: Persona,
    pub metadata: String,
    pub document: String,
    /// The rows of its revisions; `None` in files of a version without the column, and if the
    /// column cannot be read.
    pub history: Option<History>,
}

/// Reads and compares the next persona in order of creation; `None` after the last one.
///
/// The version of the schema tells whether there are checksums, and how tags are kept.
pub(crate) fn next_after(
    connection: &Connection,
    row_id: i64,
    version: u32,
) -> rusqlite::Result<Option<Current>> {
    let checksums = version >= migrate::CHECKSUMS_SINCE;
    let sql = format!(
        "SELECT row_id, id, name, kind, handle, is_active, created_at, updated_at, deleted_at, created_by, updated_by,
                content_hash, revision, deleted_at IS NOT NULL, head, document, {}, {}, {}
         FROM personas
         WHERE row_id > ?1
         ORDER BY row_id
         LIMIT 1",
        if checksums { "checksum" } else { "NULL" },
        if version >= migrate::CHAINED_SINCE { "history" } else { "NULL" },
        if version >= migrate::OWNERS_SINCE { "owner" } else { "''" },
    );
    let current = connection
        .prepare_cached(&sql)?
        .query_row([row_id], |found| inspect(found, checksums))
        .optional()?;
    match current {
        // A damaged tree can lead back to an earlier row; without this check the walk would never
        // end.
        Some(current) if current.row_id <= row_id => {
            Err(damage("the personas are not in the order of their rows".into()))
        }
        Some(mut current) => {
            compare_tags(connection, &mut current, version >= migrate::FOLDED_TAGS_SINCE)?;
            Ok(Some(current))
        }
        None => Ok(None),
    }
}

fn inspect(found: &Row<'_>, checksums: bool) -> rusqlite::Result<Current> {
    let mut current = Current {
        row_id: found.get(0)?,
        id: row::id(found, 1).ok(),
        faults: Vec::new(),
        stored: None,
    };
    let Some(id) = current.id else {
        current.faults.push(format!("row {} has no readable identity", current.row_id));
        return Ok(current);
    };
    if checksums && let Err(error) = checksum::verified(found, 12, id) {
        current.faults.push(error.to_string());
    }
    match read(found, id) {
        Ok((stored, faults)) => {
            current.faults.extend(faults);
            current.stored = Some(stored);
        }
        Err(fault) => current.faults.push(fault),
    }
    Ok(current)
}

/// Reads a row into the model, and compares every column that exists for searching with the
/// document.
fn read(found: &Row<'_>, id: PersonaId) -> Result<(Stored, Vec<String>), String> {
    let unreadable = |error: rusqlite::Error| format!("a column cannot be read: {error}");
    let text: String = found.get(15).map_err(unreadable)?;
    let document = Document::from_stored(&text)
        .map_err(|invalid| format!("its document cannot be read: {invalid}"))?;
    let members = || -> rusqlite::Result<(Persona, String, [bool; 5])> {
        let same = [
            found.get_ref(2)?.as_str()? == document.name(),
            found.get_ref(3)?.as_str()? == document.kind().as_str(),
            found.get_ref(4)?.as_str_or_null()? == document.handle(),
            found.get::<_, bool>(5)? == document.is_active(),
            found.get_ref(18)?.as_str()? == document.owner_word(),
        ];
        let persona = Persona {
            id,
            revision: row::revision(found, 12)?,
            created_at: row::time(found, 6)?,
            updated_at: row::time(found, 7)?,
            deleted_at: found.get::<_, Option<i64>>(8)?.map(persona_model::Timestamp::from_micros),
            created_by: found.get(9)?,
            updated_by: found.get(10)?,
            content_hash: found.get(11).map(ContentHash::from_bytes)?,
            document: document.clone(),
        };
        Ok((persona, found.get(14)?, same))
    };
    let (persona, metadata, same) = members().map_err(unreadable)?;
    let mut faults = Vec::new();
    for (column, same) in ["name", "kind", "handle", "is_active", "owner"].into_iter().zip(same) {
        if !same {
            faults.push(format!("the column {column} differs from the document"));
        }
    }
    if !document.content_hashes().any(|hash| hash == persona.content_hash) {
        faults.push("the content hash differs from that of the document".into());
    }
    if !is_metadata_of(&persona, &metadata) {
        faults.push("the metadata of the answer differs from the columns".into());
    }
    let history = match found.get_ref(17).map_err(unreadable)? {
        ValueRef::Null => None,
        _ => match history_from(found, 12, 17) {
            Ok(history) => Some(history),
            Err(error) => {
                faults.push(error.to_string());
                None
            }
        },
    };
    Ok((Stored { persona, metadata, document: text, history }, faults))
}

fn compare_tags(
    connection: &Connection,
    current: &mut Current,
    are_folded: bool,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT tag FROM persona_tags WHERE persona = ?1")?;
    let kept: BTreeSet<String> = statement
        .query_map([current.row_id], |found| found.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let Some(Stored { persona: Persona { document, .. }, .. }) = &current.stored else {
        return Ok(());
    };
    let wanted = if are_folded {
        document.folded_tags()
    } else {
        document.tags().map(str::to_owned).collect()
    };
    if kept != wanted {
        current.faults.push("the tags that it is found by differ from the document".into());
    }
    Ok(())
}
