//! Rows of `personas` and `persona_tags`.

use persona_model::{ContentHash, Document, EntityTag, Persona, PersonaId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::checksum;
use super::history::History;
use super::meta;
use super::row;
use super::snapshot::in_one_snapshot;
use crate::decide::Current;
use crate::sqlite::error::{damage, damaged, from_driver};
use crate::{Error, Glance, Representation, Write, fault_injection};

pub(crate) use super::persona_counts::{count_deleted, count_living, count_living_up_to};

/// A persona with the number of its row.
#[derive(Debug)]
pub(crate) struct Stored {
    pub row_id: i64,
    pub persona: Persona,
    /// The entity tag of this state.
    pub tag: EntityTag,
    /// The rows of its revisions.
    pub history: History,
    /// When the first autosave was made of those that its revision stands for; `None` where it is
    /// none.
    pub autosaved_since: Option<Timestamp>,
}

impl Stored {
    /// The persona in the form for `decide.rs`.
    pub(crate) fn current(&self) -> Current<'_> {
        Current { persona: &self.persona, tag: self.tag }
    }
}

/// The two texts of an answer with their checksum, as both `personas` and `revisions` keep them.
#[derive(Debug)]
pub(crate) struct Texts<'a> {
    pub metadata: String,
    pub document: &'a str,
    pub checksum: u32,
}

impl<'a> Texts<'a> {
    pub(crate) fn of(persona: &'a Persona) -> Self {
        let (metadata, document) = (persona_model::metadata_text(persona), persona.document.text());
        let checksum = crate::checksum::of(
            persona.id,
            persona.revision.number(),
            persona.deleted_at.is_some(),
            &metadata,
            document,
        );
        Self { metadata, document, checksum }
    }
}

/// A persona without a large document; the whole cost of a GET.
pub(crate) fn glance(connection: &Connection, id: PersonaId) -> rusqlite::Result<Glance> {
    connection
        .prepare_cached(
            "SELECT revision, deleted_at IS NOT NULL, head, document, checksum, octet_length(document) FROM personas WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |found| row::glance(found, 0, id))
        .optional()
        .map(|found| found.unwrap_or(Glance::Whole(None)))
}

/// The representation of a persona.
pub(crate) fn representation(
    connection: &Connection,
    id: PersonaId,
) -> rusqlite::Result<Option<Representation>> {
    connection
        .prepare_cached("SELECT revision, deleted_at IS NOT NULL, head, document, checksum FROM personas WHERE id = ?1")?
        .query_row([id.as_bytes()], |found| row::representation(found, 0, id))
        .optional()
}

/// The entity tag of the current state of a persona.
pub(crate) fn tag_of(
    connection: &Connection,
    id: PersonaId,
) -> rusqlite::Result<Option<EntityTag>> {
    connection
        .prepare_cached("SELECT revision, checksum FROM personas WHERE id = ?1")?
        .query_row([id.as_bytes()], |found| {
            Ok(fault_injection::tag(EntityTag {
                revision: row::revision(found, 0)?,
                checksum: found.get(1)?,
            }))
        })
        .optional()
}

/// The owner of a persona; empty where it has no owner.
pub(crate) fn owner_of(connection: &Connection, id: PersonaId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT owner FROM personas WHERE id = ?1")?
        .query_row([id.as_bytes()], |found| found.get(0))
        .optional()
}

/// The owners of those of some personas that exist or were purged.
pub(crate) fn owners_of(
    connection: &Connection,
    ids: &[PersonaId],
) -> rusqlite::Result<Vec<(PersonaId, String)>> {
    // One statement for both tables, because a persona can be purged between two.
    let mut statement = connection.prepare_cached(
        "SELECT owner FROM personas WHERE id = ?1
         UNION ALL
         SELECT owner FROM purged WHERE persona = ?1",
    )?;
    // A transaction of its own would cost each of them more than the read.
    in_one_snapshot(connection, || {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let owner = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
            found.extend(owner.map(|owner| (*id, owner)));
        }
        Ok(found)
    })
}

/// The persona that a writer finds.
pub(crate) enum Found {
    /// The persona does not exist for the writer.
    Nothing,
    /// The whole persona.
    Whole(Box<Stored>),
    /// The document has this many bytes, more than the limit; nothing was read.
    Larger(usize),
}

/// The whole persona, for a writer.
pub(crate) fn find(connection: &Connection, write: &Write) -> Result<Option<Stored>, Error> {
    match find_up_to(connection, write, usize::MAX)? {
        Found::Whole(stored) => Ok(Some(*stored)),
        Found::Nothing | Found::Larger(_) => Ok(None),
    }
}

