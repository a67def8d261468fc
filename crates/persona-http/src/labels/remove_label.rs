//! `DELETE /api/v1/personas/{id}/labels/{label}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_storage::{LabelMove, LabelTarget};

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::extract::{etag, label};
use crate::personas::responses::mark_replay;
use crate::problem::Problem;

/// Removes the label. Its moves are kept, and the revision that it pointed to.
pub async fn remove_label(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    let persona = request.persona_id()?;
    let name = label::label_to_move(request.parts.uri.path())?;
    Parameters::none(&request.parts.uri, OperationId::RemoveLabel)?;
    etag::reject_if_none_match(&request.parts.headers)?;
    let precondition = label::precondition(&request.parts.headers)?;
    let wanted = LabelMove {
        precondition,
        named: request.named(),
        ..LabelMove::new(persona, name, LabelTarget::Nowhere)
    };
    let moved = responses::make(&context, &request, wanted).await?;
    let mut response = responses::no_content();
    mark_replay(&mut response, moved.replayed);
    Ok(response)
}
