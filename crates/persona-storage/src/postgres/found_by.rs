//! Writes tags and words of many personas at once: each column is a list, which the database
//! unfolds.

use persona_model::{Document, PersonaId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::search::{Texts, Titles};
use super::{DatabaseError, Settings, row};

/// Personas of one batch of a migration, and bytes of documents after which it ends.
const BATCH_PERSONAS: i64 = 500;
const BATCH_BYTES: i64 = 4 * 1024 * 1024;

const TAGS: &str = "INSERT INTO persona_store.persona_tags (tag, persona) SELECT * FROM unnest($1::text[], $2::uuid[])";

/// Words hold no blanks, so their beginnings fit into one text.
const TITLES: &str = "
    INSERT INTO persona_store.persona_titles (persona, name, tags, words)
    SELECT persona, name, tags, array_to_tsvector(string_to_array(words, ' '))
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS new (persona, name, tags, words)
    ON CONFLICT (persona) DO UPDATE
    SET name = excluded.name, tags = excluded.tags, words = excluded.words";
const TEXTS: &str = "
    INSERT INTO persona_store.persona_texts (persona, text, words)
    SELECT persona, text, array_to_tsvector(string_to_array(words, ' '))
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (persona, text, words)
    ON CONFLICT (persona) DO UPDATE
    SET text = excluded.text, words = excluded.words";

/// The next personas by identity (from the first one on if there is no previous one), up to a
/// number of bytes, and at least one.
const NEXT: &str = "
    SELECT id, document
    FROM (
        SELECT id, document, sum(octet_length(document)) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
        FROM (SELECT id, document FROM persona_store.personas WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2) AS next
    ) AS sized
    WHERE coalesce(bytes_before, 0) < $3
    ORDER BY id";

/// The tags and words by which one persona is found.
pub(super) struct FoundBy<'a> {
    pub id: PersonaId,
    /// Without case, each once.
    pub tags: &'a [String],
    /// The document with the words.
    pub document: &'a Document,
}

/// Writes tags and words for personas without tags in the table, in the transaction of the caller.
pub(super) async fn put(connection: &Connection, rows: &[FoundBy<'_>]) -> Result<(), DriverError> {
    let tags: Vec<&str> =
        rows.iter().flat_map(|persona| persona.tags.iter().map(String::as_str)).collect();
    let tagged: Vec<Uuid> = rows
        .iter()
        .flat_map(|persona| persona.tags.iter().map(|_| row::uuid(persona.id)))
        .collect();
    connection
        .rows(Statement::Once(TAGS), &[(&tags, Type::TEXT_ARRAY), (&tagged, Type::UUID_ARRAY)])
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|persona| row::uuid(persona.id)).collect();
    let titles: Vec<Titles> = rows.iter().map(|persona| Titles::of(persona.document)).collect();
    let texts: Vec<Texts> = rows.iter().map(|persona| Texts::of(persona.document)).collect();
    let values: [Parameter<'_>; 4] = [
        (&ids, Type::UUID_ARRAY),
        (&titles.iter().map(|words| words.name.as_str()).collect::<Vec<_>>(), Type::TEXT_ARRAY),
        (&titles.iter().map(|words| words.tags.as_str()).collect::<Vec<_>>(), Type::TEXT_ARRAY),
        (
            &titles.iter().map(|words| words.beginnings.as_deref()).collect::<Vec<_>>(),
            Type::TEXT_ARRAY,
        ),
    ];
    connection.rows(Statement::Once(TITLES), &values).await?;
    let values: [Parameter<'_>; 3] = [
        (&ids, Type::UUID_ARRAY),
        (&texts.iter().map(|words| words.text.as_str()).collect::<Vec<_>>(), Type::TEXT_ARRAY),
        (
            &texts.iter().map(|words| words.beginnings.as_deref()).collect::<Vec<_>>(),
            Type::TEXT_ARRAY,
        ),
    ];
    connection.rows(Statement::Once(TEXTS), &values).await.map(drop)
}

/// Writes tags and words of every persona again, in the transaction of a migration that has removed
/// all tags.
pub(super) async fn fill_all(
    connection: &Connection,
    settings: &Settings,
) -> Result<(), DatabaseError> {
    let failed = |error: DriverError| DatabaseError::from_driver(settings, &error);
    let mut after: Option<Uuid> = None;
    loop {
        let next = [
            (&after as _, Type::UUID),
            (&BATCH_PERSONAS as _, Type::INT8),
            (&BATCH_BYTES as _, Type::INT8),
        ];
        let found = connection.rows(Statement::Once(NEXT), &next).await.map_err(failed)?;
        let mut documents = Vec::with_capacity(found.len());
        for found in &found {
            let (id, text): (Uuid, &str) = (
                row::driver_value(found, 0).map_err(failed)?,
                row::driver_value(found, 1).map_err(failed)?,
            );
            let document =
                Document::from_stored(text).map_err(|invalid| DatabaseError::Backend {
                    place: settings.place(),
                    reason: format!("persona {id} cannot be read: {invalid}"),
                })?;
            let tags: Vec<String> = document.folded_tags().into_iter().collect();
            documents.push((PersonaId::from_bytes(id.into_bytes()), tags, document));
        }
        let Some((last, ..)) = documents.last() else { return Ok(()) };
        after = Some(row::uuid(*last));
        let rows: Vec<_> = documents
            .iter()
            .map(|(id, tags, document)| FoundBy { id: *id, tags, document })
            .collect();
        put(connection, &rows).await.map_err(failed)?;
    }
}
