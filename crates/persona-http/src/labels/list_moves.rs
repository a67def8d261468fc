//! `GET /api/v1/personas/{id}/labels/{label}/moves`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use persona_model::PAGE_LIMIT_DEFAULT;

use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::labels::LabelMoves;
use crate::contract::parameters::{LIMIT, MOVE_CURSOR};
use crate::extract::label::label_to_read;
use crate::extract::parameters::Parameters;
use crate::personas::{self, responses};
use crate::problem::Problem;
use persona_storage::Party;

/// Answers with one page, the newest move first; also of a label that was removed.
pub async fn list_label_moves(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let id = personas::id_in(request.uri().path())?;
    let name = label_to_read(request.uri().path())?;
    let mut query = Parameters::read(request.uri(), OperationId::ListLabelMoves);
    let limit = query.value(&LIMIT).and_then(|limit| usize::try_from(limit).ok());
    let before = query.value(&MOVE_CURSOR);
    query.done()?;
    let turn = context.turns.lists.turn(client).await?;
    let limit = limit.unwrap_or(PAGE_LIMIT_DEFAULT);
    let view = context.store.view(viewer_of(request.extensions())?);
    let page = view.label_moves(id, &name, before, limit).await?;
    drop(turn);
    match page {
        Some(page) => responses::json(&context, client, &LabelMoves::from(page)),
        None if view.labels(id).await?.is_none() => Err(Problem::no_such_persona(&id.to_string())),
        None => Err(Problem::no_such_label(name.as_str()).hint("it was never set")),
    }
}
