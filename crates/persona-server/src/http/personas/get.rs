//! `GET` and `HEAD /api/v1/personas/{id}`: the hot path. The store's bytes go out as they are.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use persona_model::{PersonaId, Revision};
use persona_storage::Answer;

use super::answer;
use crate::http::parameters::{Holds, Parameter, Parameters};
use crate::http::problem::{Code, Problem};
use crate::http::{Context, etag};

/// What the query may hold.
pub(in crate::http) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "revision",
    holds: Holds::Number(i64::MAX as u64),
    repeats: false,
    about: "The revision to read instead of the current one.",
}];

/// Answers with the current revision, or with the one that is asked for.
pub async fn get_persona(State(context): State<Arc<Context>>, request: Request) -> Result<Response, Problem> {
    let id = super::id_in(request.uri().path())?;
    let mut parameters = Parameters::read(request.uri(), PARAMETERS);
    let revision = parameters.revision("revision");
    parameters.done()?;
    let answer = match revision {
        None => current(&context, id).await?,
        Some(revision) => past(&context, id, revision).await?,
    };
    // A past revision is asked for again before each use too: after a restore its number can belong to other content.
    Ok(if etag::is_known(request.headers(), answer.tag())? {
        answer::without_body(StatusCode::NOT_MODIFIED, &answer)
    } else {
        let memory = context.answers.reserve(request.extensions().get().copied(), answer.body.len())?;
        answer::with_body(StatusCode::OK, answer, memory)
    })
}

async fn current(context: &Context, id: PersonaId) -> Result<Answer, Problem> {
    match context.store.get(id).await? {
        None => Err(Problem::no_such_persona(&id.to_string())),
        Some(answer) if answer.deleted => Err(Problem::deleted(id, answer.tag())),
        Some(answer) => Ok(answer),
    }
}

async fn past(context: &Context, id: PersonaId, revision: Revision) -> Result<Answer, Problem> {
    if let Some(record) = context.store.revision(id, revision).await? {
        return Ok(record.answer);
    }
    let Some(current) = context.store.get(id).await? else {
        return Err(Problem::no_such_persona(&id.to_string()));
    };
    let detail = format!("{id} has no revision {revision}, the current one is {}", current.revision);
    Err(Problem::new(Code::NoSuchRevision, detail).with("current_revision", current.revision.number()))
}
