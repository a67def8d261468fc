//! `POST /api/v1/personas/release`: moves of labels of many personas, all of them or none.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::ValidationErrors;
use persona_storage::{LABEL_MOVES_MAX, LabelMoves, NoMoves, NotApplied};

use super::responses;
use crate::contract::OperationId;
use crate::contract::labels::{ReleaseAnswer, ReleaseItem};
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, label};
use crate::problem::Problem;
use crate::{ClientAddress, Context, personas};

/// Moves all labels in one transaction, in their order. A move that is refused is told with its
/// place, and then none is made.
pub async fn release_labels(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    Parameters::none(&request.parts.uri, OperationId::ReleaseLabels)?;
    conditions::none(&request.parts.headers, "is not understood here: each move has its own")?;
    let read = |_, body| label::moves(body);
    let wanted = request.read(&context, MediaType::PERSONA, read).await?;
    let moves = LabelMoves::new(wanted, context.write_deadline()).map_err(of_no_moves)?;
    let asked: Vec<_> = moves.moves().iter().map(|one| (one.persona, one.name.clone())).collect();
    let moves = responses::on_behalf_of(&context, &request, moves)?;
    let done = context.store.view(request.viewer()?).move_labels(moves).await;
    let done = done.map_err(|NotApplied { place, error }| {
        match place.and_then(|place| Some((place, asked.get(place)?))) {
            Some((place, (id, _))) => Problem::of_label_of(*id, error).not_moved(place),
            None => Problem::from(error),
        }
    })?;
    let items = asked.iter().zip(&done);
    let items = items.map(|((id, name), done)| ReleaseItem::of(*id, name, done));
    let answer = ReleaseAnswer { items: items.collect() };
    let client = request.client().map(ClientAddress);
    let mut response = personas::responses::json(&context, client, &answer)?;
    let is_replayed = done.iter().any(|moved| moved.replayed);
    personas::responses::mark_replay(&mut response, is_replayed);
    Ok(response)
}

fn of_no_moves(error: NoMoves) -> Problem {
    match error {
        NoMoves::Count(count) => {
            let message = format!("must have 1 to {LABEL_MOVES_MAX} moves, has {count}");
            ValidationErrors::one("/moves", "too_many", message).into()
        }
        NoMoves::SameLabel { place, first } => {
            let message = format!("is the label of move {first} too; a release has each once");
            ValidationErrors::one(format!("/moves/{place}/label"), "repeated", message).into()
        }
    }
}
