//! The common parts of requests about one persona: the path, and the answers with the persona.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use persona_model::{Document, PersonaId, Revision, Timestamp, excerpt};
use persona_storage::{Error, Outcome, Party, Representation, Viewer, Write, Written};
use serde::Serialize;
use serde_json::json;

use crate::Context;
use crate::contract::OperationId;
use crate::contract::parameters::{REVISION_MAX, parse_revision};
use crate::extract::{conditions, date, etag};
use crate::limits::answer_memory::{AnswerMemoryLimit, Reservation};
use crate::problem::{Code, Problem};

/// The header that marks the stored answer of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// A cache may keep the answer but must revalidate it before each use, because the next read may
/// see another revision.
pub(super) const ASK_FIRST: HeaderValue = HeaderValue::from_static("private, no-cache");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The path of a persona.
fn path_of(id: PersonaId) -> String {
    OperationId::GetPersona.path_of(&[&id.to_string()])
}

/// The persona that a path names. A malformed identity is answered as an unknown persona. Works on
/// the path itself, so that a read allocates nothing.
pub fn id_in(path: &str) -> Result<PersonaId, Problem> {
    let behind = path.strip_prefix(OperationId::ListPersonas.path());
    let segment =
        behind.and_then(|rest| rest.strip_prefix('/')?.split('/').next()).unwrap_or_default();
    PersonaId::parse(segment).or_else(|| PersonaId::parse(&plain(segment))).ok_or_else(|| {
        Problem::no_such_persona(segment).hint("an id is a UUID with hyphens; @ leads to a handle")
    })
}

/// The text before the number in the path of a revision.
const REVISIONS: &str = "/revisions/";

/// The revision of this persona that a path names.
pub(crate) fn revision_in(path: &str, id: PersonaId) -> Result<Revision, Problem> {
    let behind = path.split_once(REVISIONS).map_or("", |(_, behind)| behind);
    let segment = plain(behind.split('/').next().unwrap_or_default());
    parse_revision(&segment).ok_or_else(|| {
        let detail = format!("{} is no revision of persona {id}", excerpt(&segment));
        Problem::new(Code::NoSuchRevision, detail)
            .hint(format!("a revision is a whole number from 1 to {REVISION_MAX}"))
    })
}

/// Decodes percent-encoded characters that need no encoding, because both spellings are the same
/// path (RFC 3986, section 6.2.2.2).
pub fn plain(path: &str) -> Cow<'_, str> {
    decoded(path, b"")
}

/// The same with the percent-encoded ones of these characters.
pub fn decoded<'a>(path: &'a str, others: &[u8]) -> Cow<'a, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte =
            after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let is_wanted = |byte: &u8| {
            byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || others.contains(byte)
        };
        let wanted = byte.filter(is_wanted);
        plain.push(wanted.map_or('%', char::from));
        rest = if wanted.is_some() { &after[2..] } else { after };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// An answer of now with a persona in it.
pub(crate) fn with_body(
    status: StatusCode,
    answer: Representation,
    memory: Reservation,
    now: Timestamp,
) -> Response {
    let tag = etag::of(answer.tag());
    let last_modified = date::last_modified(answer.updated_at(), now);
    let mut response = with_tag(status, answer.body, memory, tag);
    if let Some(last_modified) = last_modified {
        response.headers_mut().insert(LAST_MODIFIED, last_modified);
    }
    response
}

/// An answer with the text of a persona under a tag, without a date.
pub(crate) fn with_tag(
    status: StatusCode,
    body: Bytes,
    memory: Reservation,
    tag: HeaderValue,
) -> Response {
    let mut response = Response::new(memory.body(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, ASK_FIRST);
    response
}

/// An answer of JSON that is no persona. Caches must revalidate it.
pub(crate) fn json<T: Serialize>(
    context: &Context,
    client: Option<Party>,
    body: &T,
) -> Result<Response, Problem> {
    json_text(context, client, serde_json::to_vec(body).expect("a body is JSON"))
}

/// An answer of JSON that is text already.
pub(crate) fn json_text(
    context: &Context,
    client: Option<Party>,
    text: Vec<u8>,
) -> Result<Response, Problem> {
    let memory = context.answers.reserve(client, text.len())?;
    let mut response = Response::new(memory.body(text));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    Ok(response)
}

/// An answer without a body, with the entity tag of the revision.
pub(super) fn without_body(status: StatusCode, answer: &Representation) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(ETAG, etag::of(answer.tag()));
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    response
}

/// A document with its text, hash and words, which are made here before its turn, so that no other
/// write waits for them.
pub(super) fn prepared(document: Document) -> Document {
    document.prepare();
    document
}

/// Writes to the store, and answers with the committed row.
pub(crate) async fn respond_with_row(
    context: &Context,
    viewer: &Viewer,
    write: Write,
) -> Result<Response, Problem> {
    let client = write.client;
    let written = commit(context, viewer, write).await?;
    Ok(response_of(&context.answers, client, written, context.clock.now()))
}

