//! `GET` and `HEAD /api/v1/personas/{id}/labels/{label}`: where a label points.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::responses;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::extract::conditions;
use crate::extract::label::label_to_read;
use crate::extract::parameters::Parameters;
use crate::problem::Problem;
use crate::{Context, personas};
use persona_storage::Party;

/// Answers with the label, also of a deleted persona.
pub async fn get_label(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let id = personas::id_in(request.uri().path())?;
    let name = label_to_read(request.uri().path())?;
    Parameters::none(request.uri(), OperationId::GetLabel)?;
    let view = context.store.view(viewer_of(request.extensions())?);
    let labels = view.labels(id).await?;
    let labels = labels.ok_or_else(|| Problem::no_such_persona(&id.to_string()))?;
    let label = labels.get(&name).ok_or_else(|| Problem::no_such_label(name.as_str()))?;
    if conditions::is_known_by_tag(request.headers(), &label.tag.to_string())? {
        return Ok(responses::not_modified(&label.tag.to_string()));
    }
    responses::with_label(&context, client, StatusCode::OK, label)
}
