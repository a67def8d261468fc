//! `GET /api/v1/personas/{id}/revisions`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use persona_model::{PAGE_LIMIT_DEFAULT, Revision};
use persona_storage::{Party, RevisionSummary};

use crate::Context;
use crate::auth::viewer_of;
use crate::contract::history::{RevisionEntry, RevisionPage};
use crate::contract::parameters::{LIMIT, REVISION_CURSOR};
use crate::contract::{OperationId, Time};
use crate::extract::parameters::Parameters;
use crate::personas::{self, responses};
use crate::problem::Problem;

/// Answers with one page of revisions, the newest first. Works for a deleted persona too.
pub async fn list_revisions(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let id = personas::id_in(request.uri().path())?;
    let mut query = Parameters::read(request.uri(), OperationId::ListRevisions);
    let limit = query.value(&LIMIT).and_then(|limit| usize::try_from(limit).ok());
    let before = query.value(&REVISION_CURSOR);
    query.done()?;
    let turn = context.turns.lists.turn(client).await?;
    let view = context.store.view(viewer_of(request.extensions())?);
    let page = view.revisions(id, before, limit.unwrap_or(PAGE_LIMIT_DEFAULT)).await?;
    drop(turn);
    let page = page.ok_or_else(|| Problem::no_such_persona(&id.to_string()))?;
    let last = page.items.last().filter(|_| page.has_more);
    let next_cursor = last.map(|entry| entry.revision.to_string());
    let items = page.items.into_iter().map(entry).collect();
    let page = RevisionPage { items, next_cursor };
    responses::json(&context, client, &page)
}

fn entry(summary: RevisionSummary) -> RevisionEntry {
    RevisionEntry {
        revision: summary.revision.number(),
        at: Time(summary.at),
        by: summary.author,
        note: summary.note,
        changed: summary.changed,
        base: summary.base.map(Revision::number),
        deleted: summary.deleted,
        size: summary.document_bytes,
    }
}
