//! `PUT /api/v1/personas/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_storage::Operation;

use super::responses;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, squash};
use crate::problem::Problem;
use crate::{Context, wire};

/// Replaces the whole document, or creates a persona with an identity of the client's choice
/// (`If-None-Match: *`).
pub async fn replace_persona(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let mut parameters = Parameters::read(&request.parts.uri, OperationId::ReplacePersona);
    let squash = squash::of_query(&mut parameters);
    parameters.done()?;
    let precondition = conditions::of_replacement(&request.parts.headers)?;
    let read = move |_, body| Ok(responses::prepared(wire::document_of_put(id, body)?));
    let document = request.read(&context, MediaType::PERSONA, read).await?;
    let operation = match precondition {
        None => Operation::Create { id, document },
        Some(precondition) => Operation::Replace { id, precondition, document },
    };
    let mut write = request.write(&context, operation)?;
    write.squash = squash;
    responses::respond_with_row(&context, request.viewer()?, write).await
}
