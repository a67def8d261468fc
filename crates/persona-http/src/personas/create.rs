//! `POST /api/v1/personas`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::{Document, PersonaId};
use persona_storage::{IdentityOrigin, Operation, Write};

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::conditions;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::problem::Problem;

/// Creates a persona with an identity of the server's choice.
pub async fn create_persona(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    Parameters::none(&request.parts.uri, OperationId::CreatePersona)?;
    let document = request
        .read(&context, MediaType::PERSONA, |_, body| {
            Ok(responses::prepared(Document::from_json(body)?))
        })
        .await?;
    conditions::judge_creation(&request.parts.headers)?;
    let operation = Operation::Create { id: PersonaId::new(context.new_id()), document };
    let write = Write { identity: IdentityOrigin::New, ..request.write(&context, operation)? };
    responses::respond_with_row(&context, request.viewer()?, write).await
}
