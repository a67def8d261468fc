//! `GET` and `HEAD /api/v1/personas/{id}`: the hot path. The bytes of the store are sent unchanged.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::read;
use crate::Context;
use crate::contract::OperationId;
use crate::contract::parameters::{INCLUDE, LABEL, REVISION};
use crate::extract::parameters::Parameters;
use crate::labels::read::{Wanted, by_label, with_labels};
use crate::problem::Problem;

/// Answers with the current revision, or with the one that is asked for or that a label points to.
pub async fn get_persona(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let id = super::id_in(request.uri().path())?;
    let mut parameters = Parameters::read(request.uri(), OperationId::GetPersona);
    let revision = parameters.value(&REVISION);
    let label = parameters.value(&LABEL);
    let includes_labels = parameters.value(&INCLUDE).is_some();
    if revision.is_some() && label.is_some() {
        parameters.refuse(LABEL.parameter.name, "not_here", "does not go with revision");
    }
    parameters.done()?;
    match Wanted::of(revision, label) {
        wanted if includes_labels => {
            with_labels(&context, &request.into_parts().0, id, wanted).await
        }
        Wanted::Label(name) => by_label(&context, &request.into_parts().0, id, &name).await,
        Wanted::Current | Wanted::Revision(_) => {
            read::respond(&context, request, id, revision).await
        }
    }
}
