//! `POST /api/v1/personas/batch`: many changes in one request, each with an answer of its own.
//!
//! Each item is a write of its own, so it shares transactions with what else is written at the
//! time, and a large batch does not keep others from the write lock. Items of one persona are done
//! one after the other; the rest at the same time, as far as there are turns.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use persona_model::{PatchPlaces, PersonaId};
use persona_storage::{Error, Operation, Outcome, Viewer, Write, Written};
use tokio::task::JoinSet;

use super::batch_atomic;
use super::responses::{self, ASK_FIRST, JSON};
use crate::contract::OperationId;
use crate::contract::batch::{BatchAnswer, BatchItemAnswer};
use crate::contract::parameters::ATOMIC;
use crate::extract::batch::{in_patch, inside, items};
use crate::extract::conditions;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::limits::batch_turns::ITEMS_OF_BATCH_AT_ONCE;
use crate::problem::{Code, Problem, note_failure};
use crate::{ClientAddress, Context};

/// Most bytes of all problems in one answer; problems beyond are told without their details. A
/// conflict repeats three texts, and a thousand conflicts would take gigabytes.
const PROBLEM_BYTES_MAX: usize = 1024 * 1024;

/// Makes many changes, each as if it had been asked for alone.
pub async fn batch_personas(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(&request.parts.uri, OperationId::BatchPersonas);
    let is_atomic = parameters.value(&ATOMIC).unwrap_or(false);
    parameters.done()?;
    let (ids, have_keys) = (Arc::clone(&context), request.has_key());
    let read = move |_, body| items(body, have_keys, || PersonaId::new(ids.new_id()));
    let items = request.read(&context, MediaType::PERSONA, read).await?;
    conditions::none(&request.parts.headers, "is said in each item of a batch")?;
    if is_atomic {
        return batch_atomic::respond(&context, &request, items).await;
    }
    let client = request.client().map(ClientAddress);
    let writes = request.writes(&context, items, false)?;
    let request_id = request.request_id().to_owned();
    let batch = Arc::new(Batch {
        context: Arc::clone(&context),
        viewer: request.viewer()?.clone(),
        request_id: request_id.clone(),
        problem_bytes: AtomicUsize::new(0),
    });
    Ok(response_of(&context, client, &request_id, batch.run(writes).await))
}

/// A batch that is being done.
struct Batch {
    context: Arc<Context>,
    viewer: Viewer,
    /// The id of the request.
    request_id: String,
    /// Bytes of the problems so far.
    problem_bytes: AtomicUsize,
}

/// A write with its place among the items.
type Placed = (usize, Write);

/// What became of an item.
struct Done {
    place: usize,
    answer: BatchItemAnswer,
    /// The problem once more, for the log, where a failure of the store caused it.
    failure: Option<Problem>,
}

impl Batch {
    /// Does all of it, and tells what became of each item, in their order.
    ///
    /// # Cancellation
    ///
    /// Dropping the future withdraws the items that did not have their turn.
    async fn run(self: Arc<Self>, writes: Vec<Result<Write, Problem>>) -> Vec<Done> {
        let mut all: Vec<Option<Done>> = writes.iter().map(|_| None).collect();
        let mut lanes = Lanes::default();
        for (place, write) in writes.into_iter().enumerate() {
            match write {
                Ok(write) => lanes.add((place, write)),
                Err(problem) => all[place] = Some(self.refused(place, problem)),
            }
        }
        let mut waiting = lanes.0.into_iter();
        let mut running: JoinSet<Vec<Done>> = JoinSet::new();
        loop {
            while running.len() < ITEMS_OF_BATCH_AT_ONCE
                && let Some(lane) = waiting.next()
            {
                running.spawn(Arc::clone(&self).lane(lane));
            }
            match running.join_next().await {
                None => break,
                // Where the task of an item panicked, the item is answered as an internal error,
                // below.
                Some(Err(_)) => {}
                Some(Ok(lane)) => lane.into_iter().for_each(|done| {
                    let place = done.place;
                    all[place] = Some(done);
                }),
            }
        }
        let lost = || Problem::new(Code::OutcomeUnknown, "whether the item was kept is unknown");
        let of_place = |(place, done): (usize, Option<Done>)| {
            done.unwrap_or_else(|| self.refused(place, lost()))
        };
        all.into_iter().enumerate().map(of_place).collect()
    }

    /// Does the items of one persona, one after the other.
    async fn lane(self: Arc<Self>, lane: Vec<Placed>) -> Vec<Done> {
        let mut done = Vec::with_capacity(lane.len());
        for (place, write) in lane {
            done.push(self.item(place, write).await);
        }
        done
    }

