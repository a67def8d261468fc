//! Highlights: where the words of a search are in the personas of a page.
//!
//! Finding them can take longer than the search itself, even for a small page, because the client
//! chooses the query. So the work is never done on a serving thread, and it ends when its time is
//! over or the client has left.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use persona_model::Search;
use persona_storage::{Error, Representation};
use serde_json::Value;

use super::list::elsewhere;
use crate::contract::page::Snippet;
use crate::problem::Problem;

/// The highlights of some personas as a JSON text: a list for each persona, in their order.
///
/// The work holds the turn until it has ended, even if the client has left before.
///
/// # Errors
///
/// The problem of [`Error::ReadTimedOut`] when the work takes longer than `limit`, and of
/// [`Error::Damaged`] when a stored persona is no JSON.
///
/// # Cancellation
///
/// Dropping the future ends the work before its next text.
pub(super) async fn made(
    items: Vec<Representation>,
    search: Search,
    turn: impl Send + 'static,
    limit: Duration,
) -> Result<String, Problem> {
    let client = Arc::new(());
    let time = Time { until: Instant::now() + limit, limit, client: Arc::downgrade(&client) };
    let work = move || {
        let text = text(&items, &search, &time);
        drop(turn);
        text
    };
    elsewhere(work).await
}

/// The limits of the work: its time, and the presence of its client.
struct Time {
    until: Instant,
    limit: Duration,
    /// Can be upgraded as long as the request exists.
    client: Weak<()>,
}

impl Time {
    fn goes_on(&self) -> bool {
        self.client.strong_count() > 0 && Instant::now() < self.until
    }
}

fn text(items: &[Representation], search: &Search, time: &Time) -> Result<String, Error> {
    let over = || Error::ReadTimedOut { limit: time.limit };
    let mut highlights = Vec::with_capacity(items.len());
    for item in items {
        if !time.goes_on() {
            return Err(over());
        }
        let damaged = |error: serde_json::Error| {
            Error::Damaged(format!("a stored answer cannot be read: {error}"))
        };
        let persona: Value = serde_json::from_slice(&item.body).map_err(damaged)?;
        let snippets = search.snippets(&persona, || time.goes_on()).ok_or_else(over)?;
        highlights.push(snippets.into_iter().map(Snippet::from).collect::<Vec<_>>());
    }
    Ok(serde_json::to_string(&highlights).expect("texts are JSON"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread::{self, ThreadId};
    use std::time::{Duration, Instant};

    use axum::response::IntoResponse;
    use http::StatusCode;
    use persona_model::{PersonaId, Revision, Search};
    use persona_storage::{Error, Representation};
    use uuid::Uuid;

    use super::{Time, made, text};

    const HOUR: Duration = Duration::from_hours(1);

    /// A turn that reports on which thread it is dropped.
    struct Turn(mpsc::Sender<ThreadId>);

    impl Drop for Turn {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    fn search() -> Search {
        Search::parse("a").expect("a search")
    }

    fn answers(body: &'static str) -> Vec<Representation> {
        let id = PersonaId::new(Uuid::nil());
        vec![Representation {
            id,
            revision: Revision::FIRST,
            checksum: 7,
            deleted: false,
            body: body.as_bytes().into(),
        }]
    }

    #[tokio::test]
    async fn the_work_on_the_smallest_page_is_done_on_no_serving_thread() {
        let (sender, given_back) = mpsc::channel();
        let text = made(answers(r#"{"name":"a"}"#), search(), Turn(sender), HOUR).await;
        assert_eq!(
            text.ok().as_deref(),
            Some(r#"[[{"pointer":"/name","html":"<mark>a</mark>"}]]"#)
        );
        assert_ne!(given_back.recv(), Ok(thread::current().id()));
    }

    #[tokio::test]
    async fn at_its_time_it_ends_as_a_read_does() {
        let (sender, given_back) = mpsc::channel();
        let refused =
            made(answers(r#"{"name":"a"}"#), search(), Turn(sender), Duration::ZERO).await;
        assert_eq!(
            refused.map_err(|problem| problem.into_response().status()),
            Err(StatusCode::SERVICE_UNAVAILABLE)
        );
        assert!(given_back.recv().is_ok());
    }

    #[test]
    fn it_ends_before_the_next_persona_when_the_client_has_left() {
        let client = Arc::new(());
        let time =
            Time { until: Instant::now() + HOUR, limit: HOUR, client: Arc::downgrade(&client) };
        assert!(
            matches!(text(&answers("no JSON"), &search(), &time), Err(Error::Damaged(_))),
            "it is read"
        );
        drop(client);
        assert!(
            matches!(text(&answers("no JSON"), &search(), &time), Err(Error::ReadTimedOut { .. })),
            "it is not read"
        );
    }
}
