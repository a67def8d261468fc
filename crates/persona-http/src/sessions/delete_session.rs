//! `DELETE /api/v1/session`: the end of a session.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use persona_storage::{TokenChange, is_session_name};

use super::change;
use crate::Context;
use crate::auth::{Identity, set_cookie};
use crate::problem::Problem;

/// Revokes the token of a session, and removes its cookie from the browser.
///
/// # Errors
///
/// The token of the request is none of a session: it would let its holder in as before.
pub async fn delete_session(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    if let Some(Identity(token)) = request.extensions().get::<Identity>() {
        if !is_session_name(&token.name) {
            let problem = Problem::bad_header(
                "Authorization",
                "not_here",
                "has a token that is no session, and is not ended here",
            );
            return Err(problem.hint(format!("persona token revoke {} ends it", token.name)));
        }
        let at = context.clock.now();
        change(&context, TokenChange::Revoke { which: token.id.to_string(), at }).await?;
    }
    let gone = set_cookie(request.headers(), &context.root_path, "", 0);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response())
}
