//! A request that changes something, taken apart: body, media type, and the headers that go with a
//! write.
//!
//! The body is always read first, even if the request will be refused for its headers: if the
//! answer comes before the body is read, the client sees a broken connection instead of the answer.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequest, Request};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use persona_model::{HandleName, PersonaId, excerpt};
use persona_storage::{Idempotency, Operation, Party, Viewer, Write};
use serde_json::{Map, Value};

use crate::auth::{Identity, permit_still, viewer_of};
use crate::contract::idempotency_key::{self, read_key};
use crate::extract::batch::BatchItem;
use crate::extract::body::Received;
use crate::extract::item_writes::ItemWrites;
use crate::extract::{fingerprint, json, note};
use crate::handles::Named;
use crate::limits::heavy::{Turn, Weight};
use crate::middleware::REQUEST_ID;
use crate::problem::{Code, Problem};
use crate::{Context, personas};

/// Most characters of an author.
pub(crate) const AUTHOR_CHARS_MAX: usize = 128;
/// Names the author of a change.
pub(crate) const AUTHOR: HeaderName = HeaderName::from_static("x-persona-author");
/// Names a request, so that a repetition of it is recognised.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// What a body can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MediaType {
    /// A persona (`application/json`).
    Json,
    /// A merge patch (RFC 7396).
    MergePatch,
    /// A JSON Patch (RFC 6902).
    JsonPatch,
}

impl MediaType {
    /// The name in `Content-Type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
        }
    }

    /// The media types that POST and PUT take.
    pub const PERSONA: &'static [Self] = &[Self::Json];
    /// The media types that PATCH takes; plain JSON is read as a merge patch.
    pub const PATCH: &'static [Self] = &[Self::MergePatch, Self::JsonPatch, Self::Json];
}

/// A request that changes something, complete.
pub(crate) struct WriteRequest {
    /// Everything but the body.
    pub parts: Parts,
    body: Arc<Received>,
    /// The fingerprint of the request, computed at its first use.
    fingerprint: OnceLock<[u8; 32]>,
    /// The turn of a heavy request, which is held until the answer.
    turn: Option<Arc<Turn>>,
}

impl FromRequest<Arc<Context>> for WriteRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Arc<Context>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let client = parts.extensions.get().copied();
        let body = context.bodies.read(&parts.headers, client, body).await?;
        if body.was_awaited {
            permit_still(context, &parts.headers).await?;
        }
        Ok(Self { parts, body: Arc::new(body), fingerprint: OnceLock::new(), turn: None })
    }
}

impl WriteRequest {
    /// The persona that the path names.
    pub fn persona_id(&self) -> Result<PersonaId, Problem> {
        personas::id_in(self.parts.uri.path())
    }

    /// Whether the client wants a repetition to be recognised.
    pub fn has_key(&self) -> bool {
        self.parts.headers.contains_key(IDEMPOTENCY_KEY)
    }

