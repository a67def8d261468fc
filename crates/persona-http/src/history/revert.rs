//! `POST /api/v1/personas/{id}/revisions/{revision}/revert`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_storage::Operation;

use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, etag};
use crate::personas::responses;
use crate::problem::Problem;

/// Gives the persona the content of an earlier revision, as a new revision. Its note says so unless
/// the client sends a note.
pub async fn revert_persona(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let revision = responses::revision_in(request.parts.uri.path(), id)?;
    Parameters::none(&request.parts.uri, OperationId::RevertPersona)?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition = conditions::required_precondition(&request.parts.headers)?;
    let operation = Operation::Revert { id, precondition, revision };
    let mut write = request.write(&context, operation)?;
    write.note.get_or_insert_with(|| format!("revert to {revision}"));
    responses::respond_with_row(&context, request.viewer()?, write).await
}
