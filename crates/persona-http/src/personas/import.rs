//! `PUT /api/v1/personas/{id}/revisions/{revision}`: a revision that another store made.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_storage::Operation;

use super::responses;
use crate::Context;
use crate::auth::Identity;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, note, past};
use crate::problem::Problem;

/// Stores a revision with its own times and authors: the first revision of a new persona, or the
/// next one of an existing persona.
pub async fn import_revision(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let revision = responses::revision_in(request.parts.uri.path(), id)?;
    Parameters::none(&request.parts.uri, OperationId::ImportRevision)?;
    let reason = "is not understood here: a past revision has one content";
    conditions::none(&request.parts.headers, reason)?;
    let read = move |_, body| {
        let read = past::past_revision(id, revision, body)?;
        read.document.prepare();
        Ok(read)
    };
    let mut past = Box::new(request.read(&context, MediaType::PERSONA, read).await?);
    if past.note.is_none() {
        past.note = note::of_request(&request.parts.headers, &request.parts.uri)?;
    }
    if let Some(identity) = request.parts.extensions.get::<Identity>() {
        let authors = [past.created_by.as_deref(), past.updated_by.as_deref()];
        identity.permit_past(authors)?;
    }
    let write = request.write(&context, Operation::Import { id, past })?;
    responses::respond_with_imported_row(&context, request.viewer()?, write).await
}