/// The whole persona with this identity.
pub(crate) fn by_id(connection: &Connection, id: PersonaId) -> Result<Option<Stored>, Error> {
    connection
        .prepare_cached(WHOLE)
        .and_then(|mut statement| {
            statement.query_row([id.as_bytes()], |found| Ok(persona_from(found, id))).optional()
        })
        .map_err(from_driver)?
        .transpose()
}

/// The columns of a whole persona.
const WHOLE: &str =
    "SELECT row_id, created_at, updated_at, deleted_at, created_by, updated_by, content_hash,
            revision, deleted_at IS NOT NULL, head, document, checksum, octet_length(document), history, owner, autosaved_since
     FROM personas
     WHERE id = ?1";

/// The whole persona where its document has at most so many bytes. A persona that the write may not
/// change counts as missing, however large it is.
pub(crate) fn find_up_to(
    connection: &Connection,
    write: &Write,
    bytes_max: usize,
) -> Result<Found, Error> {
    let id = write.operation.id();
    let whole_or_larger = |found: &Row<'_>| -> rusqlite::Result<Result<Found, Error>> {
        if write.overlooks(found.get_ref(14)?.as_str()?) {
            return Ok(Ok(Found::Nothing));
        }
        // SQLite reads the length from the header of the record, without the text.
        let bytes = row::number(found, 12)?.try_into().unwrap_or(usize::MAX);
        Ok(if bytes > bytes_max {
            Ok(Found::Larger(bytes))
        } else {
            persona_from(found, id).map(Box::new).map(Found::Whole)
        })
    };
    connection
        .prepare_cached(WHOLE)
        .and_then(|mut statement| statement.query_row([id.as_bytes()], whole_or_larger).optional())
        .map_err(from_driver)?
        .unwrap_or(Ok(Found::Nothing))
}

fn persona_from(found: &Row<'_>, id: PersonaId) -> Result<Stored, Error> {
    // Checked here too: a change of a damaged persona would make the damage look like what a client
    // wrote.
    let verified = checksum::verified(found, 7, id).map_err(from_driver)?;
    let document = Document::from_stored(verified.document).map_err(|invalid| damaged(&invalid))?;
    let members = || -> rusqlite::Result<Stored> {
        let revision = row::revision(found, 7)?;
        Ok(Stored {
            row_id: found.get(0)?,
            tag: fault_injection::tag(EntityTag { revision, checksum: verified.checksum }),
            history: history_from(found, 7, 13)?,
            autosaved_since: found.get::<_, Option<i64>>(15)?.map(Timestamp::from_micros),
            persona: Persona {
                id,
                revision,
                created_at: row::time(found, 1)?,
                updated_at: row::time(found, 2)?,
                deleted_at: found.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
                created_by: found.get(4)?,
                updated_by: found.get(5)?,
                content_hash: found.get(6).map(ContentHash::from_bytes)?,
                document,
            },
        })
    };
    members().map_err(from_driver)
}

/// The rows of a persona's revisions.
pub(crate) fn history(connection: &Connection, id: PersonaId) -> rusqlite::Result<Option<History>> {
    connection
        .prepare_cached("SELECT revision, history FROM personas WHERE id = ?1")?
        .query_row([id.as_bytes()], |found| history_from(found, 0, 1))
        .optional()
}

/// The rows of a persona's revisions, from its columns `revision` and `history`.
pub(crate) fn history_from(
    found: &Row<'_>,
    revision: usize,
    history: usize,
) -> rusqlite::Result<History> {
    let revision = row::number(found, revision)?;
    History::read(revision, found.get_ref(history)?.as_blob()?).ok_or_else(|| {
        damage(format!(
            "what a persona at revision {revision} keeps about its revisions is not about them"
        ))
    })
}

/// The other persona of an owner that has a handle, among those that are not deleted.
pub(crate) fn holder_of(
    connection: &Connection,
    owner: &str,
    handle: &str,
    except: PersonaId,
) -> rusqlite::Result<Option<PersonaId>> {
    connection
        .prepare_cached(
            "SELECT id FROM personas WHERE owner = ?1 AND handle = ?2 AND deleted_at IS NULL AND id <> ?3",
        )?
        .query_row(params![owner, handle, except.as_bytes()], |found| row::id(found, 0))
        .optional()
}

/// What lists filter and sort by, besides the time of the change. SQLite takes an entry out of an
/// index and puts it back when its column is set, also to what it was, and then the page goes into
/// the WAL: so these are set only when they change.
#[derive(PartialEq, Eq)]
struct Columns<'a> {
    name: &'a str,
    kind: &'static str,
    handle: Option<&'a str>,
    owner: &'a str,
    is_active: bool,
    deleted_at: Option<i64>,
}

impl<'a> Columns<'a> {
    fn of(persona: &'a Persona) -> Self {
        Self {
            name: persona.document.name(),
            kind: persona.document.kind().as_str(),
            handle: persona.document.handle(),
            owner: persona.document.owner_word(),
            is_active: persona.document.is_active(),
            deleted_at: persona.deleted_at.map(Timestamp::as_micros),
        }
    }

