//! What happens to every request: an id, a count, a line in the log, and an answer even when a
//! handler panics.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, CONTENT_LOCATION, CONTENT_SECURITY_POLICY, LOCATION, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body;
use persona_model::PersonaId;
use persona_storage::Party;

use crate::allow::methods_at;
use crate::answering::Answering;
use crate::auth::{guess_beyond_budget, permit};
use crate::contract::OperationId;
use crate::limits::answer_memory::SMALL_BYTES_MAX;
use crate::origins::{PageVerdict, preflight};
use crate::problem::{Code, Problem, Refusal, render, render_aside};
use crate::rate_limit::Counted;
use crate::{ClientAddress, Context, TokenNote, personas};

/// The target of the log lines about requests that break the rules of HTTP. The log never
/// suppresses one of them as a repetition.
pub const REFUSALS: &str = "persona_http::refusals";
/// Names a request in the answer, in the body of a problem and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Names the worker that answered.
pub(super) const WORKER: HeaderName = HeaderName::from_static("x-persona-worker");
/// Tells how long the server took.
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Says which sites may load an answer without asking for permission to read it.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The policy of an answer that is no page (Content Security Policy, level 3).
const NOTHING_MAY_LOAD: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Most characters of a request id that a client or proxy chose.
const REQUEST_ID_CHARS_MAX: usize = 128;
/// Most characters of a method in the log; one can be as long as a head.
const METHOD_CHARS_MAX: usize = 32;

/// The message with which tokio panics when the system gives it no thread for blocking work
/// (`spawn_blocking`), because memory or threads are used up. The work has not begun then.
const NO_THREAD: &str = "OS can't spawn worker thread";

/// Answers a request, with what `handle` makes of it unless it is refused for its head. `route` is
/// the pattern of its path, for the log. A request without an operation (unknown path or method) is
/// counted under one common series, because texts of clients must not become series of metrics.
pub(super) async fn finish(
    context: &Context,
    operation: Option<OperationId>,
    route: &'static str,
    mut request: Request,
    handle: impl FnOnce(Request) -> Answering,
) -> Response {
    let client = request.extensions().get::<ClientAddress>().copied();
    let begun = Begun::new(context, &request, route, client);
    if operation == Some(OperationId::BatchPersonas) {
        // The answer to a batch contains problems of its items, which need the id of the request
        // too.
        request.headers_mut().insert(REQUEST_ID, begun.id.clone());
    }
    let Begun { id, facts, .. } = &begun;
    let mut party = client.map(Party::from);
    let mut response = match request.extensions_mut().remove::<Refusal>() {
        None => match verdict(context, &request, operation, route) {
            PageVerdict::Serve => {
                let served = serve(context, operation, client, request, handle).await;
                let mut response = served.response;
                party = served.party;
                facts.note_broken(&mut response, context, id);
                response
            }
            PageVerdict::Preflight => preflight(methods_at(route)),
            PageVerdict::Refuse(problem) => {
                facts.log_refusal(&problem, id);
                problem.into_response()
            }
        },
        Some(refusal) => facts.refuse(refusal, id),
    };
    render_aside(&mut response, begun.id.to_str().unwrap_or_default()).await;
    if response.body().size_hint().lower() > SMALL_BYTES_MAX as u64 && is_refusal(&response) {
        response = in_memory_of_answers(response, context, party, &begun).await;
    }
    begun.finish(context, operation, &mut response);
    response
}

/// The answer to a request, and what limits for one client counted the request for.
struct Served {
    response: Response,
    party: Option<Party>,
}

