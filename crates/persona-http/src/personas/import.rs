//! `PUT /api/v1/personas/{id}/revisions/{revision}`: a revision that another store made.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use persona_model::{PersonaId, Revision, excerpt};
use persona_storage::Operation;

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, past};
use crate::problem::{Code, Problem};

/// Keeps a revision as it was, times and authors too: the first one of a new persona, or the next
/// one.
pub async fn import_revision(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let id = request.persona_id()?;
    let revision = revision_in(&request.parts.uri, id)?;
    Parameters::none(&request.parts.uri, OperationId::ImportRevision)?;
    let reason = "is not understood here: a past revision has one content";
    conditions::none(&request.parts.headers, reason)?;
    let read = move |_, body| {
        let read = past::past_revision(id, revision, body)?;
        read.document.prepare();
        Ok(read)
    };
    let past = Box::new(request.read(&context, MediaType::PERSONA, read).await?);
    responses::respond_with_imported_row(
        &context,
        request.write(&context, Operation::Import { id, past })?,
    )
    .await
}

/// The revision that the path names.
fn revision_in(uri: &Uri, id: PersonaId) -> Result<Revision, Problem> {
    let segment = uri.path().rsplit('/').next().unwrap_or_default();
    let number = segment.parse().ok().filter(|_| segment.bytes().all(|byte| byte.is_ascii_digit()));
    let missing = || {
        Problem::new(
            Code::NoSuchRevision,
            format!("{} is no revision of persona {id}", excerpt(segment)),
        )
    };
    number.and_then(Revision::new).ok_or_else(missing)
}
