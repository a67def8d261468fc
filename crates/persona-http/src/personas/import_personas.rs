//! `POST /api/v1/import`: the items of a file, each a write of its own with an answer of its own.
//!
//! Items are told apart by their identities, as in `persona import`: an existing persona is never
//! overwritten unless the client asks for it, and a second run over a file adds nothing. Items of
//! one persona are written one after the other, others at the same time, as far as there are turns.
//! `import_dry_run.rs` tells what an import would do.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use persona_formats::{Bad, Item, Location};
use persona_model::{Document, PersonaId, Precondition};
use persona_storage::{
    Error, IdentityOrigin, Operation, Outcome, Party, Representation, View, Viewer, Write, Written,
};
use serde_json::Value;
use tokio::task::JoinSet;

use super::import_dry_run::DryRun;
use super::import_identities::{GIVEN_AWAY_MAX, derived_id, own_items};
use super::responses::{ASK_FIRST, JSON};
use crate::Context;
use crate::contract::OperationId;
use crate::contract::import::{ImportItem, ImportReport, ImportStatus};
use crate::contract::parameters::{IMPORT_MODE, ON_DUPLICATE, OnDuplicate};
use crate::extract::batch::BatchItem;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, file};
use crate::limits::batch_turns::ITEMS_OF_BATCH_AT_ONCE;
use crate::problem::{Code, Problem, note_failure};

/// Most tries of an update while other clients change the same persona.
const UPDATE_ATTEMPTS_MAX: usize = 5;

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
    let items = read.into_iter().enumerate().filter_map(|(place, item)| Some((place, item.ok()?)));
    let items = own_items(context.store.view(viewer), items).await?;
    for (place, item) in &items {
        reports[*place].id = Some(item.id.to_string());
    }
    let done = if is_dry_run {
        DryRun::new(&context, viewer, on_duplicate).items(&items).await
    } else {
        let writes = items.iter().map(|(_, item)| Ok(creation(item))).collect();
        let writes = request.writes(&context, writes, true)?;
        let mut queues = PersonaQueues::default();
        for ((place, item), write) in items.into_iter().zip(writes) {
            queues.add(Placed { place, item, write: write? });
        }
        let (context, viewer) = (Arc::clone(&context), viewer.clone());
        Arc::new(Import { context, viewer, on_duplicate }).run(queues).await
    };
    let mut failures = Vec::new();
    for (place, done) in done {
        let Done { status, id, code, errors, failure } = done;
        let report = &mut reports[place];
        (report.status, report.errors) = (status, errors);
        report.code = code.map(|code| code.facts().word.to_owned());
        report.id = id.map(|id| id.to_string()).or(report.id.take());
        failures.extend(failure);
    }
    let mut response = response_of(&context, request.client(), reports);
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
        code: None,
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

fn creation(item: &Item) -> BatchItem {
    let (id, document) = (item.id, item.document.clone());
    let bytes = document.text().len();
    let operation = Operation::Create { id, document };
    let identity = IdentityOrigin::New;
    // A repetition is recognised by the whole request.
    let (named, note, squash, key, fingerprint) = (None, None, None, None, None);
    BatchItem { operation, named, identity, note, squash, key, fingerprint, bytes }
}

/// An item with its index in the file, and the write that creates its persona.
struct Placed {
    place: usize,
    item: Item,
    write: Write,
}

/// The items by persona, in the order in which each persona comes first.
#[derive(Default)]
struct PersonaQueues(Vec<Vec<Placed>>, HashMap<PersonaId, usize>);

impl PersonaQueues {
    fn add(&mut self, placed: Placed) {
        let Self(queues, known) = self;
        let queue = *known.entry(placed.item.id).or_insert_with(|| {
            queues.push(Vec::new());
            queues.len() - 1
        });
        queues[queue].push(placed);
    }
}

/// An import that is being done.
struct Import {
    context: Arc<Context>,
    viewer: Viewer,
    on_duplicate: OnDuplicate,
}

/// The result of an item.
pub(super) struct Done {
    status: ImportStatus,
    /// The persona, if its identity differs from that of the item.
    id: Option<PersonaId>,
    /// Why the store refused the item.
    code: Option<Code>,
    errors: Vec<String>,
    /// The problem, for the log, if a failure of the store caused it.
    failure: Option<Problem>,
}

impl Done {
    /// An item that was written, now or by an earlier request with the key.
    fn written(item: &Item, written: &Written) -> Self {
        let status = match written.outcome {
            Outcome::Created => ImportStatus::Created,
            Outcome::Unchanged => ImportStatus::Unchanged,
            Outcome::Updated | Outcome::Deleted | Outcome::Undeleted => ImportStatus::Updated,
        };
        let id = Some(written.representation.id).filter(|id| *id != item.id);
        Self { id, ..status.into() }
    }

    /// An item that nothing was done with, and why.
    pub(super) fn failed(why: &str) -> Self {
        Self { errors: vec![why.to_owned()], ..ImportStatus::Failed.into() }
    }

    /// An item that was refused.
    pub(super) fn refused(problem: &Problem) -> Self {
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
        Self { code: Some(problem.code()), errors, failure, ..ImportStatus::Failed.into() }
    }

    /// The same, of a persona with another identity than that of the item.
    pub(super) fn of(self, id: PersonaId) -> Self {
        Self { id: Some(self.id.unwrap_or(id)), ..self }
    }

    /// What becomes of an item that is not for a store; `None` for every other one.
    pub(super) fn without_a_look(item: &Item) -> Option<Self> {
        if item.origin.revision.is_some() {
            return Some(Self::failed("is a line of a history, which persona import reads"));
        }
        item.is_deleted.then(|| ImportStatus::Deleted.into())
    }
}

