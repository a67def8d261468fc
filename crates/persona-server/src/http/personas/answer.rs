//! What requests about one persona have in common: its path, and the answers that carry it.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use persona_model::{Document, PersonaId};
use persona_storage::{Answer, Outcome, Write, Written};

use crate::http::answer_memory::Reservation;
use crate::http::problem::Problem;
use crate::http::{ClientAddress, Context, etag};

const PERSONAS: &str = "/api/v1/personas/";
/// Says that an answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// A cache may keep it but must ask before each use: the next read may see another revision.
pub(super) const ASK_FIRST: HeaderValue = HeaderValue::from_static("private, no-cache");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The path of a persona.
pub fn path_of(id: PersonaId) -> String {
    format!("{PERSONAS}{id}")
}

/// The persona that a path names; a malformed identity is nobody's. Takes the path itself, so that a read allocates
/// nothing.
pub fn id_in(path: &str) -> Result<PersonaId, Problem> {
    let segment = path.strip_prefix(PERSONAS).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    PersonaId::parse(segment).ok_or_else(|| Problem::no_such_persona(segment).hint("an id is a UUID with hyphens"))
}

/// An answer with a persona in it.
pub(super) fn with_body(status: StatusCode, answer: Answer, memory: Reservation) -> Response {
    let tag = etag::of(answer.tag());
    let mut response = Response::new(memory.body(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, ASK_FIRST);
    response
}

/// An answer that only names the revision.
pub(super) fn without_body(status: StatusCode, answer: &Answer) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(ETAG, etag::of(answer.tag()));
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    response
}

/// A document with its text, hash and words: made here, where no other write waits for it.
pub(super) fn prepared(document: Document) -> Document {
    document.prepare();
    document
}

/// Has the store make a change, and answers with the committed row.
pub(super) async fn written(context: &Context, write: Write) -> Result<Response, Problem> {
    let client = write.client.map(ClientAddress);
    let Written { outcome, answer, replayed } = commit(context, write).await?;
    let memory = context.answers.reserve_after_write(client, answer.body.len())?;
    let mut response = if outcome == Outcome::Created {
        let location = HeaderValue::try_from(path_of(answer.id)).expect("a path is visible ASCII");
        let mut response = with_body(StatusCode::CREATED, answer, memory);
        response.headers_mut().insert(LOCATION, location);
        response
    } else {
        with_body(StatusCode::OK, answer, memory)
    };
    mark_replay(&mut response, replayed);
    Ok(response)
}

/// Has the store make a change, and answers that it is done.
pub(super) async fn done(context: &Context, write: Write) -> Result<Response, Problem> {
    let Written { answer, replayed, .. } = commit(context, write).await?;
    let mut response = without_body(StatusCode::NO_CONTENT, &answer);
    mark_replay(&mut response, replayed);
    Ok(response)
}

async fn commit(context: &Context, write: Write) -> Result<Written, Problem> {
    let id = write.operation.id();
    context.store.write(write).await.map_err(|error| Problem::of_persona(id, error))
}

fn mark_replay(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}
