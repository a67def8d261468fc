//! `POST /api/v1/personas/release`: moves of labels of many personas, all of them or none.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use persona_model::ValidationErrors;
use persona_storage::{LABEL_MOVES_MAX, LabelMoves, NoMoves, NotApplied};

use super::responses;
use crate::contract::OperationId;
use crate::contract::labels::{ReleaseAnswer, ReleaseItem};
use crate::extract::label::AskedMove;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::{conditions, label};
use crate::problem::Problem;
use crate::{Context, personas};

/// Moves all labels in one transaction, in their order. A move that is refused is told with its
/// place, and then none is made.
pub async fn release_labels(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    Parameters::none(&request.parts.uri, OperationId::ReleaseLabels)?;
    conditions::none(&request.parts.headers, "is not understood here: each move has its own")?;
    let asked = request.read(&context, MediaType::PERSONA, |_, body| label::moves(body)).await?;
    let view = context.store.view(request.viewer()?);
    let mut wanted = Vec::with_capacity(asked.len());
    for (place, one) in asked.iter().enumerate() {
        let led = one.led(view).await;
        wanted.push(led.map_err(|problem| problem.not_moved(place, &one.what()))?);
    }
    let moves = LabelMoves::new(wanted, context.write_deadline());
    let moves = moves.map_err(|error| of_no_moves(&asked, error))?;
    let about: Vec<_> = moves.moves().iter().map(|one| (one.persona, one.name.clone())).collect();
    let moves = responses::on_behalf_of(&context, &request, moves)?;
    let done = view.move_labels(moves).await;
    let done = done.map_err(|NotApplied { place, error }| {
        let of = |place: usize| Some((place, about.get(place)?.0, asked.get(place)?.what()));
        match place.and_then(of) {
            Some((place, id, what)) => Problem::of_label_of(id, error).not_moved(place, &what),
            None => Problem::from(error),
        }
    })?;
    let items = about.iter().zip(&done);
    let items = items.map(|((id, name), done)| ReleaseItem::of(*id, name, done));
    let answer = ReleaseAnswer { items: items.collect() };
    let client = request.client();
    let mut response = personas::responses::json(&context, client, &answer)?;
    let is_replayed = done.iter().any(|moved| moved.replayed);
    personas::responses::mark_replay(&mut response, is_replayed);
    Ok(response)
}

fn of_no_moves(asked: &[AskedMove], error: NoMoves) -> Problem {
    match error {
        NoMoves::Count(count) => {
            let message = format!("must have 1 to {LABEL_MOVES_MAX} moves, has {count}");
            ValidationErrors::one("/moves", "too_many", message).into()
        }
        NoMoves::SameLabel { place, first } => {
            let what = asked.get(place).map(AskedMove::what).unwrap_or_default();
            let message = format!("{what} is moved by move {first} too; a release has each once");
            Problem::from(ValidationErrors::one("/label", "repeated", message)).of_move(place)
        }
    }
}