impl From<ImportStatus> for Done {
    fn from(status: ImportStatus) -> Self {
        Self { status, id: None, code: None, errors: Vec::new(), failure: None }
    }
}

/// What came of a creation.
enum Creation {
    /// The persona was made, or the answer is what an earlier request with the key did.
    Done(Written),
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
    async fn run(self: Arc<Self>, queues: PersonaQueues) -> Vec<(usize, Done)> {
        let (mut waiting, mut all) = (queues.0.into_iter(), Vec::new());
        let mut running: JoinSet<Vec<(usize, Done)>> = JoinSet::new();
        loop {
            while running.len() < ITEMS_OF_BATCH_AT_ONCE
                && let Some(queue) = waiting.next()
            {
                running.spawn(Arc::clone(&self).in_order(queue));
            }
            match running.join_next().await {
                None => return all,
                // The items of a task that panicked stay reported as failed.
                Some(Err(_)) => {}
                Some(Ok(done)) => all.extend(done),
            }
        }
    }

    async fn in_order(self: Arc<Self>, queue: Vec<Placed>) -> Vec<(usize, Done)> {
        let mut done = Vec::with_capacity(queue.len());
        for Placed { place, item, write } in queue {
            done.push((place, self.item(&item, write).await));
        }
        done
    }

    async fn item(&self, item: &Item, write: Write) -> Done {
        if let Some(done) = Done::without_a_look(item) {
            return done;
        }
        let (mut item, mut write) = (item.clone(), write);
        for attempt in 0..GIVEN_AWAY_MAX {
            let done = match self.create(&write).await {
                Ok(Creation::Done(written)) => Ok(Done::written(&item, &written)),
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
            let done = done.unwrap_or_else(|problem| Done::refused(&problem));
            return if attempt > 0 { done.of(item.id) } else { done };
        }
        Done::failed("each persona that it became was given to another owner")
    }

    /// Creates the persona of an item, where its identity is free.
    async fn create(&self, write: &Write) -> Result<Creation, Problem> {
        match self.write(write.clone()).await? {
            Ok(written) => Ok(Creation::Done(written)),
            Err(Error::AlreadyExists { .. }) => Ok(Creation::Known),
            Err(Error::NotFound) => Ok(Creation::GivenAway),
            Err(error) => Err(Problem::of_persona(write.operation.id(), error)),
        }
    }

    fn view(&self) -> View<'_> {
        self.context.store.view(&self.viewer)
    }

    /// Waits for a turn, and writes.
    async fn write(&self, write: Write) -> Result<Result<Written, Error>, Problem> {
        let deadline = self.context.write_deadline();
        let turn = self.context.batch.take(write.client, deadline).await?;
        let written = self.view().write(Write { deadline, ..write }).await;
        drop(turn);
        Ok(written)
    }

    /// Compares an item with the existing persona, and does what `on_duplicate` says.
    async fn compare(&self, item: &Item, write: &Write) -> Result<Done, Problem> {
        for _ in 0..UPDATE_ATTEMPTS_MAX {
            let Some(current) = self.view().get(item.id).await? else {
                return Err(Problem::no_such_persona(&item.id.to_string()));
            };
            if current.deleted {
                return Ok(ImportStatus::Deleted.into());
            }
            let stored = document_of(&current);
            let is_equal = stored.is_some_and(|stored| has_content_of(&stored, &item.document));
            // With a key it is written that nothing is to be done, so that a repetition does not
            // undo what other clients have changed by then.
            let is_noted = write.idempotency.is_some() && self.on_duplicate != OnDuplicate::Skip;
            if is_equal && !is_noted {
                return Ok(ImportStatus::Unchanged.into());
            }
            match self.on_duplicate {
                OnDuplicate::Skip => return Ok(ImportStatus::Differs.into()),
                OnDuplicate::KeepBoth if !is_equal => return self.keep_both(item, write).await,
                OnDuplicate::KeepBoth | OnDuplicate::Update => {}
            }
            let (id, document) = (item.id, item.document.clone());
            let precondition = Precondition::at(current.tag());
            let operation = Operation::Replace { id, precondition, document };
            // The creation was refused, so the key is not taken.
            match self.write(Write { operation, ..write.clone() }).await? {
                Ok(written) => return Ok(Done::written(item, &written)),
                // Another client changed the persona meanwhile; the new state is compared again.
                Err(Error::Stale { .. }) => {}
                Err(error) => return Err(Problem::of_persona(id, error)),
            }
        }
        Ok(Done::failed("other clients keep changing this persona"))
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
        let written = self.write(Write { operation, ..write.clone() }).await?;
        let written = written.map_err(|error| Problem::of_persona(id, error))?;
        Ok(Done::written(item, &written))
    }
}

/// The document of a persona.
pub(super) fn document_of(current: &Representation) -> Option<Document> {
    let stored: Option<Value> = serde_json::from_slice(&current.body).ok();
    stored.and_then(|stored| Document::from_representation(&stored).ok())
}

/// Whether two documents are equal. The hash is computed again, because the stored one may have
/// been made by the rule of an earlier version.
pub(super) fn has_content_of(stored: &Document, wanted: &Document) -> bool {
    stored.content_hash() == wanted.content_hash()
}

/// The answer. It reports every item that was written, even if there is no memory for details.
fn response_of(context: &Context, client: Option<Party>, items: Vec<ImportItem>) -> Response {
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
