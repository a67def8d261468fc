//! `POST /api/v1/import`: the items of a file, each a write of its own with an answer of its own.
//!
//! Items are told apart by their identities, as in `persona import`: an existing persona is never
//! overwritten unless the client asks for it, and a second run over a file adds nothing. Items of
//! one persona are written one after the other, others at the same time, as far as there are turns.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use persona_formats::{Bad, Item, Location};
use persona_model::{Document, PersonaId, Precondition};
use persona_storage::{Error, IdentityOrigin, Operation, Representation, View, Viewer, Write};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::responses::{ASK_FIRST, JSON};
use crate::ClientAddress;
use crate::Context;
use crate::contract::OperationId;
use crate::contract::import::{ImportItem, ImportReport, ImportStatus};
use crate::contract::parameters::{IMPORT_MODE, ON_DUPLICATE, OnDuplicate};
use crate::extract::batch::BatchItem;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, file};
use crate::limits::batch_turns::ITEMS_OF_BATCH_AT_ONCE;
use crate::problem::{Problem, note_failure};

/// Most tries of an update while other clients change the same persona.
const UPDATE_ATTEMPTS_MAX: usize = 5;
/// How many personas of one item can have been given to other owners before the item fails.
const GIVEN_AWAY_MAX: usize = 8;

/// Imports a file, or with `mode=validate` reports what an import would do.
pub async fn import_personas(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(&request.parts.uri, OperationId::ImportPersonas);
    let is_dry_run = parameters.value(&IMPORT_MODE).unwrap_or(false);
    let on_duplicate = parameters.value(&ON_DUPLICATE).unwrap_or(OnDuplicate::Skip);
    parameters.done()?;
    conditions::none(&request.parts.headers, "is not understood here: a file has many personas")?;
    // The headers are read before the body, so that a request with a bad header changes nothing.
    request.writes(&context, Vec::new(), false)?;
    let read = file::items(&mut request, &context).await?;
    let viewer = request.viewer()?;
    let mut reports: Vec<ImportItem> = read.iter().map(report_of).collect();
    let mut lanes = Lanes::default();
    let items = read.into_iter().enumerate().filter_map(|(place, item)| Some((place, item.ok()?)));
    let items = own_items(context.store.view(viewer), items).await?;
    for (place, item) in &items {
        reports[*place].id = Some(item.id.to_string());
    }
    let writes = request.writes(
        &context,
        items.iter().map(|(_, item)| Ok(creation(item))).collect(),
        false,
    )?;
    for ((place, item), write) in items.into_iter().zip(writes) {
        lanes.add(Placed { place, item, write: write? });
    }
    let (context_of_items, viewer) = (Arc::clone(&context), viewer.clone());
    let import = Arc::new(Import { context: context_of_items, viewer, is_dry_run, on_duplicate });
    let mut failures = Vec::new();
    for (place, done) in import.run(lanes).await {
        let Done { status, id, errors, failure } = done;
        let report = &mut reports[place];
        (report.status, report.errors) = (status, errors);
        report.id = id.map(|id| id.to_string()).or(report.id.take());
        failures.extend(failure);
    }
    let mut response = response_of(&context, request.client().map(ClientAddress), reports);
    for failure in &failures {
        note_failure(failure, &mut response, request.request_id());
    }
    Ok(response)
}

/// The report of an item before it is written. It says `failed`, so that an item that is never
/// written counts as failed.
fn report_of(read: &file::Read) -> ImportItem {
    let of = |Location { line, index }: Location, name: Option<String>| ImportItem {
        line,
        index,
        status: ImportStatus::Failed,
        name,
        id: None,
        warnings: Vec::new(),
        errors: Vec::new(),
    };
    match read {
        Ok(item) => ImportItem {
            id: Some(item.id.to_string()),
            warnings: item.warnings.clone(),
            ..of(item.location, Some(item.document.name().to_owned()))
        },
        Err(Bad { location, name, reasons }) => {
            ImportItem { errors: reasons.clone(), ..of(*location, name.clone()) }
        }
    }
}

/// Adapts the items to the reach of the client. A client that is bound to an owner does not choose
/// identities: an item with an identity that is not one of the client's personas gets one derived
/// from owner and item, so that a second run over the file adds nothing. The documents get the
/// client's owner.
async fn own_items(
    view: View<'_>,
    items: impl Iterator<Item = (usize, Item)>,
) -> Result<Vec<(usize, Item)>, Problem> {
    let Some(owner) = view.viewer().reach().owner() else { return Ok(items.collect()) };
    let mut own = Vec::new();
    for (place, mut item) in items {
        if !view.owns(item.id).await? {
            item.id = derived_id(owner.as_str(), item.id);
        }
        if item.document.owner_word().is_empty() {
            item.document = item.document.owned_by(owner);
        }
        own.push((place, item));
    }
    Ok(own)
}

