//! `PATCH /api/v1/personas/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::{Patch, Precondition};
use persona_storage::Operation;

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::contract::parameters::BASE_REVISION;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, etag, squash};
use crate::problem::Problem;

/// Changes a part of the document, by a merge patch (RFC 7396) or a JSON Patch (RFC 6902).
pub async fn patch_persona(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let mut parameters = Parameters::read(&request.parts.uri, OperationId::PatchPersona);
    let (base, squash) = (parameters.value(&BASE_REVISION), squash::of_query(&mut parameters));
    parameters.done()?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition =
        conditions::precondition(&request.parts.headers)?.unwrap_or(Precondition::Any);
    let read = |media_type, body| {
        Ok(match media_type {
            MediaType::JsonPatch => Patch::json(body)?,
            MediaType::MergePatch | MediaType::Json => Patch::merge(body)?,
        })
    };
    let patch = request.read(&context, MediaType::PATCH, read).await?;
    let operation = Operation::Patch { id, precondition, patch, base };
    let mut write = request.write(&context, operation)?;
    write.squash = squash;
    responses::respond_with_row(&context, request.viewer()?, write).await
}