    /// Reads the body as JSON with `read`, and tells which of the accepted media types it has.
    ///
    /// A body that is not light is read on a blocking thread, after a wait for a turn.
    pub async fn read<T: Send + 'static>(
        &mut self,
        context: &Context,
        accepted: &[MediaType],
        read: impl FnOnce(MediaType, Value) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let media_type = media_type_of(&self.parts.headers, accepted)?;
        let weight = Weight::of(self.body.bytes().len());
        if weight == Weight::Light {
            return read(media_type, json::read(self.body.bytes())?);
        }
        let turn = context.heavy.take(weight, self.client(), context.write_deadline()).await?;
        let turn = Arc::new(turn);
        self.turn = (weight == Weight::Large).then(|| Arc::clone(&turn));
        let (body, digest) =
            (Arc::clone(&self.body), self.has_key().then(|| fingerprint::begun(&self.parts)));
        let work = tokio::task::spawn_blocking(move || {
            let fingerprint = digest.map(|digest| fingerprint::finished(digest, body.bytes()));
            let result = json::read(body.bytes()).and_then(|value| read(media_type, value));
            drop(turn);
            (result, fingerprint)
        });
        let (result, fingerprint) = work
            .await
            .map_err(|_| Problem::new(Code::Internal, "the body could not be worked on"))?;
        self.keep_fingerprint(fingerprint);
        result
    }

    /// The same of a body that may be left out: an empty one is an object without members, of
    /// whatever media type.
    pub async fn read_if_there<T: Send + 'static>(
        &mut self,
        context: &Context,
        accepted: &[MediaType],
        read: impl FnOnce(Value) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if self.body.bytes().is_empty() {
            return read(Value::Object(Map::new()));
        }
        self.read(context, accepted, |_, body| read(body)).await
    }

    /// The id of the request; empty unless `middleware.rs` passed it on to this route.
    pub fn request_id(&self) -> &str {
        self.parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default()
    }

    /// The viewer of the request.
    pub fn viewer(&self) -> Result<&Viewer, Problem> {
        viewer_of(&self.parts.extensions)
    }

    /// The client that it comes from.
    pub fn client(&self) -> Option<Party> {
        self.parts.extensions.get::<Party>().copied()
    }

    /// The body, for a handler that reads it by itself.
    pub fn body(&self) -> Arc<Received> {
        Arc::clone(&self.body)
    }

    /// The turn of the request, where it is heavy. Work for the request is done in this one: a
    /// request that waited for a second turn could wait for one that waits for its first.
    pub fn turn(&self) -> Option<Arc<Turn>> {
        self.turn.clone()
    }

    /// Keeps a turn until the request is answered.
    pub fn hold(&mut self, turn: Arc<Turn>) {
        self.turn = Some(turn);
    }

    /// The request as a write: the operation with author, idempotency key and deadline.
    pub fn write(&self, context: &Context, operation: Operation) -> Result<Write, Problem> {
        let headers = &self.parts.headers;
        Ok(Write {
            named: self.named(),
            author: author_of(&self.parts)?,
            note: note::of_request(headers, &self.parts.uri)?,
            idempotency: self.idempotency()?,
            client: self.client(),
            bytes: self.body.bytes().len(),
            document_bytes_max: context.document_bytes_max,
            ..Write::new(operation, context.write_deadline())
        })
    }

    /// The handle that it names its persona by, where it does so.
    pub fn named(&self) -> Option<HandleName> {
        self.parts.extensions.get::<Named>().map(|named| named.handle.clone())
    }

    /// How a repetition of the request is recognised; `None` where the client did not ask for that.
    pub fn idempotency(&self) -> Result<Option<Idempotency>, Problem> {
        let key = idempotency_key(&self.parts.headers)?;
        Ok(key.map(|key| Idempotency { key, fingerprint: self.fingerprint() }))
    }

    /// The author of the changes of the request: the token's name, or the author that the request
    /// names.
    pub fn author(&self) -> Result<Option<String>, Problem> {
        author_of(&self.parts)
    }

    /// The good items of a batch or file as writes, with the same deadline. With `is_one_whole` a
    /// repetition of an item is recognised by the whole request.
    pub fn writes(
        &self,
        context: &Context,
        items: Vec<Result<BatchItem, Problem>>,
        is_one_whole: bool,
    ) -> Result<Vec<Result<Write, Problem>>, Problem> {
        let writes = ItemWrites::of(&self.parts, context)?;
        let deadline = context.write_deadline();
        let of_whole = (is_one_whole && writes.have_keys()).then(|| self.fingerprint());
        let write = |(place, item): (usize, Result<BatchItem, Problem>)| {
            item.map(|item| writes.write(place, item, of_whole, deadline))
        };
        Ok(items.into_iter().enumerate().map(write).collect())
    }

    /// Keeps the fingerprint of the whole request, which was computed on another thread.
    pub fn keep_fingerprint(&mut self, fingerprint: Option<[u8; 32]>) {
        self.fingerprint = fingerprint.map_or_else(OnceLock::new, OnceLock::from);
    }

    /// The fingerprint of the whole request.
    fn fingerprint(&self) -> [u8; 32] {
        let make = || fingerprint::finished(fingerprint::begun(&self.parts), self.body.bytes());
        *self.fingerprint.get_or_init(make)
    }
}

