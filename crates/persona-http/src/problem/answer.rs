//! One error answer, and how it becomes a response.
//!
//! A [`Problem`] leaves its handler as an extension of an empty response. The middleware renders
//! the problem, because it knows the id of the request; so every error body has the id.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue};
use persona_model::{FIELD_ERRORS_MAX, ValidationErrors, json_bytes};
use persona_storage::Error;

use super::Code;
use super::store::log_failure;
use crate::aside::{NoThread, on_a_thread};
use crate::contract::problem_body::{Conflict, FieldError, ProblemBody};

/// Headers of a single request, each with the member that stands for it in an item of a batch.
pub(crate) const HEADERS_AS_MEMBERS: [(&str, &str); 3] = [
    ("If-None-Match", "if_none_match"),
    ("If-Match", "if_match"),
    ("Idempotency-Key", "idempotency_key"),
];

/// Most bytes of the sides of conflicts that are merged for an answer on the thread that serves.
const SMALL_SIDES_BYTES_MAX: usize = 64 * 1024;

/// An error answer. Boxed, to keep results small in the common case of no error.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    /// The body of the answer, without the conflicts and the members that follow from the code.
    body: ProblemBody,
    /// The conflicts of a merge. They are told with texts that are merged line by line, which takes
    /// long for large ones, so that they become members only when the body is written.
    conflicts: Vec<persona_model::Conflict>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The failure that caused the problem, for the log. It is shared, because extensions of
    /// responses must be clonable and the error is not.
    cause: Option<Arc<Error>>,
}

/// A description of damaged data. It is an extension of the response, for the program itself; no
/// client gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage(pub String);

impl Problem {
    /// Makes a problem with a sentence on the case at hand.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let body = ProblemBody { detail: detail.into(), ..ProblemBody::default() };
        let (conflicts, headers) = (Vec::new(), Vec::new());
        Self(Box::new(Parts { code, body, conflicts, headers, cause: None }))
    }

    /// Adds a hint on what the client can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.body.hint = Some(hint.into());
        self
    }

    /// Adds what is wrong with the request, item by item.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.body.errors = errors;
        self
    }

    /// Adds the conflicts of a merge.
    #[must_use]
    pub fn conflicts(mut self, conflicts: Vec<persona_model::Conflict>) -> Self {
        let more = conflicts.len().saturating_sub(FIELD_ERRORS_MAX);
        self.0.body.more_conflicts = (more > 0).then_some(more);
        self.0.conflicts = conflicts;
        self
    }

    /// Whether it takes long to write the body: it goes to another thread then (`aside.rs`).
    pub fn is_large(&self) -> bool {
        let sides = |one: &persona_model::Conflict| {
            let sides = [&one.base, &one.theirs, &one.yours];
            sides.into_iter().flatten().map(json_bytes).sum::<usize>()
        };
        self.0.conflicts.iter().map(sides).sum::<usize>() > SMALL_SIDES_BYTES_MAX
    }

    /// Sets members of the body that belong to the code.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut ProblemBody)) -> Self {
        set(&mut self.0.body);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds the failure that caused the problem. It is logged when the problem is answered.
    #[must_use]
    pub fn caused_by(mut self, error: Error) -> Self {
        self.0.cause = Some(Arc::new(error));
        self
    }

    /// Adds the failure that caused another problem.
    #[must_use]
    pub fn caused_as(mut self, other: Self) -> Self {
        self.0.cause = other.0.cause;
        self
    }

    /// The failure that caused the problem, if there is one.
    pub fn cause(&self) -> Option<&Error> {
        self.0.cause.as_deref()
    }

    /// The code of the problem.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The entity tag of the current state, where the problem names that.
    pub fn etag(&self) -> Option<&str> {
        let etag = self.0.headers.iter().find(|(name, _)| *name == ETAG);
        etag.and_then(|(_, value)| value.to_str().ok())
    }

    /// The sentence on the case at hand.
    pub fn detail(&self) -> &str {
        &self.0.body.detail
    }

    /// The body of the answer.
    pub fn body(&self, request_id: &str) -> ProblemBody {
        let facts = self.0.code.facts();
        ProblemBody {
            conflicts: Conflict::all(&self.0.conflicts),
            r#type: self.0.code.type_uri(),
            title: facts.title.into(),
            status: facts.status.as_u16(),
            code: facts.word.into(),
            request_id: request_id.into(),
            ..self.0.body.clone()
        }
    }

    fn text(&self, request_id: &str) -> Vec<u8> {
        serde_json::to_vec(&self.body(request_id)).expect("a problem is JSON")
    }

    /// The problem without details of the case, for answers that would be too long otherwise.
    #[must_use]
    pub fn in_short(&self) -> Self {
        Self::new(self.code(), "the answer has no room for more of this")
    }

    /// Turns the problem into that of an item of a batch: pointers lead into the body of the whole
    /// request, and members are named in place of headers.
    #[must_use]
    pub fn of_item(self, place: usize) -> Self {
        self.of_part("items", place)
    }

    /// The same problem of a move of a release.
    #[must_use]
    pub fn of_move(self, place: usize) -> Self {
        self.of_part("moves", place).with(|body| body.item = Some(place))
    }

    fn of_part(mut self, list: &str, place: usize) -> Self {
        if self.0.code == Code::BadHeader {
            self.0.code = Code::Invalid;
        }
        let body = &mut self.0.body;
        body.detail = with_members(&body.detail).into();
        body.hint = body.hint.take().map(|hint| with_members(&hint).into());
        for error in &mut body.errors {
            let of_header = error.header.take().map(|header| format!("/{}", with_members(&header)));
            let pointer = of_header.or_else(|| error.pointer.take()).unwrap_or_default();
            error.pointer = Some(format!("/{list}/{place}{pointer}"));
            error.message = with_members(&error.message);
        }
        if let (Code::Invalid, [error]) = (self.0.code, body.errors.as_slice()) {
            let pointer = error.pointer.as_deref().unwrap_or_default();
            body.detail = format!("{pointer}: {}", error.message).into();
        }
        self
    }

    /// Turns the problem into that of an atomic batch of which no item was applied, because of the
    /// item at this place.
    #[must_use]
    pub fn not_applied(self, place: usize) -> Self {
        self.of_item(place).with(|body| {
            body.item = Some(place);
            let detail = &body.detail;
            body.detail =
                format!("item {place}: {detail}; nothing of the batch was applied").into();
        })
    }

    /// Turns the problem into that of a batch of which only the first `items` items were read and
    /// answered.
    #[must_use]
    pub fn of_rest(self, items: usize) -> Self {
        self.with(|body| {
            body.item = Some(items);
            let detail = &body.detail;
            body.detail =
                format!("item {items} and those behind it were not done: {detail}").into();
        })
    }

    /// The same of a move for which nothing of a release was made. `what` is the label and its
    /// persona as the client names them.
    #[must_use]
    pub fn not_moved(self, place: usize, what: &str) -> Self {
        self.of_move(place).with(|body| {
            let detail = &body.detail;
            body.detail = format!("move {place}, {what}: {detail}; no label was moved").into();
        })
    }

    /// Adds what another problem says is wrong, where both say that rules are broken.
    pub fn add_errors(&mut self, other: Self) {
        let (own, other) = (&mut self.0, *other.0);
        if own.code != Code::Invalid || other.code != Code::Invalid {
            return;
        }
        let mut more = own.body.more_errors.unwrap_or_default();
        more += other.body.more_errors.unwrap_or_default();
        for error in other.body.errors {
            if own.body.errors.len() < FIELD_ERRORS_MAX {
                own.body.errors.push(error);
            } else {
                more += 1;
            }
        }
        own.body.more_errors = (more > 0).then_some(more);
    }

    /// A header that cannot be used.
    pub fn bad_header(
        header: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self::new(Code::BadHeader, format!("{header}: {message}")).errors(vec![FieldError {
            header: Some(header.into()),
            code: code.into(),
            message,
            ..FieldError::default()
        }])
    }

    /// Query parameters that cannot be used; at least one.
    pub fn bad_parameters(errors: Vec<FieldError>) -> Self {
        let name = |error: &FieldError| error.parameter.clone().unwrap_or_default();
        let detail = match errors.as_slice() {
            [error] if name(error).is_empty() => format!("the query {}", error.message),
            [error] => format!("{}: {}", name(error), error.message),
            errors => format!(
                "{} parameters cannot be used: {}",
                errors.len(),
                errors.iter().map(name).collect::<Vec<_>>().join(", ")
            ),
        };
        Self::new(Code::BadParameter, detail).errors(errors)
    }
}

