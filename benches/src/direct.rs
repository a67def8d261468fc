//! A store of very many personas, written directly into the tables: for lists, which read only
//! personas and their tags.
//!
//! Every row is a copy of a row that the store wrote, with its own name, identity and times. The
//! copies have no revisions, no lines in the feed, and no words in the search index.

use std::path::PathBuf;

use persona_model::{Document, Persona, PersonaId, Revision, Timestamp, metadata_text};
use rusqlite::{Connection, named_params, params};

use crate::place::Place;
use crate::{Result, personas};

/// Bytes of a prompt: small, so that a million fit the disk.
const BYTES: usize = 200;
/// When the first persona was made, in microseconds since the epoch; each later persona is a second
/// younger.
const FIRST_MICROS: i64 = 1_600_000_000_000_000;
const SECOND: i64 = 1_000_000;
/// The columns that differ from one persona to the next; all other columns are copied.
const OWN: [&str; 8] =
    ["id", "name", "created_at", "updated_at", "content_hash", "checksum", "head", "document"];

/// A store with this many personas, made once and kept; a caller works on a copy of it.
pub fn filled(place: &Place, count: u64) -> Result<PathBuf> {
    let path = personas::kept(place, &format!("direct-{count}.db"));
    if path.exists() {
        return Ok(path);
    }
    println!("filling a store with {count} personas directly; it is kept for the next run");
    let template = personas::filled(place, 1, BYTES)?;
    let copy = personas::copied(place, &template, "direct")?;
    let mut file = Connection::open(&copy)?;
    file.execute_batch(
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144",
    )?;
    let transaction = file.transaction()?;
    insert(&transaction, count)?;
    transaction.commit()?;
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)")?;
    file.close().map_err(|(_, error)| error)?;
    std::fs::rename(&copy, &path)?;
    Ok(path)
}

fn insert(file: &Connection, count: u64) -> Result<()> {
    let columns: Vec<String> = file
        .prepare("SELECT name FROM pragma_table_info('personas') WHERE pk = 0")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let value = |column: &String| {
        if OWN.contains(&column.as_str()) { format!(":{column}") } else { column.clone() }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let sql = format!(
        "INSERT INTO personas ({}) SELECT {} FROM personas WHERE row_id = 1",
        columns.join(", "),
        values.join(", ")
    );
    let mut insert = file.prepare(&sql)?;
    let mut tag = file.prepare("INSERT INTO persona_tags (tag, persona) VALUES (?1, ?2)")?;
    // The first row is the one that is copied.
    for number in 1..count {
        let persona = persona(number)?;
        let (head, document) = (metadata_text(&persona), persona.document.text());
        insert.execute(named_params! {
            ":id": persona.id.as_bytes(),
            ":name": persona.document.name(),
            ":created_at": persona.created_at.as_micros(),
            ":updated_at": persona.updated_at.as_micros(),
            ":content_hash": persona.content_hash.as_bytes(),
            ":checksum": checksum(persona.id, &head, document),
            ":head": head,
            ":document": document,
        })?;
        let row = file.last_insert_rowid();
        for name in ["bench".to_owned(), format!("group-{}", number % 100)] {
            tag.execute(params![name, row])?;
        }
    }
    Ok(())
}

fn persona(number: u64) -> Result<Persona> {
    let document = Document::from_json(personas::document(number, BYTES))?;
    let at = Timestamp::from_micros(FIRST_MICROS + i64::try_from(number)? * SECOND);
    Ok(Persona {
        id: personas::id(number),
        revision: Revision::FIRST,
        created_at: at,
        updated_at: at,
        deleted_at: None,
        created_by: None,
        updated_by: None,
        content_hash: document.content_hash(),
        document,
    })
}

/// The checksum of a persona at its first revision, as the store computes it; a list refuses a row
/// with another checksum.
fn checksum(id: PersonaId, head: &str, document: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(&1_u64.to_le_bytes());
    hasher.update(&[0]);
    hasher.update(head.as_bytes());
    hasher.update(document.as_bytes());
    hasher.finalize()
}