/// The identity for an owner that follows from another identity.
fn derived_id(owner: &str, from: PersonaId) -> PersonaId {
    let digest = Sha256::new().chain_update(owner).chain_update(from.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    PersonaId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn creation(item: &Item) -> BatchItem {
    let (id, document) = (item.id, item.document.clone());
    let text = document.text();
    let digest = Sha256::new().chain_update("an item of an import").chain_update(text);
    let (fingerprint, bytes) = (Some(digest.finalize().into()), text.len());
    let operation = Operation::Create { id, document };
    let identity = IdentityOrigin::New;
    BatchItem { operation, named: None, identity, note: None, key: None, fingerprint, bytes }
}

/// An item with its index in the file, and the write that creates its persona.
struct Placed {
    place: usize,
    item: Item,
    write: Write,
}

/// The items by persona, in the order in which each persona comes first.
#[derive(Default)]
struct Lanes(Vec<Vec<Placed>>, HashMap<PersonaId, usize>);

impl Lanes {
    fn add(&mut self, placed: Placed) {
        let Self(lanes, known) = self;
        let lane = *known.entry(placed.item.id).or_insert_with(|| {
            lanes.push(Vec::new());
            lanes.len() - 1
        });
        lanes[lane].push(placed);
    }
}

/// An import that is being done.
struct Import {
    context: Arc<Context>,
    viewer: Viewer,
    is_dry_run: bool,
    on_duplicate: OnDuplicate,
}

/// The result of an item.
struct Done {
    status: ImportStatus,
    /// The persona, if its identity differs from that of the item.
    id: Option<PersonaId>,
    errors: Vec<String>,
    /// The problem, for the log, if a failure of the store caused it.
    failure: Option<Problem>,
}

impl From<ImportStatus> for Done {
    fn from(status: ImportStatus) -> Self {
        Self { status, id: None, errors: Vec::new(), failure: None }
    }
}

/// What came of a creation.
enum Creation {
    Made,
    /// The client reaches a persona with the identity.
    Known,
    /// The client had the persona with the identity, and another owner has it now.
    GivenAway,
}

impl Import {
    /// Imports all items.
    ///
    /// # Cancellation
    ///
    /// Dropping the future withdraws the items that have not had their turn yet.
    async fn run(self: Arc<Self>, lanes: Lanes) -> Vec<(usize, Done)> {
        let (mut waiting, mut all) = (lanes.0.into_iter(), Vec::new());
        let mut running: JoinSet<Vec<(usize, Done)>> = JoinSet::new();
        loop {
            while running.len() < ITEMS_OF_BATCH_AT_ONCE
                && let Some(lane) = waiting.next()
            {
                running.spawn(Arc::clone(&self).lane(lane));
            }
            match running.join_next().await {
                None => return all,
                // The items of a task that panicked stay reported as failed.
                Some(Err(_)) => {}
                Some(Ok(lane)) => all.extend(lane),
            }
        }
    }

    async fn lane(self: Arc<Self>, lane: Vec<Placed>) -> Vec<(usize, Done)> {
        let mut done = Vec::with_capacity(lane.len());
        for Placed { place, item, write } in lane {
            done.push((place, self.item(&item, write).await));
        }
        done
    }

    async fn item(&self, item: &Item, write: Write) -> Done {
        if item.origin.revision.is_some() {
            let why = "is a line of a history, which persona import reads".to_owned();
            return Done { errors: vec![why], ..ImportStatus::Failed.into() };
        }
        if item.is_deleted {
            return ImportStatus::Deleted.into();
        }
        let (mut item, mut write) = (item.clone(), write);
        for attempt in 0..GIVEN_AWAY_MAX {
            let creation =
                if self.is_dry_run { Ok(Creation::Known) } else { self.create(&write).await };
            let done = match creation {
                Ok(Creation::Made) => Ok(ImportStatus::Created.into()),
                Ok(Creation::Known) => self.compare(&item, &write).await,
                Ok(Creation::GivenAway) => {
                    let owner = self.viewer.reach().owner().map_or("", |owner| owner.as_str());
                    item.id = derived_id(owner, item.id);
                    let document = item.document.clone();
                    write.operation = Operation::Create { id: item.id, document };
                    continue;
                }
                Err(problem) => Err(problem),
            };
            let done = done.unwrap_or_else(|problem| refused(&problem));
            let id = done.id.or((attempt > 0).then_some(item.id));
            return Done { id, ..done };
        }
        let why = "each persona that it became was given to another owner".to_owned();
        Done { errors: vec![why], ..ImportStatus::Failed.into() }
    }

    /// Creates the persona of an item, where its identity is free.
    async fn create(&self, write: &Write) -> Result<Creation, Problem> {
        match self.write(write.clone()).await? {
            Ok(()) => Ok(Creation::Made),
            Err(Error::AlreadyExists { .. }) => Ok(Creation::Known),
            Err(Error::NotFound) => Ok(Creation::GivenAway),
            Err(error) => Err(Problem::of_persona(write.operation.id(), error)),
        }
    }

    fn view(&self) -> View<'_> {
        self.context.store.view(&self.viewer)
    }

    /// Waits for a turn, and writes.
    async fn write(&self, write: Write) -> Result<Result<(), Error>, Problem> {
        let deadline = self.context.write_deadline();
        let turn = self.context.batch.take(write.client, deadline).await?;
        let written = self.view().write(Write { deadline, ..write }).await;
        drop(turn);
        Ok(written.map(drop))
    }

    /// Compares an item with the existing persona, and does what `on_duplicate` says.
    async fn compare(&self, item: &Item, write: &Write) -> Result<Done, Problem> {
        for _ in 0..UPDATE_ATTEMPTS_MAX {
            let Some(current) = self.view().get(item.id).await? else {
                return Ok(ImportStatus::New.into());
            };
            if current.deleted {
                return Ok(ImportStatus::Deleted.into());
            }
            if has_content_of(&current, item) {
                return Ok(ImportStatus::Unchanged.into());
            }
            match (self.on_duplicate, self.is_dry_run) {
                (OnDuplicate::Skip, _) => return Ok(ImportStatus::Differs.into()),
                (OnDuplicate::KeepBoth, true) => return Ok(ImportStatus::New.into()),
                (OnDuplicate::Update, true) => return Ok(ImportStatus::WouldUpdate.into()),
                (OnDuplicate::KeepBoth, false) => return self.keep_both(item, write).await,
                (OnDuplicate::Update, false) => {}
            }
            let (id, document) = (item.id, item.document.clone());
            let precondition = Precondition::at(current.tag());
            let operation = Operation::Replace { id, precondition, document };
            let replace = Write { operation, idempotency: None, ..write.clone() };
            match self.write(replace).await? {
                Ok(()) => return Ok(ImportStatus::Updated.into()),
                // Another client changed the persona meanwhile; the new state is compared again.
                Err(Error::Stale { .. }) => {}
                Err(error) => return Err(Problem::of_persona(id, error)),
            }
        }
        let why = "other clients keep changing this persona".to_owned();
        Ok(Done { errors: vec![why], ..ImportStatus::Failed.into() })
    }

    /// Creates a second persona with the content of an item, without its handle, which the first
    /// persona may have.
    async fn keep_both(&self, item: &Item, write: &Write) -> Result<Done, Problem> {
        let mut content = item.document.to_json();
        if let Some(members) = content.as_object_mut() {
            members.remove("handle");
        }
        let id = PersonaId::new(self.context.new_id());
        let document = Document::from_json(content).map_err(Problem::from)?;
        let operation = Operation::Create { id, document };
        self.write(Write { operation, idempotency: None, ..write.clone() })
            .await?
            .map_err(|error| Problem::of_persona(id, error))?;
        Ok(Done { id: Some(id), ..ImportStatus::Created.into() })
    }
}

/// The hash is computed again, because the stored one may have been made by the rule of an earlier
/// version.
fn has_content_of(current: &Representation, item: &Item) -> bool {
    let stored: Option<Value> = serde_json::from_slice(&current.body).ok();
    let document = stored.and_then(|stored| Document::from_representation(&stored).ok());
    document.is_some_and(|stored| stored.content_hash() == item.document.content_hash())
}

fn refused(problem: &Problem) -> Done {
    let body = problem.body("");
    let listed = body.errors.iter().map(|error| {
        let place = error.pointer.as_deref().unwrap_or_default().trim_start_matches('/');
        format!("{place}: {}", error.message)
    });
    let mut errors: Vec<String> = listed.collect();
    if errors.is_empty() {
        errors.push(body.detail.to_string());
    }
    let failure = problem.cause().is_some().then(|| problem.clone());
    Done { errors, failure, ..ImportStatus::Failed.into() }
}

/// The answer. It reports every item that was written, even if there is no memory for details.
fn response_of(
    context: &Context,
    client: Option<ClientAddress>,
    items: Vec<ImportItem>,
) -> Response {
    let mut report = ImportReport { items };
    let text = |report: &ImportReport| serde_json::to_vec(report).expect("a report is JSON");
    let whole = text(&report);
    let memory = context.answers.reserve_after_write(client, whole.len());
    let body = if let Some(memory) = memory {
        memory.body(whole)
    } else {
        for item in &mut report.items {
            (item.name, item.warnings, item.errors) = (None, Vec::new(), Vec::new());
        }
        Body::from(text(&report))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    response
}
