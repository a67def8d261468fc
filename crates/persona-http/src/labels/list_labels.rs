//! `GET /api/v1/personas/{id}/labels`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::labels::{LabelEntry, LabelList};
use crate::extract::parameters::Parameters;
use crate::personas::{self, responses};
use crate::problem::Problem;
use persona_storage::Party;

/// Answers with every label of the persona; also of a deleted one, which keeps them.
pub async fn list_labels(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let id = personas::id_in(request.uri().path())?;
    Parameters::none(request.uri(), OperationId::ListLabels)?;
    let view = context.store.view(viewer_of(request.extensions())?);
    let labels = view.labels(id).await?;
    let labels = labels.ok_or_else(|| Problem::no_such_persona(&id.to_string()))?;
    let items = labels.labels.iter().map(LabelEntry::from).collect();
    responses::json(&context, client, &LabelList { items, latest: labels.latest.number() })
}