/// Which of the accepted media types a body has, by the head of its request.
pub(crate) fn media_type_of(
    headers: &HeaderMap,
    accepted: &[MediaType],
) -> Result<MediaType, Problem> {
    if headers.contains_key(CONTENT_RANGE) {
        // A partial PUT is refused (RFC 9110, section 14.5).
        return Err(Problem::bad_header(
            "Content-Range",
            "not_here",
            "a part of a persona cannot be sent; use PATCH without it",
        ));
    }
    let names = accepted.iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
    let refused = |detail: String| {
        let header = if accepted == MediaType::PATCH { ACCEPT_PATCH } else { ACCEPT };
        let value = HeaderValue::try_from(names.as_str()).expect("media types are visible ASCII");
        Problem::new(Code::UnsupportedMediaType, detail)
            .hint(format!("send Content-Type: {}", accepted[0].name()))
            .header(header, value)
    };
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Problem::new(Code::UnsupportedMediaType, "a compressed body is not accepted")
            .hint("send it without Content-Encoding")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Err(refused(format!("Content-Type is missing; accepted: {names}")));
    };
    let text = value.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let Some(media_type) = accepted.iter().find(|known| essence.eq_ignore_ascii_case(known.name()))
    else {
        return Err(refused(format!(
            "{} is not accepted here; accepted: {names}",
            excerpt(essence)
        )));
    };
    let charset = parts.find_map(|part| {
        part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset"))
    });
    match charset.map(|(_, charset)| charset.trim_matches('"')) {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
            Err(refused(format!("JSON is UTF-8, the body says {}", excerpt(charset))))
        }
        _ => Ok(*media_type),
    }
}

/// The idempotency key, bare or as an RFC 8941 string: both spellings are the same key.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = only(headers, &IDEMPOTENCY_KEY, "Idempotency-Key")? else { return Ok(None) };
    let key = read_key(value.to_str().unwrap_or_default().trim());
    key.map(Some).ok_or_else(|| {
        let message = format!("must be {}", idempotency_key::wanted());
        Problem::bad_header("Idempotency-Key", "bad_value", message)
    })
}

/// The author of the changes of a request: the token's name, or the author that the request names.
pub(super) fn author_of(parts: &Parts) -> Result<Option<String>, Problem> {
    let named = author(&parts.headers)?;
    match parts.extensions.get::<Identity>() {
        Some(identity) => Ok(Some(identity.author(named)?)),
        None => Ok(named),
    }
}

fn author(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = only(headers, &AUTHOR, "X-Persona-Author")? else { return Ok(None) };
    let author = std::str::from_utf8(value.as_bytes()).unwrap_or_default().trim();
    if !(1..=AUTHOR_CHARS_MAX).contains(&author.chars().count())
        || author.chars().any(char::is_control)
    {
        let message = format!(
            "must be 1 to {AUTHOR_CHARS_MAX} characters of UTF-8 text without control characters"
        );
        return Err(Problem::bad_header("X-Persona-Author", "bad_value", message));
    }
    Ok(Some(author.to_owned()))
}

/// The value of a header that must have one line; with two it would be open which of them counts.
pub(crate) fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    spelled: &'static str,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(Problem::bad_header(spelled, "repeated", "is there more than once")),
        (line, None) => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use axum::body::Body;
    use axum::extract::FromRequest;
    use http::Request;

    use super::{MediaType, WriteRequest};
    use crate::testing::{context, memory_store};

    /// Whether the serving thread reads a body of this size, and whether its request holds a turn
    /// afterwards.
    async fn read(bytes: usize) -> (bool, bool) {
        let context = Arc::new(context(Arc::new(memory_store())));
        let body = format!("{{}}{}", " ".repeat(bytes - 2));
        let request = Request::builder().header("content-type", "application/json");
        let request = request.body(Body::from(body)).expect("a request");
        let mut request = WriteRequest::from_request(request, &context).await.expect("read");
        let serving = thread::current().id();
        let is_here = request
            .read(&context, MediaType::PERSONA, move |_, _| Ok(thread::current().id() == serving))
            .await
            .expect("an object");
        (is_here, request.turn.is_some())
    }

    #[tokio::test]
    async fn only_a_small_body_is_read_on_the_serving_thread_and_only_a_large_one_keeps_its_turn() {
        let mut found = Vec::new();
        for bytes in [2, 8 * 1024, 8 * 1024 + 1, 64 * 1024, 64 * 1024 + 1] {
            found.push(read(bytes).await);
        }
        let (light, medium, large) = ((true, false), (false, false), (false, true));
        assert_eq!(found, [light, light, medium, medium, large]);
    }
}
