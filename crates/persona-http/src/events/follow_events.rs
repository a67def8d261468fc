//! The handler of events.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::Version;

use super::asked::{Asked, Form};
use super::follower::Follower;
use super::{page, stream};
use crate::Context;
use crate::problem::{Code, Problem};
use persona_storage::Party;

/// Answers with the events behind a place: as a stream, or as a page.
pub async fn follow_events(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let (request, _) = request.into_parts();
    let asked = Asked::read(&context, &request).await?;
    if asked.form == Form::Stream && request.version < Version::HTTP_11 {
        // Without chunks no client can tell events that are complete from those that are cut off.
        return Err(Problem::new(Code::OldProtocol, "a stream can only be sent with HTTP/1.1"));
    }
    let selection = Arc::clone(&asked.selection);
    let client = request.extensions.get::<Party>().copied();
    let follower = Follower::new(&context.events, client, asked.place, selection).await?;
    match asked.form {
        Form::Stream => stream::answer(context, &request.headers, client, asked, follower).await,
        Form::Page { limit, wait_seconds } => {
            let wanted = page::Wanted { limit, wait_seconds };
            page::answer(&context, &request.headers, client, asked, follower, wanted).await
        }
    }
}