/// The answer to a request that passed the check of its origin: the answer of its handler, if its
/// token permits it and its client is within its budget.
async fn serve(
    context: &Context,
    operation: Option<OperationId>,
    client: Option<ClientAddress>,
    mut request: Request,
    handle: impl FnOnce(Request) -> Answering,
) -> Served {
    if let Some(guess) = guess_beyond_budget(context, request.headers(), operation, client) {
        return Served { response: guess.refused(), party: client.map(Party::from) };
    }
    let permitted = permit(context, request.headers(), operation).await;
    // A request that is not permitted counts for its address, so that guesses have a limit.
    let party = match &permitted {
        Ok(permit) => permit.party(client),
        Err(_) => client.map(Party::from),
    };
    if let Some(note) = request.extensions().get::<TokenNote>() {
        note.take(party);
    }
    // The short way of plain reads may have counted the request already.
    let counted = request.extensions_mut().remove::<Counted>().or_else(|| match &permitted {
        Ok(_) => context.rates.count(operation?, party),
        Err(problem) => context.rates.count_refused(operation?, party, problem),
    });
    let mut response = match (counted.and_then(Counted::refusal), permitted) {
        (Some(problem), _) | (None, Err(problem)) => problem.into_response(),
        (None, Ok(permit)) => {
            permit.enter(party, request.extensions_mut());
            without_panic(handle(request)).await
        }
    };
    if let Some(counted) = counted {
        counted.describe(response.headers_mut());
    }
    Served { response, party }
}

/// The answer of a handler. A panic is answered as a problem.
async fn without_panic(mut answering: Answering) -> Response {
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
        polled.unwrap_or_else(|payload| Poll::Ready(panicked(payload)))
    })
    .await
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of an unknown kind"), "a handler panicked");
    if text.is_some_and(|text| text.starts_with(NO_THREAD)) {
        return Problem::new(
            Code::Busy,
            "the server has no thread left for this; nothing was changed",
        )
        .retry()
        .into_response();
    }
    Problem::new(Code::Internal, "the server met a fault of its own; its log says which")
        .into_response()
}

/// Decides whether a request of a page of another site is served. A request without an operation is
/// served, because its answer changes nothing and is the same for every client.
fn verdict(
    context: &Context,
    request: &Request,
    operation: Option<OperationId>,
    route: &str,
) -> PageVerdict {
    match context.origins.judge(request) {
        PageVerdict::Refuse(_) if operation.is_none() => PageVerdict::Serve,
        PageVerdict::Preflight if methods_at(route).is_empty() => PageVerdict::Serve,
        verdict => verdict,
    }
}

/// The state of a request from its beginning to its answer, over the router and over the short way.
pub(super) struct Begun {
    started: Instant,
    id: HeaderValue,
    /// The origin of the page that sent the request, where pages of other sites are allowed.
    origin: Option<HeaderValue>,
    facts: RequestFacts,
}

impl Begun {
    /// Begins a request that has just come.
    pub(super) fn new<B>(
        context: &Context,
        request: &http::Request<B>,
        route: &'static str,
        client: Option<ClientAddress>,
    ) -> Self {
        let started = Instant::now();
        let persona =
            if context.access_log { personas::id_in(request.uri().path()).ok() } else { None };
        let facts = RequestFacts { method: request.method().clone(), route, client, persona };
        let may_ask = !context.origins.is_empty();
        let origin = if may_ask { request.headers().get(ORIGIN).cloned() } else { None };
        Self { started, id: request_id(request.headers(), context), origin, facts }
    }

    /// Writes the body of an error answer; other answers stay as they are.
    pub(super) fn render(&self, response: &mut Response) {
        // An id that a client sent was checked to be visible ASCII, and a generated one is.
        render(response, self.id.to_str().unwrap_or_default());
    }

    /// Counts and logs the answer, and gives it the headers that every answer has.
    pub(super) fn finish(
        self,
        context: &Context,
        operation: Option<OperationId>,
        response: &mut Response,
    ) {
        let took = self.started.elapsed();
        let status = response.status().as_u16();
        context.metrics.request_answered(operation, status, took);
        if context.access_log {
            self.facts.log(&self.id, status, took);
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.id);
        // Browsers must not take JSON or text for a page or a script (Fetch standard, section 3.6).
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // No page of another site may show the answer in a frame, or load it as an image or script
        // (Fetch standard, section 3.7). The pages of this server set a policy of their own.
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING_MAY_LOAD);
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        context.origins.admit(self.origin.as_ref(), headers);
        if !context.root_path.is_empty() {
            put_root_before_places(headers, &context.root_path);
        }
        if context.expose_worker {
            headers.insert(WORKER, HeaderValue::from(context.server.slot()));
            let timing = format!("total;dur={:.3}", took.as_secs_f64() * 1000.0);
            headers.insert(
                SERVER_TIMING,
                HeaderValue::try_from(timing).expect("a number is visible ASCII"),
            );
        }
    }
}

