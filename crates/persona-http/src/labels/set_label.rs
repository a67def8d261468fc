//! `PUT /api/v1/personas/{id}/labels/{label}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use persona_storage::LabelMove;

use super::responses;
use crate::Context;
use crate::contract::OperationId;
use crate::extract::label;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::personas::responses::mark_replay;
use crate::problem::Problem;

/// Sets the label, or moves it to another revision.
pub async fn set_label(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let persona = request.persona_id()?;
    let name = label::label_to_move(request.parts.uri.path())?;
    Parameters::none(&request.parts.uri, OperationId::SetLabel)?;
    let precondition = label::precondition(&request.parts.headers)?;
    let read = move |_, body| label::target(body);
    let target = request.read(&context, MediaType::PERSONA, read).await?;
    let client = request.client();
    let location = OperationId::GetLabel.path_of(&[&persona.to_string(), name.as_str()]);
    let wanted =
        LabelMove { precondition, named: request.named(), ..LabelMove::new(persona, name, target) };
    let moved = responses::make(&context, &request, wanted).await?;
    let label = responses::set(moved.label)?;
    let is_new = moved.before.is_none();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = responses::with_label(&context, client, status, &label)?;
    if is_new {
        let location = HeaderValue::try_from(location).expect("a path is visible ASCII");
        response.headers_mut().insert(LOCATION, location);
    }
    mark_replay(&mut response, moved.replayed);
    Ok(response)
}
