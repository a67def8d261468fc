//! Tests: a persona that is saved by itself after every read. A read of the current state names no
//! revision, and is never told that one was dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use persona_model::{
    Change, Document, FeedPlace, HandleName, LabelName, ListRequest, Patch, PersonaId, Position,
    Precondition, Reach, Revision,
};
use persona_storage::memory::MemoryStore;
use persona_storage::{
    AtomicBatch, Count, CountRequest, Error, Event, Export, ExportRequest, Glance, HandleLook,
    LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss, MovedLabel, NotApplied, Operation, Page,
    PersonaLabels, Purge, ReadRoom, Representation, RevisionPage, RevisionRecord, Squash, Status,
    Store, Token, TokenChange, TokenHash, TokenLook, TokenPage, Tombstone, Write, Written,
};
use serde_json::{Value, json};

use crate::testing::{context, memory_store};
use crate::{Router, router};

/// The persona that is saved.
const ID: PersonaId = PersonaId::from_bytes([7; 16]);

fn write(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + Duration::from_secs(30))
}

/// A store in memory in which a persona is saved by itself after every read of one.
struct Autosaving(MemoryStore);

impl Autosaving {
    async fn autosave(&self) {
        let nickname = self.0.get(ID).await.expect("readable").expect("there").revision;
        let patch = Patch::merge(json!({ "nickname": nickname.to_string() })).expect("a patch");
        let (id, precondition) = (ID, Precondition::Any);
        let mut write = write(Operation::Patch { id, precondition, patch, base: None });
        write.author = Some("Ada".into());
        write.squash = Squash::of_seconds(900);
        self.0.write(write).await.expect("saved");
    }
}

#[async_trait]
impl Store for Autosaving {
    async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let found = self.0.glance(id, revision).await;
        self.autosave().await;
        found
    }

    async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error> {
        let found = self.0.get(id).await;
        self.autosave().await;
        found
    }

    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        let found = self.0.revision(id, revision).await;
        self.autosave().await;
        found
    }

    async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        let found = self.0.revisions(id, before, limit).await;
        self.autosave().await;
        found
    }

    async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        let found = self.0.labels(id).await;
        self.autosave().await;
        found
    }

    async fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> Result<HandleLook, Error> {
        self.0.look_at_handle(name, reach).await
    }

    async fn owner_of(&self, id: PersonaId) -> Result<Option<String>, Error> {
        self.0.owner_of(id).await
    }

    async fn owners_of(&self, ids: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error> {
        self.0.owners_of(ids).await
    }

    async fn epoch(&self) -> Result<String, Error> {
        self.0.epoch().await
    }

    async fn tombstone(&self, id: PersonaId) -> Result<Option<Tombstone>, Error> {
        self.0.tombstone(id).await
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        self.0.list(request).await
    }

    async fn counts(&self, request: CountRequest) -> Result<Vec<Count>, Error> {
        self.0.counts(request).await
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, Error> {
        self.0.changes_after(sequence, limit).await
    }

    async fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error> {
        self.0.events_after(place, limit).await
    }

    async fn next_events(&self, place: FeedPlace) -> Result<Vec<Event>, Error> {
        self.0.next_events(place).await
    }

    async fn feed_end(&self) -> Result<Position, Error> {
        self.0.feed_end().await
    }

    async fn export_some(&self, request: ExportRequest) -> Result<Export, Error> {
        self.0.export_some(request).await
    }

    async fn write(&self, write: Write) -> Result<Written, Error> {
        self.0.write(write).await
    }

    async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        self.0.write_all(batch).await
    }

    async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        self.0.purge(purge).await
    }

    async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error> {
        self.0.labelled(id, name).await
    }

    async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        self.0.labels_of(ids).await
    }

    async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        self.0.label_moves(id, name, before, limit).await
    }

    async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        self.0.move_labels(moves).await
    }

    async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        self.0.token(hash).await
    }

    async fn tokens(&self, page: &TokenPage) -> Result<Vec<Token>, Error> {
        self.0.tokens(page).await
    }

    async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        self.0.change_token(change).await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    fn read_room(&self) -> ReadRoom {
        self.0.read_room()
    }

    async fn status(&self) -> Result<Status, Error> {
        self.0.status().await
    }

    async fn lost(&self) -> Loss {
        self.0.lost().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// A router over such a store, with an autosave of its persona.
async fn autosaving() -> Router {
    let store = Autosaving(memory_store());
    let document = Document::from_json(json!({ "name": "Ada" })).expect("a document");
    let create = Operation::Create { id: ID, document };
    store.write(write(create)).await.expect("created");
    store.autosave().await;
    router(context(Arc::new(store)))
}

async fn json_of(answer: Response) -> Value {
    let (status, body) = (answer.status(), answer.into_body());
    let body = body.collect().await.expect("a body").to_bytes();
    let body = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

async fn got(router: &Router, query: &str) -> Value {
    let path = format!("/api/v1/personas/{ID}{query}");
    let request = Request::get(path).body(Body::empty()).expect("a request");
    json_of(router.answer(request).await).await
}

#[tokio::test]
async fn the_current_state_with_its_labels_is_read_beside_autosaves() {
    let router = autosaving().await;
    let persona = got(&router, "?include=labels").await;
    assert_eq!((&persona["name"], &persona["labels"]), (&json!("Ada"), &json!({})));
    let revision = persona["revision"].as_u64().expect("a number");
    assert_eq!(persona["nickname"], json!((revision - 1).to_string()), "of one moment");
}

#[tokio::test]
async fn the_current_state_is_compared_beside_autosaves() {
    let router = autosaving().await;
    let diff = got(&router, "/diff").await;
    assert_eq!(diff["from"], json!(1), "what is before the first autosave stays: {diff}");
    let diff = got(&router, "/diff?from=1").await;
    assert!(diff["to"].as_u64() > Some(1), "{diff}");
    let post = Request::post(format!("/api/v1/personas/{ID}/diff"));
    let post = post.header("content-type", "application/json");
    let post = post.body(Body::from(r#"{"name":"Eve"}"#)).expect("a request");
    let diff = json_of(router.answer(post).await).await;
    assert!(diff["from"].as_u64() > Some(1), "{diff}");
}
