//! `DELETE /api/v1/personas/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use persona_model::{PersonaId, Precondition};
use persona_storage::{Operation, Purge};

use super::responses;
use crate::Context;
use crate::auth::permit_admin;
use crate::contract::OperationId;
use crate::contract::parameters::{NOTE, PURGE};
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{conditions, etag, note};
use crate::problem::Problem;

/// Soft-deletes the persona, so that it can be undeleted. Deleting it again changes nothing. With
/// `purge=true` it is removed for ever.
pub async fn delete_persona(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let mut parameters = Parameters::read(&request.parts.uri, OperationId::DeletePersona);
    let is_purge = parameters.value(&PURGE).unwrap_or(false);
    if is_purge && note::of_request(&request.parts.headers, &request.parts.uri)?.is_some() {
        parameters.refuse(NOTE.name, "not_here", "does not go with purge, which keeps nothing");
    }
    parameters.done()?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition = conditions::required_precondition(&request.parts.headers)?;
    if is_purge {
        return purge(&context, &request, id, precondition).await;
    }
    let write = request.write(&context, Operation::Delete { id, precondition })?;
    responses::respond_no_content(&context, request.viewer()?, write).await
}

/// Purges the persona. A repetition needs no key: purging it again changes nothing.
async fn purge(
    context: &Context,
    request: &WriteRequest,
    id: PersonaId,
    precondition: Precondition,
) -> Result<Response, Problem> {
    permit_admin(request.parts.extensions.get())?;
    let names_no_state = conditions::names_no_state(&precondition);
    let named = request.named();
    let (author, client) = (request.author()?, request.client());
    let wanted = Purge::new(id, precondition, context.write_deadline());
    let purge = Purge { named, author, client, ..wanted };
    let purged = context.store.view(request.viewer()?).purge(purge).await;
    purged.map_err(|error| responses::refused(id, names_no_state, error))?;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, responses::ASK_FIRST)]).into_response())
}