/// Imports a revision, and answers with the committed row: 201 if the revision is new, 200 if it
/// exists already.
pub(super) async fn respond_with_imported_row(
    context: &Context,
    viewer: &Viewer,
    write: Write,
) -> Result<Response, Problem> {
    let client = write.client;
    let written = commit(context, viewer, write).await?;
    let outcome =
        if written.outcome == Outcome::Unchanged { Outcome::Unchanged } else { Outcome::Created };
    Ok(response_of(&context.answers, client, Written { outcome, ..written }, context.clock.now()))
}

/// The answer to a write that was committed. It reports success even if there is no memory to show
/// the persona: after an error a client would repeat the write, and without an idempotency key it
/// would be made twice.
fn response_of(
    answers: &AnswerMemoryLimit,
    client: Option<Party>,
    written: Written,
    now: Timestamp,
) -> Response {
    let Written { outcome, representation: answer, replayed } = written;
    let location = (outcome == Outcome::Created).then(|| path_of(answer.id));
    let status = if location.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = match answers.reserve_after_write(client, answer.body.len()) {
        Some(memory) => with_body(status, answer, memory, now),
        None => in_short(status, &answer),
    };
    if let Some(location) = location {
        response
            .headers_mut()
            .insert(LOCATION, HeaderValue::try_from(location).expect("a path is visible ASCII"));
    }
    mark_replay(&mut response, replayed);
    response
}

/// A short answer that names the persona and its revision, when there is no memory to show all of
/// it.
fn in_short(status: StatusCode, answer: &Representation) -> Response {
    let mut response = without_body(status, answer);
    let named = json!({ "id": answer.id.to_string(), "revision": answer.revision.number() });
    *response.body_mut() = Body::from(named.to_string());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Writes to the store, and answers 204.
pub(super) async fn respond_no_content(
    context: &Context,
    viewer: &Viewer,
    write: Write,
) -> Result<Response, Problem> {
    let Written { representation: answer, replayed, .. } = commit(context, viewer, write).await?;
    let mut response = without_body(StatusCode::NO_CONTENT, &answer);
    mark_replay(&mut response, replayed);
    Ok(response)
}

async fn commit(context: &Context, viewer: &Viewer, write: Write) -> Result<Written, Problem> {
    let id = write.operation.id();
    let names_no_state = write.operation.precondition().is_some_and(conditions::names_no_state);
    let written = context.store.view(viewer).write(write).await;
    written.map_err(|error| refused(id, names_no_state, error))
}

/// The problem of a refused write of this persona. If its precondition names no state, the hint
/// says so.
pub(super) fn refused(id: PersonaId, names_no_state: bool, error: Error) -> Problem {
    match error {
        Error::Stale { current } if names_no_state => Problem::of_no_state(current),
        error => Problem::of_persona(id, error),
    }
}

/// Tells that the answer is that of an earlier request.
pub(crate) fn mark_replay(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use bytes::Bytes;
    use http::header::RETRY_AFTER;
    use http_body_util::BodyExt;
    use persona_model::Revision;
    use serde_json::Value;

    use super::{
        AnswerMemoryLimit, ETAG, LOCATION, Outcome, Party, PersonaId, REPLAYED, Representation,
        StatusCode, Written, path_of, response_of,
    };

    const LARGE: usize = 100_000;
    const NOW: persona_model::Timestamp =
        persona_model::Timestamp::from_micros(1_795_543_841_000_120);

    #[tokio::test]
    async fn a_kept_write_is_told_as_kept_where_there_is_no_memory_to_show_it() {
        let client = Some(Party::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let id = PersonaId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("an identity");
        let written = |outcome, replayed| {
            let answer = Representation {
                id,
                revision: Revision::FIRST,
                checksum: 7,
                deleted: false,
                body: Bytes::from(vec![b'x'; LARGE]),
            };
            Written { outcome, representation: answer, replayed }
        };
        let answers = AnswerMemoryLimit::new(2 * LARGE);
        let whole = response_of(&answers, client, written(Outcome::Created, false), NOW);
        let kept = [
            (Outcome::Created, false, StatusCode::CREATED),
            (Outcome::Updated, true, StatusCode::OK),
        ];
        for (outcome, replayed, status) in kept {
            let response = response_of(&answers, client, written(outcome, replayed), NOW);
            assert_eq!(response.status(), status);
            let headers = response.headers().clone();
            assert_eq!(headers.get(ETAG), whole.headers().get(ETAG));
            assert_eq!(
                headers.get(LOCATION).is_some_and(|location| *location == path_of(id)),
                outcome == Outcome::Created
            );
            assert_eq!(
                (headers.contains_key(REPLAYED), headers.contains_key(RETRY_AFTER)),
                (replayed, false)
            );
            let body: Value = serde_json::from_slice(
                &response.into_body().collect().await.expect("a body").to_bytes(),
            )
            .expect("JSON");
            assert_eq!(body, serde_json::json!({ "id": id.to_string(), "revision": 1 }));
        }
        // When the earlier answer has been read, there is memory again.
        assert_eq!(whole.into_body().collect().await.expect("a body").to_bytes().len(), LARGE);
        let again = response_of(&answers, client, written(Outcome::Updated, false), NOW);
        assert_eq!(again.into_body().collect().await.expect("a body").to_bytes().len(), LARGE);
    }
}
