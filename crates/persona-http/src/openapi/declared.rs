//! Tests: what an operation can be answered is what it declares, neither less nor more.
//!
//! Errors of the store are answered by a store that has no other answers; what is refused at the
//! door is asked for. Beside this, both clients of the tests of the built program hold every answer
//! against the document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use persona_model::{
    Change, Document, EntityTag, ListRequest, PersonaId, Precondition, Revision, ValidationErrors,
};
use persona_storage::{
    AtomicBatch, Error, Export, Exported, Glance, Loss, NotApplied, Operation, Page, ReadRoom,
    Representation, RevisionPage, RevisionRecord, Status, Store, Write, Written,
};
use serde_json::{Value, json};

use crate::contract::{OPERATIONS, StoreUse};
use crate::problem::Code;
use crate::router;
use crate::testing::{context, memory_store};

/// The persona that every request is about.
const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";
const TAG: EntityTag = EntityTag { revision: Revision::FIRST, checksum: 7 };

/// The operation that makes many changes.
const BATCH: &str = "batch_personas";

/// Fails each time, and the same way.
struct Failing(fn() -> Error);

#[async_trait]
impl Store for Failing {
    async fn glance(&self, _: PersonaId, _: Option<Revision>) -> Result<Glance, Error> {
        Err((self.0)())
    }

    async fn get(&self, _: PersonaId) -> Result<Option<Representation>, Error> {
        Err((self.0)())
    }

    async fn list(&self, _: ListRequest) -> Result<Page, Error> {
        Err((self.0)())
    }

    async fn revision(&self, _: PersonaId, _: Revision) -> Result<Option<RevisionRecord>, Error> {
        Err((self.0)())
    }

    async fn revisions(
        &self,
        _: PersonaId,
        _: Option<Revision>,
        _: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        Err((self.0)())
    }

    async fn changes_after(&self, _: u64, _: usize) -> Result<Vec<Change>, Error> {
        Err((self.0)())
    }

    async fn export(&self, _: Exported) -> Result<Export, Error> {
        Err((self.0)())
    }

    async fn write(&self, _: Write) -> Result<Written, Error> {
        Err((self.0)())
    }

    async fn write_all(&self, _: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        Err(NotApplied { place: Some(0), error: (self.0)() })
    }

    async fn ready(&self) -> Result<(), Error> {
        Err((self.0)())
    }

    fn read_room(&self) -> ReadRoom {
        ReadRoom { lists: 1, exports: 1, large: 1 }
    }

    async fn status(&self) -> Result<Status, Error> {
        Err((self.0)())
    }

    async fn lost(&self) -> Loss {
        Loss::Writer
    }

    async fn close(&self) {}
}

/// One error of each kind.
const ERRORS: &[fn() -> Error] = &[
    || Error::NotFound,
    || Error::Deleted { current: TAG },
    || Error::AlreadyExists { current: TAG },
    || Error::Stale { current: TAG },
    || Error::HandleTaken { handle: "ada".into(), holder: PersonaId::from_bytes([7; 16]) },
    || Error::Invalid(ValidationErrors { errors: Vec::new(), more: 0 }),
    || Error::TestFailed { pointer: "/name".into(), current: TAG },
    || Error::UnknownBase { base: Revision::FIRST },
    || Error::Conflicts { conflicts: Vec::new(), current: TAG },
    || Error::UnknownPosition,
    || Error::KeyReused,
    || Error::TooManyKeys { max: 1 },
    || Error::TooMuchAtOnce { max: 1 },
    || Error::Busy { what: "a test" },
    || Error::ReadTimedOut { limit: Duration::from_secs(1) },
    || Error::ReadGaveWay,
    || Error::OutOfMemory,
    || Error::Unreachable,
    || Error::OutcomeUnknown,
    || Error::Full("a test".into()),
    || Error::Damaged("a test".into()),
    || Error::Closed("a test"),
    || Error::Disk("a test".into()),
    || Error::Unsynced("a test".into()),
    || Error::Backend("a test".into()),
];

/// Which operations can meet an error, by the contract of [`Store`]. Without a wildcard: a new
/// error has to be placed.
fn operations_that_meet(error: &Error) -> Vec<&'static str> {
    let mut those = single_operations_that_meet(error);
    let is_of_reads =
        matches!(error, Error::UnknownPosition | Error::ReadTimedOut { .. } | Error::ReadGaveWay);
    if !is_of_reads {
        those.push(BATCH);
    }
    those
}

