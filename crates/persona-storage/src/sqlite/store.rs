//! [`SqliteStore`]: the contract, by delegation.

use std::sync::Arc;

use async_trait::async_trait;
use persona_model::{
    Change, Clock, FeedPlace, HandleName, LabelName, ListRequest, PersonaId, Position, Reach,
    Revision,
};
use rusqlite::Connection;

use super::error::from_driver;
use super::{DatabaseError, FileSystem, Settings, connection, library_version};
use crate::sqlite::files::paths;
use crate::sqlite::maintenance::disk::Disk;
use crate::sqlite::read::{self, Readers, counts, export, follow, list};
use crate::sqlite::start::migrate;
use crate::sqlite::tables::{
    events, feed, labels, meta, old_revisions, personas, purged, revision_list, revisions, tokens,
};
use crate::sqlite::write::writer::Writer;
use crate::{
    AtomicBatch, BackendDetails, Count, CountRequest, Error, Event, Export, ExportRequest,
    GLANCE_BYTES_MAX, Glance, HandleLook, LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss,
    MovedLabel, NotApplied, Observer, Page, PersonaLabels, Purge, ReadRoom, Representation,
    RevisionPage, RevisionRecord, Status, Store, Token, TokenChange, TokenHash, TokenLook,
    TokenPage, Tombstone, Write, Written, fault_injection,
};

