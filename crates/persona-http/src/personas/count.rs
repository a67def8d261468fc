//! `GET /api/v1/counts`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use persona_model::{PAGE_LIMIT_DEFAULT, Reach};
use persona_storage::{CountBy, CountRequest, Party};

use super::responses;
use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::counts::{CountEntry, CountList};
use crate::contract::parameters as row;
use crate::extract::parameters::Parameters;
use crate::problem::Problem;

/// Answers with one page of counts.
pub async fn count_personas(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let mut query = Parameters::read(request.uri(), OperationId::CountPersonas);
    let word = query.value(&row::COUNT_BY).unwrap_or(row::CountWord::Folder);
    let by = word.beginning_with(query.value(&row::HANDLE_PREFIX)).unwrap_or_else(|| {
        query.refuse("handle_prefix", "bad_value", "is for by=folder");
        CountBy::Folder(None)
    });
    let (limit, after) = (query.value(&row::LIMIT), query.value(&row::COUNT_CURSOR));
    query.done()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_LIMIT_DEFAULT);
    let view = context.store.view(viewer_of(request.extensions())?);
    let turn = context.turns.lists.turn(client).await?;
    // One more tells whether there is another page.
    let wanted = CountRequest { by, after, limit: limit + 1, reach: Reach::default() };
    let mut counts = view.counts(wanted).await?;
    drop(turn);
    let has_more = counts.len() > limit;
    counts.truncate(limit);
    let last = counts.last().filter(|_| has_more);
    let next_cursor = last.map(|count| row::count_cursor(&count.name));
    let items = counts.into_iter().map(CountEntry::from).collect();
    responses::json(&context, client, &CountList { items, next_cursor })
}
