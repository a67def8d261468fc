//! [`PostgresStore`]: the contract, by delegation.

use std::sync::Arc;

use async_trait::async_trait;
use persona_model::{
    Change, Clock, FeedPlace, HandleName, LabelName, ListRequest, PersonaId, Position, Reach,
    Revision,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Parameter, Statement};
use super::dropped::{changed, is_kept, state};
use super::io_thread::IoThread;
use super::lease::Leases;
use super::pool::Pool;
use super::readiness::Readiness;
use super::shared_reader::SharedReader;
use super::shares::Kind;
use super::tokens::Tokens;
use super::writer::Writer;
use super::{
    DatabaseError, Settings, counts, events, export, feed, handles, labels, list, purge,
    revision_list, row, start, status,
};
use crate::{
    AtomicBatch, Count, CountRequest, Error, Event, Export, ExportRequest, GLANCE_BYTES_MAX,
    Glance, HandleLook, LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss, MovedLabel,
    NotApplied, Observer, Page, PersonaLabels, Purge, ReadRoom, Representation, RevisionPage,
    RevisionRecord, Status, Store, Token, TokenChange, TokenHash, TokenLook, TokenPage, Tombstone,
    Write, Written, fault_injection,
};

/// A persona, without its document if that is large; the server knows the size of a document
/// without reading it. This one statement is the whole cost of a GET, on a shared connection.
const GLANCE: &str = "
    SELECT revision, deleted_at IS NOT NULL, head, CASE WHEN octet_length(document) <= $2 THEN document END
    FROM persona_store.personas
    WHERE id = $1";

/// The same at a revision.
const GLANCE_AT: &str = concat!(
    "SELECT revision, deleted, head, CASE WHEN octet_length(document) <= $2 THEN document END, ",
    state!(),
    "
    FROM persona_store.revisions
    WHERE persona = $1 AND revision >= $3
    ORDER BY revision
    LIMIT 1"
);

/// The ready answer of a persona.
const ANSWER: &str = "SELECT revision, deleted_at IS NOT NULL, head, document FROM persona_store.personas WHERE id = $1";

/// The owner of a persona.
const OWNER: &str = "SELECT owner FROM persona_store.personas WHERE id = $1";

/// The owners of those of some personas that exist or were purged.
const OWNERS: &str = "
    SELECT id, owner FROM persona_store.personas WHERE id = ANY ($1)
    UNION ALL
    SELECT persona, owner FROM persona_store.purged WHERE persona = ANY ($1)";

const EPOCH: &str = "SELECT value FROM persona_store.meta WHERE key = 'epoch'";

/// One entry of a persona's history.
const REVISION: &str = concat!(
    "SELECT revision, deleted, head, document, at, author, changed, base, note, ",
    state!(),
    "
    FROM persona_store.revisions
    WHERE persona = $1 AND revision >= $2
    ORDER BY revision
    LIMIT 1"
);

/// Keeps personas in one PostgreSQL database, together with other processes.
pub struct PostgresStore {
    settings: Settings,
    pool: Pool,
    shared_reader: Arc<SharedReader>,
    leases: Leases,
    writer: Writer,
    readiness: Readiness,
    tokens: Tokens,
    /// Declared last and so dropped last: the connections live there.
    io_thread: IoThread,
}