/// A text in which names of headers are replaced by the members of an item that stand for them.
fn with_members(text: &str) -> String {
    let named = |text: String, (header, member): &(&str, &str)| text.replace(header, member);
    HEADERS_AS_MEMBERS.iter().fold(text.to_owned(), named)
}

impl From<ValidationErrors> for Problem {
    fn from(invalid: ValidationErrors) -> Self {
        let ValidationErrors { ref errors, more } = invalid;
        let detail = match errors.as_slice() {
            [_] => invalid.to_string(),
            errors => format!("{} rules are broken", errors.len() + more),
        };
        let on_the_wire = |error: persona_model::FieldError| FieldError {
            pointer: Some(error.pointer),
            code: error.code.into(),
            message: error.message,
            ..FieldError::default()
        };
        let problem = Self::new(Code::Invalid, detail)
            .errors(invalid.errors.into_iter().map(on_the_wire).collect());
        if more == 0 { problem } else { problem.with(|body| body.more_errors = Some(more)) }
    }
}

impl From<NoThread> for Problem {
    fn from(_: NoThread) -> Self {
        Self::new(Code::Busy, "the server has no thread left for this").retry()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.code.facts().status;
        response.extensions_mut().insert(self);
        response
    }
}

/// Logs the failure that caused a problem, if there is one, and marks the response if the failure
/// is damage.
pub fn note_failure(problem: &Problem, response: &mut Response, request_id: &str) {
    let Some(error) = problem.cause() else { return };
    log_failure(error, request_id);
    if let Error::Damaged(report) = error {
        response.extensions_mut().insert(Damage(report.clone()));
    }
}

/// Writes the body of an error answer, and logs the failure that caused it. Other answers stay
/// unchanged.
pub fn render(response: &mut Response, request_id: &str) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    let text = problem.text(request_id);
    finish(response, problem, text, request_id);
}

/// The same where the body may be a large one, which is written on another thread.
pub async fn render_aside(response: &mut Response, request_id: &str) {
    if !response.extensions().get().is_some_and(Problem::is_large) {
        return render(response, request_id);
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    let id = request_id.to_owned();
    let written = on_a_thread(move || {
        let text = problem.text(&id);
        (problem, text)
    });
    let lost = |_| Problem::new(Code::Internal, "the answer could not be written");
    let written = match written {
        Ok(writing) => writing.await.map_err(lost),
        Err(no_thread) => Err(no_thread.into()),
    };
    match written {
        Ok((problem, text)) => finish(response, problem, text, request_id),
        Err(other) => {
            *response = other.into_response();
            render(response, request_id);
        }
    }
}

fn finish(response: &mut Response, problem: Problem, text: Vec<u8>, request_id: &str) {
    *response.body_mut() = Body::from(text);
    note_failure(&problem, response, request_id);
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in problem.0.headers {
        headers.insert(name, value);
    }
}
