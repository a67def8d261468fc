//! `POST /api/v1/personas/batch`: many changes in one request, each with an answer of its own.
//!
//! Each item is a write of its own, so items share transactions with other requests, and a large
//! batch does not keep other writers from the write lock. Items are written while the rest of the
//! body comes in (`batch_run.rs`). An atomic batch, which is one write, is in `batch_atomic.rs`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use persona_model::{PatchPlaces, PersonaId};
use persona_storage::{Error, Operation, Outcome, Party, Written};
use tokio::sync::mpsc;

use super::batch_atomic;
use super::batch_run::{Batch, Done};
use super::responses::{self, ASK_FIRST, JSON};
use crate::Context;
use crate::contract::OperationId;
use crate::contract::batch::{BatchAnswer, BatchItemAnswer};
use crate::contract::parameters::ATOMIC;
use crate::extract::batch::in_patch;
use crate::extract::conditions;
use crate::extract::item_stream::{ItemStream, refuse};
use crate::extract::item_writes::ItemWrites;
use crate::extract::members::inside;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest, media_type_of};
use crate::middleware::REQUEST_ID;
use crate::problem::{Problem, note_failure};

/// Groups of items that may wait between the reading of the body and the writes: one is read while
/// another one is written.
const STEPS_WAITING_MAX: usize = 1;

/// Makes many changes, each with the result of a single request.
pub async fn batch_personas(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(request.uri(), OperationId::BatchPersonas);
    let is_atomic = parameters.value(&ATOMIC).unwrap_or(false);
    let known = parameters.done();
    if is_atomic {
        let request = WriteRequest::from_request(request, &context).await?;
        known?;
        return batch_atomic::respond(&context, request).await;
    }
    let (parts, body) = request.into_parts();
    match known.and_then(|()| writes_of(&context, &parts)) {
        Ok(writes) => respond(context, &parts, body, writes).await,
        Err(problem) => {
            refuse(body);
            Err(problem)
        }
    }
}

/// Reads what the head of a request says of all its items.
fn writes_of(context: &Context, parts: &Parts) -> Result<ItemWrites, Problem> {
    media_type_of(&parts.headers, MediaType::PERSONA)?;
    conditions::none(&parts.headers, "is said in each item of a batch")?;
    ItemWrites::of(parts, context)
}

/// Reads the items and writes them, both at the same time.
async fn respond(
    context: Arc<Context>,
    parts: &Parts,
    body: Body,
    writes: ItemWrites,
) -> Result<Response, Problem> {
    let request_id = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let request_id = request_id.unwrap_or_default();
    let client = writes.client();
    let mut stream = ItemStream::new(Arc::clone(&context), parts, body, writes.have_keys())?;
    let batch = Batch::new(Arc::clone(&context), request_id, writes);
    let (to, from) = mpsc::channel(STEPS_WAITING_MAX);
    let unanswered = stream.unanswered();
    let (read, done) = tokio::join!(stream.send(to), batch.run(from, unanswered));
    match read {
        // Nothing was done: the batch was not begun, or its first item was not read.
        Err(problem) if done.is_empty() => Err(problem),
        read => {
            let rest = read.err().map(|problem| problem.of_rest(done.len()));
            Ok(response_of(&context, client, request_id, done, rest))
        }
    }
}

/// The facts of an item that its answer needs.
pub(super) struct Asked {
    id: PersonaId,
    is_deletion: bool,
    names_no_state: bool,
    brings_document: bool,
    /// The places that a patch names; `None` for other operations.
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

/// The answer to a batch. It reports every item that was written, even if there is no memory for
/// details.
fn response_of(
    context: &Context,
    client: Option<Party>,
    request_id: &str,
    done: Vec<Done>,
    rest: Option<Problem>,
) -> Response {
    let (mut items, mut failures) = (Vec::with_capacity(done.len()), Vec::new());
    for Done { answer, failure, .. } in done {
        items.push(answer);
        failures.extend(failure);
    }
    let problem = rest.map(|problem| problem.body(request_id));
    let answer = BatchAnswer { items, problem };
    let mut response = respond_with_items(context, client, StatusCode::MULTI_STATUS, answer);
    for failure in &failures {
        note_failure(failure, &mut response, request_id);
    }
    response
}

/// The answer with the result of each item.
pub(super) fn respond_with_items(
    context: &Context,
    client: Option<Party>,
    status: StatusCode,
    mut answer: BatchAnswer,
) -> Response {
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

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