impl PostgresStore {
    /// Opens a database that [`super::initialise`] made ready, and checks the owner of the schema.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, is of another application or another version, or cannot be
    /// written.
    pub fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        let system = |reason: String| DatabaseError::System { place: settings.place(), reason };
        let io_thread = IoThread::start().map_err(|error| system(error.to_string()))?;
        let pool = Pool::new(&settings, io_thread.handle(), Arc::clone(&observer))?;
        let (asked, of) = (pool.clone(), settings.clone());
        let checked = io_thread.wait_for(async move { start::check(&asked, &of).await });
        checked.map_err(|error| system(error.to_string()))??;
        let writer = Writer::new(
            pool.clone(),
            settings.keys_max,
            io_thread.handle().clone(),
            clock,
            observer,
        );
        let (shared_reader, leases) = (
            Arc::new(SharedReader::new(pool.clone(), &settings)),
            Leases::new(pool.clone(), &settings),
        );
        let tokens =
            Tokens::new(pool.clone(), Arc::clone(&shared_reader), io_thread.handle().clone());
        let short_reads = Arc::clone(&shared_reader);
        // If the connection cannot be made now, the first read makes it.
        let _ = io_thread.wait_for(async move { short_reads.connect().await });
        let readiness =
            Readiness::new(pool.clone(), Arc::clone(&shared_reader), io_thread.handle().clone());
        Ok(Self { settings, pool, shared_reader, leases, writer, readiness, tokens, io_thread })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let (id_of, bytes_max) = (row::uuid(id), row::stored(GLANCE_BYTES_MAX as u64));
        let number = revision.map(|revision| row::stored(revision.number()));
        let rows = match &number {
            None => {
                self.shared_reader
                    .read(GLANCE, &[(&id_of, Type::UUID), (&bytes_max, Type::INT8)])
                    .await?
            }
            Some(number) => {
                self.shared_reader
                    .read(
                        GLANCE_AT,
                        &[(&id_of, Type::UUID), (&bytes_max, Type::INT8), (number, Type::INT8)],
                    )
                    .await?
            }
        };
        let glance = match (rows.first(), revision) {
            (Some(found), Some(revision)) if !is_kept(found, 4, revision)? => {
                Ok(Glance::Whole(None))
            }
            (Some(found), _) => row::glance(found, 0, id),
            (None, _) => Ok(Glance::Whole(None)),
        };
        if revision.is_none() && matches!(glance, Ok(Glance::Large)) {
            self.writer.learn(id, GLANCE_BYTES_MAX + 1);
        }
        glance
    }

    async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error> {
        if let Glance::Whole(answer) = self.glance(id, None).await? {
            return Ok(answer);
        }
        let rows = self
            .leases
            .read(Kind::Look, Statement::Kept(ANSWER), &[(&row::uuid(id), Type::UUID)])
            .await?;
        rows.first().map(|found| row::representation(found, 0, id)).transpose()
    }

    async fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> Result<HandleLook, Error> {
        let look = handles::look(&self.shared_reader, name, reach).await;
        look.map(|look| fault_injection::handle_look(name, look))
    }

    async fn owner_of(&self, id: PersonaId) -> Result<Option<String>, Error> {
        let rows = self.shared_reader.read(OWNER, &[(&row::uuid(id), Type::UUID)]).await?;
        rows.first().map(|found| row::value(found, 0)).transpose()
    }

    async fn owners_of(&self, ids: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| row::uuid(*id)).collect();
        let rows = self.shared_reader.read(OWNERS, &[(&ids, Type::UUID_ARRAY)]).await?;
        rows.iter().map(|found| Ok((row::id(found, 0)?, row::value(found, 1)?))).collect()
    }

    async fn epoch(&self) -> Result<String, Error> {
        let rows = self.shared_reader.read(EPOCH, &[]).await?;
        rows.first().map_or(Err(Error::Closed("the schema is gone")), |found| row::value(found, 0))
    }

    async fn tombstone(&self, id: PersonaId) -> Result<Option<Tombstone>, Error> {
        purge::find(&self.shared_reader, id).await
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        list::page(&self.leases, &request).await
    }

    async fn counts(&self, request: CountRequest) -> Result<Vec<Count>, Error> {
        counts::page(&self.leases, &request).await
    }

    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        let number = row::stored(revision.number());
        let parameters: &[Parameter<'_>] = &[(&row::uuid(id), Type::UUID), (&number, Type::INT8)];
        let rows = self.leases.read(Kind::Look, Statement::Kept(REVISION), parameters).await?;
        match rows.first() {
            Some(found) if is_kept(found, 9, revision)? => record_from(found, id).map(Some),
            _ => Ok(None),
        }
    }

    async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        let page = revision_list::page(&self.leases, id, before, limit).await?;
        if page.items.is_empty() && self.glance(id, None).await? == Glance::Whole(None) {
            return Ok(None);
        }
        Ok(Some(page))
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, Error> {
        feed::after(&self.leases, sequence, limit).await
    }

    async fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error> {
        events::after(&self.leases, place, limit).await
    }

    async fn next_events(&self, place: FeedPlace) -> Result<Vec<Event>, Error> {
        events::next(&self.shared_reader, place).await
    }

    async fn feed_end(&self) -> Result<Position, Error> {
        events::end(&self.shared_reader).await
    }

    async fn export_some(&self, request: ExportRequest) -> Result<Export, Error> {
        export::start(&self.leases, request).await
    }

    async fn write(&self, write: Write) -> Result<Written, Error> {
        self.writer.write(write).await
    }

    async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        self.writer.write_all(batch).await
    }

    async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        self.writer.purge(purge).await
    }

    async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        let labels = labels::of_persona(&self.shared_reader, id).await;
        labels.map(|labels| fault_injection::labels(id, labels))
    }

    async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        let found = labels::labelled(&self.shared_reader, id, name).await;
        found.map(|found| fault_injection::labelled(id, found))
    }

    async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        labels::of_personas(&self.leases, ids).await
    }

    async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        labels::moves_of(&self.leases, id, name, before, limit).await
    }

    async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        self.writer.move_labels(moves).await
    }

    fn token_at_once(&self, hash: Option<&TokenHash>) -> Option<Result<TokenLook, Error>> {
        self.tokens.believed(hash).map(Ok)
    }

    async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        self.tokens.look(hash).await
    }

    async fn tokens(&self, page: &TokenPage) -> Result<Vec<Token>, Error> {
        self.tokens.page(page).await
    }

    async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        self.tokens.change(change).await
    }

    async fn ready(&self) -> Result<(), Error> {
        if self.writer.is_closing() {
            return Err(Error::Closed("it is closing"));
        }
        self.readiness.ask().await
    }

    fn read_room(&self) -> ReadRoom {
        self.leases.room()
    }

    async fn status(&self) -> Result<Status, Error> {
        status::status(&self.leases, &self.settings).await
    }

    async fn lost(&self) -> Loss {
        // A database that cannot be reached may come back, and then this process goes on. A changed
        // schema does not change back.
        self.writer.other_schema().await;
        Loss::Schema
    }

    async fn close(&self) {
        self.writer.close().await;
        self.pool.close();
        self.io_thread.end();
    }
}

fn record_from(found: &Row, id: PersonaId) -> Result<RevisionRecord, Error> {
    Ok(RevisionRecord {
        representation: row::representation(found, 0, id)?,
        at: row::time(found, 4)?,
        author: row::value(found, 5)?,
        changed: changed(found, 6)?,
        base: row::optional_revision(found, 7)?,
        note: row::value(found, 8)?,
    })
}
