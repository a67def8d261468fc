//! `DELETE /api/v1/personas/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_storage::Operation;

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, etag};
use crate::problem::Problem;

/// Soft-deletes the persona, so that it can be undeleted. Deleting it again changes nothing.
pub async fn delete_persona(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    Parameters::none(&request.parts.uri, OperationId::DeletePersona)?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition = conditions::required_precondition(&request.parts.headers)?;
    let write = request.write(&context, Operation::Delete { id, precondition })?;
    responses::respond_no_content(&context, request.viewer()?, write).await
}
