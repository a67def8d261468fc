//! How one persona is read and answered, whichever route asks for it. The bytes of the store are
//! sent unchanged.

use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use persona_model::{PersonaId, Revision};
use persona_storage::{Glance, Party, Representation, View};

use super::responses;
use crate::Context;
use crate::auth::viewer_of;
use crate::extract::conditions;
use crate::handles::Named;
use crate::problem::{Code, Problem};

/// Answers with the current state of a persona, or with one of its revisions.
pub(super) async fn respond(
    context: &Context,
    request: Request,
    id: PersonaId,
    revision: Option<Revision>,
) -> Result<Response, Problem> {
    let client = request.extensions().get().copied();
    let view = context.store.view(viewer_of(request.extensions())?);
    let answer = match (request.extensions().get::<Named>(), revision) {
        (Some(named), None) => named.current(context, view, client).await?,
        _ => found(context, view, client, id, revision).await?,
    };
    let (method, headers) = (request.method(), request.headers());
    match (answer, revision) {
        (answer, None) => answer_to_read(context, method, headers, client, id, answer),
        (Some(answer), Some(_)) => found_answer(context, method, headers, client, answer),
        (None, Some(revision)) => Err(no_such_revision(context, view, client, id, revision).await?),
    }
}

/// The answer to a read of the current state. One look into the store tells whether the persona
/// exists, is deleted, or never existed.
pub(crate) fn answer_to_read(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    client: Option<Party>,
    id: PersonaId,
    found: Option<Representation>,
) -> Result<Response, Problem> {
    match found {
        None => Err(Problem::no_such_persona(&id.to_string())),
        Some(answer) if answer.deleted => Err(Problem::deleted(id, answer.tag())),
        Some(answer) => found_answer(context, method, headers, client, answer),
    }
}

/// The answer to a read that found the persona, not deleted.
fn found_answer(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    client: Option<Party>,
    answer: Representation,
) -> Result<Response, Problem> {
    // A cache must revalidate a past revision too: after a restore of a backup the number can
    // belong to other content.
    Ok(if conditions::is_known(headers, &answer)? {
        let mut response = responses::without_body(StatusCode::NOT_MODIFIED, &answer);
        if method == Method::HEAD {
            // Without this header the HTTP library sends 0, but the answer to HEAD must have the
            // length of the answer to GET (RFC 9110, section 8.6).
            response.headers_mut().insert(CONTENT_LENGTH, answer.body.len().into());
        }
        response
    } else {
        let memory = context.answers.reserve(client, answer.body.len())?;
        responses::with_body(StatusCode::OK, answer, memory, context.clock.now())
    })
}

/// The current state of a persona, also of a deleted one.
pub(crate) async fn current(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
) -> Result<Representation, Problem> {
    let answer = found(context, view, client, id, None).await?;
    answer.ok_or_else(|| Problem::no_such_persona(&id.to_string()))
}

/// The representation of a persona at a revision.
pub(crate) async fn at_revision(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
    revision: Revision,
) -> Result<Representation, Problem> {
    match found(context, view, client, id, Some(revision)).await? {
        Some(answer) => Ok(answer),
        None => Err(no_such_revision(context, view, client, id, revision).await?),
    }
}

/// The persona, or the revision that the request names. A large persona is read on another thread,
/// for which clients take turns.
async fn found(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
    revision: Option<Revision>,
) -> Result<Option<Representation>, Problem> {
    if let Glance::Whole(answer) = view.glance(id, revision).await? {
        return Ok(answer);
    }
    let _turn = context.turns.large.turn(client).await?;
    Ok(match revision {
        None => view.get(id).await?,
        Some(revision) => view.revision(id, revision).await?.map(|record| record.representation),
    })
}

async fn no_such_revision(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
    revision: Revision,
) -> Result<Problem, Problem> {
    let Some(current) = found(context, view, client, id, None).await? else {
        return Ok(Problem::no_such_persona(&id.to_string()));
    };
    let detail =
        format!("{id} has no revision {revision}, the current one is {}", current.revision);
    Ok(Problem::new(Code::NoSuchRevision, detail)
        .with(|body| body.current_revision = Some(current.revision.number())))
}