/// Puts the prefix of the proxy in front of the paths in `Location` and `Content-Location`, so that
/// a client behind the proxy can use them.
fn put_root_before_places(headers: &mut HeaderMap, root: &str) {
    for name in [LOCATION, CONTENT_LOCATION] {
        let Some(Ok(path)) = headers.get(&name).map(HeaderValue::to_str) else { continue };
        if path.starts_with('/')
            && let Ok(full) = HeaderValue::try_from(format!("{root}{path}"))
        {
            headers.insert(name, full);
        }
    }
}

fn is_refusal(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

/// Reserves memory for a large refusal, such as a merge conflict with its three sides, like for any
/// other answer.
async fn in_memory_of_answers(
    response: Response,
    context: &Context,
    party: Option<Party>,
    begun: &Begun,
) -> Response {
    let (head, body) = response.into_parts();
    // The body is one text in memory, so collecting it does not wait.
    let text = to_bytes(body, usize::MAX).await.unwrap_or_default();
    match context.answers.reserve(party, text.len()) {
        Ok(memory) => Response::from_parts(head, memory.body(text)),
        Err(problem) => {
            let mut response = problem.into_response();
            begun.render(&mut response);
            response
        }
    }
}

/// The facts of a request that its log line needs.
struct RequestFacts {
    method: Method,
    route: &'static str,
    client: Option<ClientAddress>,
    persona: Option<PersonaId>,
}

impl RequestFacts {
    /// Answers a request that is refused for its head, and logs it.
    fn refuse(&self, refusal: Refusal, id: &HeaderValue) -> Response {
        let problem = Problem::from(refusal);
        self.log_refusal(&problem, id);
        problem.into_response()
    }

    /// Treats a request that breaks the rules of HTTP in its body, as found by its handler, like
    /// one that does so in its head: it is counted and logged, and its connection is closed.
    fn note_broken(&self, response: &mut Response, context: &Context, id: &HeaderValue) {
        if response.status() != StatusCode::BAD_REQUEST {
            return;
        }
        if let Some(problem) = response
            .extensions()
            .get::<Problem>()
            .filter(|problem| problem.code() == Code::MalformedRequest)
        {
            context.metrics.head_refused();
            self.log_refusal(problem, id);
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn log_refusal(&self, problem: &Problem, id: &HeaderValue) {
        tracing::info!(
            target: REFUSALS,
            code = problem.code().facts().word,
            detail = problem.detail(),
            request.id = id.to_str().unwrap_or_default(),
            client.address = self.client.map(tracing::field::display),
            "refused a request by its head or the frame of its body"
        );
    }

    fn log(&self, id: &HeaderValue, status: u16, took: Duration) {
        tracing::info!(
            http.method =
                self.method.as_str().get(..METHOD_CHARS_MAX).unwrap_or(self.method.as_str()),
            http.route = self.route,
            http.status = status,
            duration_ms = took.as_secs_f64() * 1000.0,
            request.id = id.to_str().unwrap_or_default(),
            client.address = self.client.map(tracing::field::display),
            persona.id = self.persona.map(tracing::field::display),
            "answered a request"
        );
    }
}

/// The id that the client sent, if it is fit for a log; otherwise a new one.
fn request_id(headers: &HeaderMap, context: &Context) -> HeaderValue {
    let fits = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=REQUEST_ID_CHARS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    headers.get(REQUEST_ID).filter(fits).cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = context.new_id().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).expect("a UUID is visible ASCII")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::super::testing::{context, memory_store};
    use super::{REQUEST_ID, SERVER_TIMING, WORKER, finish};

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_like_any_other_problem() {
        let context = context(Arc::new(memory_store()));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        let broken =
            |_| -> crate::answering::Answering { Box::pin(async { panic!("on purpose") }) };
        let response = finish(&context, None, "/", request, broken).await;
        assert_eq!(response.status(), 500);
        let (parts, body) = response.into_parts();
        assert!(
            parts.headers.contains_key(REQUEST_ID)
                && !parts.headers.contains_key(WORKER)
                && !parts.headers.contains_key(SERVER_TIMING)
        );
        let problem: Value =
            serde_json::from_slice(&body.collect().await.expect("a body").to_bytes())
                .expect("JSON");
        assert_eq!(problem["code"], "internal");
    }
}