    async fn item(&self, place: usize, write: Write) -> Done {
        let turn = match self.context.batch.take(write.client, write.deadline).await {
            Ok(turn) => turn,
            Err(problem) => return self.refused(place, problem),
        };
        let asked = Asked::of(&write.operation);
        let written = self.context.store.view(&self.viewer).write(write).await;
        drop(turn);
        match written {
            Ok(written) => Done { place, answer: asked.answer(&written), failure: None },
            Err(error) => self.refused(place, asked.problem(error)),
        }
    }

    fn refused(&self, place: usize, problem: Problem) -> Done {
        let problem = problem.of_item(place);
        let failure = problem.cause().is_some().then(|| problem.clone());
        let status = problem.code().facts().status.as_u16();
        let whole = problem.body(&self.request_id);
        let bytes = serde_json::to_vec(&whole).expect("a problem is JSON").len();
        let before = self.problem_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_within = before + bytes <= PROBLEM_BYTES_MAX;
        let told = if is_within { whole } else { problem.in_short().body(&self.request_id) };
        let answer = BatchItemAnswer {
            etag: problem.etag().map(str::to_owned),
            problem: Some(told),
            ..BatchItemAnswer::of_status(status)
        };
        Done { place, answer, failure }
    }
}

/// The items by persona, in the order in which each persona comes first.
#[derive(Default)]
struct Lanes(Vec<Vec<Placed>>, HashMap<PersonaId, usize>);

impl Lanes {
    fn add(&mut self, placed: Placed) {
        let Self(lanes, known) = self;
        let lane = *known.entry(placed.1.operation.id()).or_insert_with(|| {
            lanes.push(Vec::new());
            lanes.len() - 1
        });
        lanes[lane].push(placed);
    }
}

/// What an item asked for, as far as its answer needs to know.
pub(super) struct Asked {
    id: PersonaId,
    is_deletion: bool,
    names_no_state: bool,
    brings_document: bool,
    /// Of a patch.
    places: Option<PatchPlaces>,
}

impl Asked {
    pub(super) fn of(operation: &Operation) -> Self {
        let places = match operation {
            Operation::Patch { patch, .. } => Some(PatchPlaces::of(patch)),
            _ => None,
        };
        Self {
            id: operation.id(),
            is_deletion: matches!(operation, Operation::Delete { .. }),
            names_no_state: operation.precondition().is_some_and(conditions::names_no_state),
            brings_document: matches!(
                operation,
                Operation::Create { .. } | Operation::Replace { .. }
            ),
            places,
        }
    }

    pub(super) fn answer(&self, written: &Written) -> BatchItemAnswer {
        let status = match written.outcome {
            _ if self.is_deletion => StatusCode::NO_CONTENT,
            Outcome::Created => StatusCode::CREATED,
            _ => StatusCode::OK,
        };
        let answer = &written.representation;
        BatchItemAnswer {
            id: Some(answer.id.to_string()),
            revision: Some(answer.revision.number()),
            etag: Some(format!("\"{}\"", answer.tag())),
            replayed: written.replayed,
            ..BatchItemAnswer::of_status(status.as_u16())
        }
    }

    /// Why the item was refused, with places in the item.
    pub(super) fn problem(&self, error: Error) -> Problem {
        match (error, &self.places) {
            (Error::Invalid(invalid), Some(places)) => in_patch(places, invalid),
            (Error::Invalid(invalid), None) if self.brings_document => inside("/document", invalid),
            (error, _) => responses::refused(self.id, self.names_no_state, error),
        }
    }
}

/// The answer to a batch, which says what was kept whatever memory there is.
fn response_of(
    context: &Context,
    client: Option<ClientAddress>,
    request_id: &str,
    done: Vec<Done>,
) -> Response {
    let (mut items, mut failures) = (Vec::with_capacity(done.len()), Vec::new());
    for Done { answer, failure, .. } in done {
        items.push(answer);
        failures.extend(failure);
    }
    let mut response = respond_with_items(context, client, StatusCode::MULTI_STATUS, items);
    for failure in &failures {
        note_failure(failure, &mut response, request_id);
    }
    response
}

/// The answer with what became of each item.
pub(super) fn respond_with_items(
    context: &Context,
    client: Option<ClientAddress>,
    status: StatusCode,
    items: Vec<BatchItemAnswer>,
) -> Response {
    let mut answer = BatchAnswer { items };
    let text = |answer: &BatchAnswer| serde_json::to_vec(answer).expect("an answer is JSON");
    let whole = text(&answer);
    let memory = context.answers.reserve_after_write(client, whole.len());
    let body = if let Some(memory) = memory {
        memory.body(whole)
    } else {
        answer.items.iter_mut().for_each(|item| item.problem = None);
        Body::from(text(&answer))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    response
}
