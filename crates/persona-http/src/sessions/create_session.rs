//! `POST /api/v1/session`: a one-time link becomes a session.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::SET_COOKIE;
use persona_model::Timestamp;
use persona_storage::{TokenChange, TokenSecret, is_link_name, session_name};

use super::{change, told};
use crate::Context;
use crate::auth::{Identity, set_cookie};
use crate::problem::{Code, Problem};

/// How long a session lasts: long enough that a user signs in once a week, short enough that a
/// forgotten browser does not stay signed in.
const SESSION: Duration = Duration::from_hours(7 * 24);

/// Exchanges the token of a link for a token that is only in the cookie. A request with another
/// token, or without one, changes nothing and is answered like `GET`.
pub async fn create_session(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let Some(Identity(link)) = request.extensions().get::<Identity>() else {
        return Ok(told(&context, None));
    };
    if !is_link_name(&link.name) {
        return Ok(told(&context, Some(link)));
    }
    let now = context.clock.now();
    let length = i64::try_from(SESSION.as_micros()).unwrap_or(i64::MAX);
    let ends_at = Timestamp::from_micros(now.as_micros().saturating_add(length));
    let no_random_numbers = |_| Problem::new(Code::Internal, "the system gives no random numbers");
    let secret = TokenSecret::random().map_err(no_random_numbers)?;
    // One change in the store: if several requests have the same link, exactly one of them gets a
    // session, and a link that was revoked meanwhile gets none.
    let exchange = TokenChange::Exchange {
        id: link.id,
        from: link.hash,
        to: secret.hash(),
        name: session_name(context.new_id()),
        until: ends_at,
        at: now,
    };
    let session = change(&context, exchange).await?;
    let mut response = told(&context, Some(&session));
    let cookie =
        set_cookie(request.headers(), &context.root_path, secret.expose(), SESSION.as_secs());
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}
