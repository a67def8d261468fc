//! `PATCH /api/v1/personas/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::{Patch, Precondition};
use persona_storage::Operation;

use super::answer;
use crate::parameters::{Holds, Parameter, Parameters};
use crate::problem::Problem;
use crate::request::{MediaType, WriteRequest};
use crate::{Context, conditions, etag};

/// What the query may hold.
pub(crate) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "base_revision",
    holds: Holds::Number(i64::MAX as u64),
    repeats: false,
    about: "The revision that the change was made to; it is merged with what happened since.",
}];

/// Changes a part of the document: as a merge patch (RFC 7396) or a JSON Patch (RFC 6902).
pub async fn patch_persona(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let mut parameters = Parameters::read(&request.parts.uri, PARAMETERS);
    let base = parameters.revision("base_revision");
    parameters.done()?;
    etag::no_creation(&request.parts.headers)?;
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
    answer::written(&context, request.write(&context, operation)?).await
}