fn single_operations_that_meet(error: &Error) -> Vec<&'static str> {
    let bodies = || vec!["create_persona", "replace_persona", "patch_persona", "import_revision"];
    match error {
        Error::NotFound | Error::Stale { .. } => {
            that_use(StoreUse::Writes).filter(|id| *id != "create_persona").collect()
        }
        Error::Deleted { .. } => vec!["replace_persona", "patch_persona"],
        Error::AlreadyExists { .. } => vec!["replace_persona"],
        Error::HandleTaken { .. } => bodies().into_iter().chain(["undelete_persona"]).collect(),
        Error::Invalid(_) => bodies(),
        Error::TestFailed { .. } | Error::UnknownBase { .. } | Error::Conflicts { .. } => {
            vec!["patch_persona"]
        }
        Error::TooMuchAtOnce { .. } => Vec::new(),
        Error::UnknownPosition => vec!["list_personas"],
        // An export takes as long as its client reads.
        Error::ReadTimedOut { .. } => {
            that_use(StoreUse::Reads).filter(|id| *id != "export_personas").collect()
        }
        Error::ReadGaveWay => that_use(StoreUse::Reads).collect(),
        Error::KeyReused
        | Error::TooManyKeys { .. }
        | Error::OutcomeUnknown
        | Error::Unsynced(_) => that_use(StoreUse::Writes).collect(),
        Error::Busy { .. }
        | Error::Full(_)
        | Error::OutOfMemory
        | Error::Unreachable
        | Error::Damaged(_)
        | Error::Closed(_)
        | Error::Disk(_)
        | Error::Backend(_) => {
            that_use(StoreUse::Reads).chain(that_use(StoreUse::Writes)).collect()
        }
    }
}

fn that_use(store: StoreUse) -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().filter(move |row| row.store == store).map(|row| row.name)
}

/// What is decided before a store is asked.
const AT_THE_DOOR: &[Code] = &[
    Code::MalformedRequest,
    Code::ForeignHost,
    Code::HeadTooSlow,
    Code::HeadTooLarge,
    Code::UnknownCoding,
    Code::OldProtocol,
    Code::Internal,
    Code::Busy,
    Code::BodyCutOff,
    Code::BodyTooSlow,
    Code::BodyTooLarge,
    Code::MalformedJson,
    Code::UnsupportedMediaType,
    Code::Invalid,
    Code::BadParameter,
    Code::BadHeader,
    Code::BadSearch,
    Code::ConditionRequired,
    Code::NoSuchRoute,
    Code::NotReady,
];

/// Method, path and declared codes of each operation, by its name.
fn operations() -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let document: Value = serde_json::from_slice(&super::document()).expect("JSON");
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in
            item.as_object().expect("a path").iter().filter(|(name, _)| *name != "parameters")
        {
            let responses = operation["responses"].as_object().expect("responses").values();
            let examples = responses.filter_map(|response| {
                response["content"]["application/problem+json"]["examples"].as_object()
            });
            let codes = examples.flat_map(|examples| examples.keys().cloned()).collect();
            let id = operation["operationId"].as_str().expect("a name").to_owned();
            found.insert(
                id,
                (method.to_uppercase(), path.replace("{id}", ID).replace("{revision}", "1"), codes),
            );
        }
    }
    found
}

/// A body that nothing is wrong with: the example of the document.
fn body_for(id: &str) -> Body {
    let row = OPERATIONS.iter().find(|row| row.name == id).expect("an operation");
    let example = row.bodies.iter().find(|body| body.media_type == "application/json");
    example.map_or_else(Body::empty, |body| Body::from(body.example))
}

/// The code of the problem that a request is answered.
async fn answered(store: Arc<dyn Store>, request: Request<Body>) -> Option<String> {
    let response = router(context(store)).answer(request).await;
    if response.status() < StatusCode::BAD_REQUEST {
        return None;
    }
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let problem: Value = serde_json::from_slice(&body).expect("a problem");
    problem["code"].as_str().map(str::to_owned)
}

async fn store_with_a_persona() -> Arc<dyn Store> {
    let store = memory_store();
    let document = Document::from_json(json!({ "name": "Ada" })).expect("valid");
    let create = Operation::Create { id: PersonaId::parse(ID).expect("an identity"), document };
    store.write(Write::new(create, Instant::now() + Duration::from_secs(10))).await.expect("kept");
    Arc::new(store)
}

async fn store_with_a_deleted_persona() -> Arc<dyn Store> {
    let store = store_with_a_persona().await;
    let id = PersonaId::parse(ID).expect("an identity");
    let delete = Operation::Delete { id, precondition: Precondition::Any };
    store.write(Write::new(delete, Instant::now() + Duration::from_secs(10))).await.expect("kept");
    store
}