    fn update(&self, connection: &Connection, row_id: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached("UPDATE personas SET name = ?2, kind = ?3, handle = ?4, owner = ?5, is_active = ?6, deleted_at = ?7 WHERE row_id = ?1")?
            .execute(params![row_id, self.name, self.kind, self.handle, self.owner, self.is_active, self.deleted_at])
            .map(drop)
    }
}

/// Adds a persona and returns the number of its row.
pub(crate) fn insert(
    connection: &Connection,
    persona: &Persona,
    texts: &Texts<'_>,
    history: &History,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO personas (id, revision, name, kind, handle, owner, is_active, created_at, updated_at, deleted_at,
                                   created_by, updated_by, content_hash, checksum, history, head, document)
             VALUES (:id, :revision, :name, :kind, :handle, :owner, :is_active, :created_at, :updated_at, :deleted_at,
                     :created_by, :updated_by, :content_hash, :checksum, :history, :head, :document)",
        )?
        .execute(named_params! {
            ":id": persona.id.as_bytes(),
            ":revision": row::stored(persona.revision.number()),
            ":name": persona.document.name(),
            ":kind": persona.document.kind().as_str(),
            ":handle": persona.document.handle(),
            ":owner": persona.document.owner_word(),
            ":is_active": persona.document.is_active(),
            ":created_at": persona.created_at.as_micros(),
            ":updated_at": persona.updated_at.as_micros(),
            ":deleted_at": persona.deleted_at.map(Timestamp::as_micros),
            ":created_by": persona.created_by,
            ":updated_by": persona.updated_by,
            ":content_hash": persona.content_hash.as_bytes(),
            ":checksum": texts.checksum,
            ":history": history.bytes(),
            ":head": texts.metadata,
            ":document": texts.document,
        })?;
    let row_id = connection.last_insert_rowid();
    // Times go back where a wrong clock was put right.
    let is_earlier = "SELECT EXISTS (SELECT 1 FROM personas WHERE (created_at, id) > (?1, ?2))";
    let place = params![persona.created_at.as_micros(), persona.id.as_bytes()];
    if connection.prepare_cached(is_earlier)?.query_row(place, |found| found.get(0))? {
        meta::note_unordered_rows(connection)?;
    }
    insert_tags(connection, row_id, &persona.document)?;
    Ok(row_id)
}

/// Writes the next revision over the one that the writer saw, and over no other.
///
/// The check is part of the statement: even if the decision had been made on a stale row, nothing
/// newer is lost.
pub(crate) fn update(
    connection: &Connection,
    before: &Stored,
    persona: &Persona,
    texts: &Texts<'_>,
    (history, autosaved_since): (&History, Option<Timestamp>),
) -> Result<(), Error> {
    let changed = connection
        .prepare_cached(
            "UPDATE personas
             SET revision = :revision, updated_at = :updated_at, updated_by = :updated_by,
                 content_hash = :content_hash, checksum = :checksum, history = :history, head = :head,
                 document = :document, autosaved_since = :autosaved_since
             WHERE row_id = :row_id AND revision = :before",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":revision": row::stored(persona.revision.number()),
                ":updated_at": persona.updated_at.as_micros(),
                ":updated_by": persona.updated_by,
                ":content_hash": persona.content_hash.as_bytes(),
                ":checksum": texts.checksum,
                ":history": history.bytes(),
                ":head": texts.metadata,
                ":document": texts.document,
                ":autosaved_since": autosaved_since.map(Timestamp::as_micros),
                ":row_id": before.row_id,
                ":before": row::stored(before.persona.revision.number()),
            })
        })
        .map_err(from_driver)?;
    if changed == 0 {
        let current = representation(connection, persona.id)
            .map_err(from_driver)?
            .map_or(before.tag, |answer| answer.tag());
        return Err(Error::Stale { current });
    }
    if Columns::of(persona) != Columns::of(&before.persona) {
        Columns::of(persona).update(connection, before.row_id).map_err(from_driver)?;
    }
    if !persona.document.tags().eq(before.persona.document.tags()) {
        connection
            .prepare_cached("DELETE FROM persona_tags WHERE persona = ?1")
            .and_then(|mut statement| statement.execute([before.row_id]))
            .and_then(|_| insert_tags(connection, before.row_id, &persona.document))
            .map_err(from_driver)?;
    }
    Ok(())
}

pub(crate) fn insert_tags(
    connection: &Connection,
    row_id: i64,
    document: &Document,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT INTO persona_tags (tag, persona) VALUES (?1, ?2)")?;
    document
        .folded_tags()
        .iter()
        .try_for_each(|tag| statement.execute(params![tag, row_id]).map(drop))
}
