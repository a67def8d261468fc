//! `POST /api/v1/personas/{id}/undelete`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::Precondition;
use persona_storage::Operation;

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, etag};
use crate::problem::Problem;

/// Undeletes the persona, as a new revision. A persona that is not deleted stays unchanged.
pub async fn undelete_persona(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    Parameters::none(&request.parts.uri, OperationId::UndeletePersona)?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition =
        conditions::precondition(&request.parts.headers)?.unwrap_or(Precondition::Any);
    let write = request.write(&context, Operation::Undelete { id, precondition })?;
    responses::respond_with_row(&context, request.viewer()?, write).await
}