/// The codes of refusals that follow from a good answer of the store: there is no such persona, no
/// such revision, the persona is deleted, or it has another state than the request says.
async fn refused_for_what_is_there(id: &str, method: &str, path: &str) -> Vec<String> {
    let usual = || request(method, path);
    let of_revision = |number| request(method, &path.replace("revisions/1", number));
    let probes = [
        (Arc::new(memory_store()) as Arc<dyn Store>, usual()),
        (store_with_a_deleted_persona().await, usual()),
        (store_with_a_persona().await, of_revision("revisions/9")),
        (store_with_a_persona().await, of_revision("revisions/x")),
        (store_with_a_persona().await, request(method, &format!("{path}?revision=9"))),
        (store_with_a_persona().await, usual().header("if-match", "\"9-00000000\"")),
    ];
    let mut codes = Vec::new();
    for (store, request) in probes {
        codes.extend(answered(store, request.body(body_for(id)).expect("a request")).await);
    }
    codes
}

/// A request with the condition that it needs; the import of a revision takes none.
fn on_condition(method: &str, path: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    let is_needed = ["PUT", "DELETE"].contains(&method) && !path.contains("/revisions/");
    if is_needed { request.header("if-match", "*") } else { request }
}

/// A request that nothing is wrong with.
fn request(method: &str, path: &str) -> http::request::Builder {
    let request = on_condition(method, path);
    if ["POST", "PUT", "PATCH"].contains(&method) {
        request.header("content-type", "application/json")
    } else {
        request
    }
}

#[tokio::test]
async fn every_error_of_a_store_is_declared_where_it_can_be_met_and_no_other() {
    let mut met: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let operations = operations();
    for make in ERRORS {
        for id in operations_that_meet(&make()) {
            let (method, path, declared) = &operations[id];
            let query = if id == BATCH { "?atomic=true" } else { "" };
            let request =
                request(method, &format!("{path}{query}")).body(body_for(id)).expect("a request");
            let code = answered(Arc::new(Failing(*make)), request).await.expect("a problem");
            assert!(declared.contains(&code), "{id} is answered {code}, which it does not declare");
            met.entry(id).or_default().insert(code);
        }
    }
    for (id, (method, path, declared)) in &operations {
        for code in refused_for_what_is_there(id, method, path).await {
            assert!(declared.contains(&code), "{id} is answered {code}, which it does not declare");
            met.entry(id).or_default().insert(code);
        }
    }
    let door: BTreeSet<&str> = AT_THE_DOOR.iter().map(|code| code.facts().word).collect();
    for (id, (_, _, declared)) in &operations {
        let met = met.get(id.as_str()).cloned().unwrap_or_default();
        let never: Vec<&String> = declared
            .iter()
            .filter(|code| !door.contains(code.as_str()) && !met.contains(*code))
            .collect();
        assert!(never.is_empty(), "{id} declares what no store answers it: {never:?}");
    }
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_declared_by_exactly_those_that_refuse_it() {
    let large = || Body::from(vec![b' '; 9 << 20]);
    for (id, (method, path, declared)) in operations() {
        let path = path.replace("{file}", "none.js");
        let usual = || body_for(&id);
        let ask = async |request: http::request::Builder, body: Body| {
            answered(store_with_a_persona().await, request.body(body).expect("a request")).await
        };
        let bare = || Request::builder().method(method.as_str()).uri(path.as_str());
        let wrong_header =
            request(&method, &path).header("x-persona-author", "").header("if-none-match", "7");
        let probes = [
            (
                Code::BadParameter,
                ask(request(&method, &format!("{path}?nonsense=1")), usual()).await,
            ),
            (Code::BadHeader, ask(wrong_header, usual()).await),
            (Code::MalformedJson, ask(request(&method, &path), Body::from("{")).await),
            (Code::Invalid, ask(request(&method, &path), Body::from("7")).await),
            (
                Code::UnsupportedMediaType,
                ask(on_condition(&method, &path).header("content-type", "text/plain"), usual())
                    .await,
            ),
            (Code::BodyTooLarge, ask(request(&method, &path), large()).await),
            (
                Code::ConditionRequired,
                if id == BATCH {
                    let delete = format!(r#"{{"items":[{{"op":"delete","id":"{ID}"}}]}}"#);
                    let atomic = format!("{path}?atomic=true");
                    ask(request(&method, &atomic), Body::from(delete)).await
                } else {
                    ask(bare().header("content-type", "application/json"), usual()).await
                },
            ),
            (Code::NoSuchRoute, ask(request(&method, &path), usual()).await),
            (
                Code::BadSearch,
                if path.ends_with("/personas") {
                    ask(request(&method, &format!("{path}?q=.")), usual()).await
                } else {
                    None
                },
            ),
        ];
        for (code, answered) in probes {
            let word = code.facts().word;
            let is_answered = answered.as_deref() == Some(word);
            assert_eq!(
                declared.contains(word),
                is_answered,
                "{id}: {word}, was answered {answered:?}"
            );
        }
    }
}
