//! `GET` and `HEAD /api/v1/personas/{id}/revisions/{revision}`: a persona as it was.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::{read, responses};
use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::problem::Problem;

/// Answers with the revision that the path names.
pub async fn get_revision(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let id = super::id_in(request.uri().path())?;
    let revision = responses::revision_in(request.uri().path(), id)?;
    Parameters::none(request.uri(), OperationId::GetRevision)?;
    read::respond(&context, request, id, Some(revision)).await
}
