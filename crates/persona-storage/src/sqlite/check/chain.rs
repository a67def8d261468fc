//! The revisions of one persona: 1 to its current one without a gap, each as its own columns say,
//! the last as the current row.

use persona_model::{Document, FIELDS, Persona, Timestamp, is_metadata_of};
use rusqlite::{Connection, Row};

use super::persona::Stored;
use super::report::CheckReport;
use crate::sqlite::error::damage;
use crate::sqlite::tables::{checksum, row};

/// Revisions of one read transaction. They never change, so a chain may be read in several.
const BATCH_REVISIONS: i64 = 500;

/// The last revision that is kept of a persona; in the same snapshot it must be the current one.
pub(super) fn last_kept(connection: &Connection, row_id: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT max(revision) FROM revisions WHERE persona = ?1")?
        .query_row([row_id], |found| found.get(0))
}

/// Compares every revision up to that of the current row.
pub(super) fn compare(
    connection: &Connection,
    row_id: i64,
    current: &Stored,
    checksums: bool,
    report: &mut CheckReport,
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT revision, deleted, head, document, {}, parent, at, author, changed, base
         FROM revisions
         WHERE persona = ?1 AND revision > ?2
         ORDER BY revision
         LIMIT {BATCH_REVISIONS}",
        if checksums { "checksum" } else { "NULL" },
    );
    let last = row::stored(current.persona.revision.number());
    let (mut before, mut document) = (0, None);
    while before < last {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row_id, before])?;
        let mut any = false;
        while let Some(found) = rows.next()?.filter(|_| before < last) {
            any = true;
            let revision: i64 = found.get(0)?;
            if revision <= before {
                return Err(damage("the revisions are not in the order of their numbers".into()));
            }
            let mut faults = Vec::new();
            document = inspect(found, before, document.as_ref(), current, checksums, &mut faults)?;
            for fault in faults {
                report.add(Some(current.persona.id), format!("revision {revision}: {fault}"));
            }
            report.revisions += 1;
            before = revision;
        }
        if !any {
            report.add(
                Some(current.persona.id),
                format!("its revisions end at {before}, and it is at {last}"),
            );
            return Ok(());
        }
    }
    Ok(())
}

/// Adds what is wrong with one revision, and hands its document on to the next one.
fn inspect(
    found: &Row<'_>,
    before: i64,
    document_before: Option<&Document>,
    current: &Stored,
    checksums: bool,
    faults: &mut Vec<String>,
) -> rusqlite::Result<Option<Document>> {
    let persona = &current.persona;
    let revision: i64 = found.get(0)?;
    if revision != before + 1 {
        faults.push(format!("{} comes next", before + 1));
    }
    if found.get::<_, Option<i64>>(5)? != (revision > 1).then_some(revision - 1) {
        faults.push("its parent is not the revision before".into());
    }
    if checksums && let Err(error) = checksum::verified(found, 0, persona.id) {
        faults.push(error.to_string());
    }
    let (deleted, metadata, text): (bool, String, String) =
        (found.get(1)?, found.get(2)?, found.get(3)?);
    let document = match Document::from_stored(&text) {
        Ok(document) => document,
        Err(invalid) => {
            faults.push(format!("its document cannot be read: {invalid}"));
            return Ok(None);
        }
    };
    if !names_what_changed(&found.get::<_, String>(8)?, document_before, &document) {
        faults.push("the fields that it says it changed are not those that differ".into());
    }
    if found.get::<_, Option<i64>>(9)?.is_some_and(|base| !(1..revision).contains(&base)) {
        faults.push("its base is not an earlier revision".into());
    }
    let at: Timestamp = row::time(found, 6)?;
    // Everything that the metadata says follows from the columns, and the hash in it from the
    // document.
    let mut as_it_was = Persona {
        id: persona.id,
        revision: row::revision(found, 0)?,
        created_at: persona.created_at,
        updated_at: at,
        deleted_at: deleted.then_some(at),
        created_by: persona.created_by.clone(),
        updated_by: found.get(7)?,
        content_hash: document.content_hash(),
        document: document.clone(),
    };
    let states = |hash| {
        as_it_was.content_hash = hash;
        is_metadata_of(&as_it_was, &metadata)
    };
    if !document.content_hashes().any(states) {
        faults.push("its metadata differs from its columns or its document".into());
    }
    if as_it_was.revision == persona.revision
        && (metadata != current.metadata || text != current.document)
    {
        faults.push("it is the last one, and the current row differs from it".into());
    }
    Ok(Some(document))
}

/// Revision 1 names every field of its time, and each later one what differs from the one before.
fn names_what_changed(changed: &str, before: Option<&Document>, document: &Document) -> bool {
    let Ok(changed) = serde_json::from_str::<Vec<String>>(changed) else { return false };
    match before {
        Some(before) => before.changed_fields(document) == changed,
        None => changed.iter().all(|name| FIELDS.iter().any(|field| field.name == name)),
    }
}
