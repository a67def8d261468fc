//! `GET` and `POST /api/v1/personas/{id}/diff`: what differs between two revisions, or between a
//! revision and a document of the client.
//!
//! Comparing takes up to a tenth of a second, so it runs on a blocking thread, and clients take
//! turns as for large bodies.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use persona_model::{Document, PersonaId, Revision, diff_documents};
use persona_storage::{Error, Party, Representation, View};

use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::history::RevisionDiff;
use crate::contract::parameters::{FROM, FROM_CURRENT, TO};
use crate::extract::conditions;
use crate::extract::parameters::Parameters;
use crate::extract::request::{MediaType, WriteRequest};
use crate::limits::heavy::{Turn, Weight};
use crate::personas::{self, read, responses};
use crate::problem::{Code, Problem};
use crate::{Context, wire};

/// Compares two revisions: by default the current one with the one before.
pub async fn diff_revisions(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let view = context.store.view(viewer_of(request.extensions())?);
    let id = personas::id_in(request.uri().path())?;
    let mut query = Parameters::read(request.uri(), OperationId::DiffRevisions);
    let (from, to) = (query.value(&FROM), query.value(&TO));
    query.done()?;
    let after = revision_or_current(&context, view, client, id, to).await?;
    let before = match from {
        Some(from) => read::at_revision(&context, view, client, id, from).await?,
        None => before(&context, view, client, id, after.revision).await?,
    };
    let bytes = before.body.len() + after.body.len();
    let work = move || {
        let (from, to) = (before.revision, after.revision);
        let (before, after) = (document(&before)?, document(&after)?);
        Ok(RevisionDiff::of(from, Some(to), diff_documents(&before, &after)))
    };
    compared(&context, client, bytes, None, work).await
}

/// Compares a revision, by default the current one, with the document that was sent.
pub async fn diff_document(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let client = request.client();
    let id = request.persona_id()?;
    let viewer = request.viewer()?.clone();
    let view = context.store.view(&viewer);
    let mut query = Parameters::read(&request.parts.uri, OperationId::DiffDocument);
    let from = query.value(&FROM_CURRENT);
    query.done()?;
    conditions::none(&request.parts.headers, "is not understood here: nothing is changed")?;
    let read = move |_, body| Ok(wire::document_of_put(id, body)?);
    let after = request.read(&context, MediaType::PERSONA, read).await?;
    let before = revision_or_current(&context, view, client, id, from).await?;
    let bytes = before.body.len() + request.body().bytes().len();
    let work = move || {
        let diff = diff_documents(&document(&before)?, &after);
        Ok(RevisionDiff::of(before.revision, None, diff))
    };
    compared(&context, client, bytes, request.turn(), work).await
}

/// A revision that a client names, or the current state, also of a deleted persona. The current one
/// is not read by its number: an autosave drops what it replaces.
async fn revision_or_current(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
    revision: Option<Revision>,
) -> Result<Representation, Problem> {
    match revision {
        Some(revision) => read::at_revision(context, view, client, id, revision).await,
        None => read::current(context, view, client, id).await,
    }
}

/// The last revision before another one that is kept.
async fn before(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
    to: Revision,
) -> Result<Representation, Problem> {
    loop {
        let page = view.revisions(id, Some(to), 1).await?;
        let page = page.ok_or_else(|| Problem::no_such_persona(&id.to_string()))?;
        let Some(entry) = page.items.first() else {
            let what = format!("revision {to} of {id} is the first");
            return Err(Problem::new(Code::NoSuchRevision, what)
                .hint("name the revision to start from with from"));
        };
        match read::at_revision(context, view, client, id, entry.revision).await {
            // The revision went since the list was read. The next one is before it, and the first
            // one stays.
            Err(problem) if problem.code() == Code::RevisionDropped => {}
            found => return found,
        }
    }
}

fn document(answer: &Representation) -> Result<Document, Error> {
    let damaged = |what: &dyn std::fmt::Display| {
        Error::Damaged(format!("a stored revision cannot be read: {what}"))
    };
    let answer = serde_json::from_slice(&answer.body).map_err(|error| damaged(&error))?;
    Document::from_representation(&answer).map_err(|invalid| damaged(&invalid))
}

/// Does the work elsewhere, in the turn that the request has or in a new one, and answers with what
/// came of it.
async fn compared(
    context: &Context,
    client: Option<Party>,
    bytes: usize,
    turn: Option<Arc<Turn>>,
    work: impl FnOnce() -> Result<RevisionDiff, Error> + Send + 'static,
) -> Result<Response, Problem> {
    let turn = if let Some(turn) = turn {
        turn
    } else {
        let weight = match Weight::of(bytes) {
            Weight::Large => Weight::Large,
            // Short texts of many short lines take long too.
            Weight::Light | Weight::Medium => Weight::Medium,
        };
        Arc::new(context.heavy.take(weight, client, context.write_deadline()).await?)
    };
    let worked = tokio::task::spawn_blocking(move || {
        let text = work().map(|diff| serde_json::to_vec(&diff).expect("a body is JSON"));
        drop(turn);
        text
    });
    let text = worked
        .await
        .map_err(|_| Problem::new(Code::Internal, "the revisions could not be compared"))??;
    responses::json_text(context, client, text)
}