/// Keeps personas in one SQLite file, together with other processes.
pub struct SqliteStore {
    settings: Settings,
    disk: Arc<Disk>,
    writer: Writer,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens a file that [`super::initialise`] made ready, checks that it is a file of this
    /// program, and starts the writer.
    ///
    /// # Errors
    ///
    /// The file is gone, of another application or another version, not in WAL mode, or cannot be
    /// opened.
    pub fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        // The check comes first, because the next step creates a missing lock file.
        migrate::check(&read::open(&settings)?, &settings.path)?;
        let readers = Arc::new(Readers::new(settings.clone(), Arc::clone(&observer))?);
        let disk = Arc::new(Disk::of(&settings));
        let for_writer = Arc::clone(&readers);
        let writer = Writer::start(&settings, Arc::clone(&disk), clock, observer, for_writer)?;
        Ok(Self { settings, disk, writer, readers })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let glance = match revision {
            None => self.readers.glance(id)?,
            Some(revision) => {
                self.readers.short(|connection| revisions::glance(connection, id, revision))?
            }
        };
        match glance {
            Glance::Whole(answer) if revision.is_none() => {
                Ok(Glance::Whole(fault_injection::answer(id, answer)))
            }
            Glance::Large if revision.is_none() => {
                self.writer.learn(id, GLANCE_BYTES_MAX + 1);
                Ok(Glance::Large)
            }
            glance => Ok(glance),
        }
    }

    fn glance_at_once(&self, id: PersonaId) -> Option<Result<Option<Representation>, Error>> {
        match self.readers.glance(id) {
            Ok(Glance::Whole(answer)) => Some(Ok(fault_injection::answer(id, answer))),
            Ok(Glance::Large) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error> {
        if let Glance::Whole(answer) = self.glance(id, None).await? {
            return Ok(answer);
        }
        let read = self
            .readers
            .large(move |connection| personas::representation(connection, id).map_err(from_driver))
            .await;
        read.map(|answer| fault_injection::answer(id, answer))
    }

    async fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> Result<HandleLook, Error> {
        self.readers.look_at_handle(name, reach)
    }

    fn look_at_handle_at_once(
        &self,
        name: &HandleName,
        reach: &Reach,
    ) -> Option<Result<HandleLook, Error>> {
        Some(self.readers.look_at_handle(name, reach))
    }

    async fn owner_of(&self, id: PersonaId) -> Result<Option<String>, Error> {
        self.readers.short(|connection| personas::owner_of(connection, id).map_err(from_driver))
    }

    async fn owners_of(&self, ids: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error> {
        self.readers.short(|connection| personas::owners_of(connection, ids).map_err(from_driver))
    }

    async fn epoch(&self) -> Result<String, Error> {
        self.readers.short(|connection| meta::epoch(connection).map_err(from_driver))
    }

    async fn tombstone(&self, id: PersonaId) -> Result<Option<Tombstone>, Error> {
        self.readers.short(|connection| purged::find(connection, id).map_err(from_driver))
    }

    fn tombstone_at_once(&self, id: PersonaId) -> Option<Result<Option<Tombstone>, Error>> {
        Some(self.readers.short(|connection| purged::find(connection, id).map_err(from_driver)))
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        self.readers.long(move |connection| list::page(connection, &request)).await
    }

    async fn counts(&self, request: CountRequest) -> Result<Vec<Count>, Error> {
        let read =
            move |connection: &Connection| counts::page(connection, &request).map_err(from_driver);
        self.readers.long(read).await
    }

    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        self.readers.large(move |connection| revisions::find(connection, id, revision)).await
    }

    async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        self.readers
            .long(move |connection| {
                revision_list::page(connection, id, before, limit).map_err(from_driver)
            })
            .await
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, Error> {
        self.readers
            .long(move |connection| feed::after(connection, sequence, limit).map_err(from_driver))
            .await
    }

    async fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error> {
        self.readers.long(move |connection| events::after(connection, place, limit)).await
    }

    async fn next_events(&self, place: FeedPlace) -> Result<Vec<Event>, Error> {
        follow::next_events(&self.readers, place).await
    }

    async fn feed_end(&self) -> Result<Position, Error> {
        self.readers.short(|connection| feed::newest_position(connection).map_err(from_driver))
    }

    async fn export_some(&self, request: ExportRequest) -> Result<Export, Error> {
        export::start(&self.readers, request).await
    }

    async fn write(&self, write: Write) -> Result<Written, Error> {
        self.writer.write(write).await.inspect_err(|error| self.readers.note_damage(error))
    }

    async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        let written = self.writer.write_all(batch).await;
        written.inspect_err(|refused| self.readers.note_damage(&refused.error))
    }

    async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        self.writer.purge(purge).await.inspect_err(|error| self.readers.note_damage(error))
    }

    async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        let read = |connection: &rusqlite::Connection| {
            labels::of_persona(connection, id).map_err(from_driver)
        };
        self.readers.short(read).map(|labels| fault_injection::labels(id, labels))
    }

    async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        self.readers.labelled(id, name).map(|found| fault_injection::labelled(id, found))
    }

    fn labelled_at_once(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Option<Result<Option<Arc<Labelled>>, Error>> {
        let found = self.readers.labelled(id, name);
        Some(found.map(|found| fault_injection::labelled(id, found)))
    }

    async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        let ids = ids.to_vec();
        self.readers
            .long(move |connection| labels::of_personas(connection, &ids).map_err(from_driver))
            .await
    }

    async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        let name = name.clone();
        self.readers
            .long(move |connection| {
                labels::moves_of(connection, id, &name, before, limit).map_err(from_driver)
            })
            .await
    }

    async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        let answer = self.writer.move_labels(moves).await;
        answer.inspect_err(|refused| self.readers.note_damage(&refused.error))
    }

    fn token_at_once(&self, hash: Option<&TokenHash>) -> Option<Result<TokenLook, Error>> {
        Some(self.readers.token(hash))
    }

    async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        self.readers.token(hash)
    }

    async fn tokens(&self, page: &TokenPage) -> Result<Vec<Token>, Error> {
        let page = page.clone();
        let read = move |connection: &rusqlite::Connection| tokens::page(connection, &page);
        self.readers.long(move |connection| read(connection).map_err(from_driver)).await
    }

    async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        self.writer.change_token(change).await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.writer.ready()?;
        self.readers.short(|connection| {
            let version = migrate::version_of(connection).map_err(from_driver)?;
            if version == migrate::VERSION {
                Ok(())
            } else {
                Err(Error::Closed("the schema has another version"))
            }
        })?;
        // Free space is checked last, so that this error means that reads work.
        let space = self.disk.space();
        if space.is_short() { Err(space.shortage()) } else { Ok(()) }
    }

    fn read_room(&self) -> ReadRoom {
        self.readers.room()
    }

    async fn status(&self) -> Result<Status, Error> {
        let Settings { durability, wal_autocheckpoint, .. } = self.settings;
        let (folder, disk) =
            (paths::folder_of(&self.settings.path).to_owned(), Arc::clone(&self.disk));
        self.readers
            .of_status(move |connection| {
                // Here, because a disk that hangs takes the thread that asks.
                let file_system =
                    FileSystem::of(&folder).map_or_else(|_| "unknown".into(), FileSystem::name);
                let space = disk.space();
                let read = || -> rusqlite::Result<Status> {
                    Ok(Status {
                        backend: "sqlite",
                        engine_version: library_version().into(),
                        durability: durability.as_str(),
                        durability_meaning: durability.meaning(),
                        schema_version: migrate::version_of(connection)?,
                        personas: personas::count_living(connection)?,
                        database_bytes: connection::database_bytes(connection)?,
                        history: old_revisions::size(connection)?,
                        details: BackendDetails::File {
                            journal_mode: connection.pragma_query_value(
                                None,
                                "journal_mode",
                                |row| row.get(0),
                            )?,
                            wal_bytes: connection::wal_bytes(connection)?,
                            wal_bytes_max: connection::WAL_BYTES_MAX.unsigned_abs(),
                            wal_autocheckpoint,
                            file_system,
                            space,
                        },
                    })
                };
                read().map_err(from_driver)
            })
            .await
    }

    async fn lost(&self) -> Loss {
        self.writer.lost().await
    }

    async fn close(&self) {
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::{Arc, Mutex, mpsc};
    use std::task::{Context, Poll, Waker};

    use serde_json::json;

    use super::super::{Settings, SqliteStore, initialise};
    use crate::conformance::{TestClock, document, id, write};
    use crate::{GLANCE_BYTES_MAX, NoObserver, Operation, Store};

    const SMALL: u8 = 1;
    const LARGE: u8 = 2;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_large_document_is_read_in_its_turn_and_a_small_one_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let store = Arc::new(
            SqliteStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
                .expect("it opens"),
        );
        for (number, bytes) in [(SMALL, 10), (LARGE, GLANCE_BYTES_MAX)] {
            let document = document(json!({ "name": "Ada", "description": "x".repeat(bytes) }));
            store
                .write(write(Operation::Create { id: id(number), document }))
                .await
                .expect("created");
        }
        // All threads for large documents are at work.
        let ((begun, begins), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
        let released = Arc::new(Mutex::new(released));
        for _ in 0..store.read_room().large {
            let (store, begun, released) =
                (Arc::clone(&store), begun.clone(), Arc::clone(&released));
            tokio::spawn(async move {
                let wait = move |_: &rusqlite::Connection| {
                    begun.send(()).expect("it is waited for");
                    // Over when the sender is gone.
                    let _ = released.lock().expect("no panic").recv();
                    Ok(())
                };
                store.readers.large(wait).await
            });
            begins.recv().expect("it begins");
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut large = pin!(store.get(id(LARGE)));
        assert!(
            large.as_mut().poll(&mut context).is_pending(),
            "it was read on the thread that asks"
        );
        let small = pin!(store.get(id(SMALL))).poll(&mut context);
        assert!(matches!(small, Poll::Ready(Ok(Some(_)))), "{small:?}");
        drop(release);
        assert!(large.await.expect("readable").expect("it exists").body.len() > GLANCE_BYTES_MAX);
        store.close().await;
    }
}
