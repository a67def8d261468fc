//! What the routes of labels have in common: how a move is made, and the answers with a label.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use persona_storage::{Label, LabelMove, LabelMoves, MovedLabel, NotApplied, Party};

use crate::Context;
use crate::contract::labels::LabelEntry;
use crate::extract::request::WriteRequest;
use crate::extract::{etag, note};
use crate::personas::responses;
use crate::problem::{Code, Problem};

/// Moves on behalf of a request, which may make them: with its key, author and client.
pub(super) fn on_behalf_of(
    context: &Context,
    request: &WriteRequest,
    moves: LabelMoves,
) -> Result<LabelMoves, Problem> {
    let names = moves.moves().iter().map(|one| &one.name);
    note::none(&request.parts.headers, "is not kept with a move of a label")?;
    context.protected_labels.permit(request.parts.extensions.get(), names)?;
    let mut moves = moves.by(request.author()?);
    moves.idempotency = request.idempotency()?;
    moves.client = request.client();
    Ok(moves)
}

/// Makes one move on behalf of a request.
pub(super) async fn make(
    context: &Context,
    request: &WriteRequest,
    wanted: LabelMove,
) -> Result<MovedLabel, Problem> {
    let id = wanted.persona;
    let moves = on_behalf_of(context, request, LabelMoves::one(wanted, context.write_deadline()))?;
    let done = context.store.view(request.viewer()?).move_labels(moves).await;
    let done = done.map_err(|NotApplied { error, .. }| Problem::of_label_of(id, error))?;
    done.into_iter().next().ok_or_else(|| Problem::new(Code::Internal, "no move was answered"))
}

/// The label after a move that sets one.
pub(super) fn set(label: Option<Label>) -> Result<Label, Problem> {
    label.ok_or_else(|| Problem::new(Code::Internal, "a label that was set is not there"))
}

/// An answer with a label, and its tag.
pub(super) fn with_label(
    context: &Context,
    client: Option<Party>,
    status: StatusCode,
    label: &Label,
) -> Result<Response, Problem> {
    with_entry(context, client, status, &LabelEntry::from(label))
}

/// The same with a label as clients see it.
pub(super) fn with_entry(
    context: &Context,
    client: Option<Party>,
    status: StatusCode,
    entry: &LabelEntry,
) -> Result<Response, Problem> {
    let mut response = responses::json(context, client, entry)?;
    *response.status_mut() = status;
    response.headers_mut().insert(ETAG, etag::quoted(entry.etag.trim_matches('"')));
    Ok(response)
}

/// The answer to a read of a state that the client has already.
pub(super) fn not_modified(tag: &str) -> Response {
    let mut response = no_content();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(ETAG, etag::quoted(tag));
    response
}

/// The answer that something is done.
pub(super) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
